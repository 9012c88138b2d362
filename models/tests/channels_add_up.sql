-- The channels' sales of a day are the day's.
select business_day, currency
from (
    select business_day, currency, revenue, orders from {{ ref('daily_sales') }}
    union all
    select business_day, currency, -revenue, -orders from {{ ref('daily_channel') }} where currency <> ''
) as both_sides
group by business_day, currency
having sum(revenue) <> 0 or sum(orders) <> 0
