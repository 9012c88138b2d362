-- The days' revenue is that of the purchases that count.
select business_day, currency
from (
    select business_day, currency, revenue, orders from {{ ref('daily_sales') }}
    union all
    select business_day, currency, -revenue, -1 from {{ ref('sales') }} where is_counted
) as both_sides
group by business_day, currency
having sum(revenue) <> 0 or sum(orders) <> 0
