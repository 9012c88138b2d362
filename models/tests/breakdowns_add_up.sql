-- Channels, stores and countries, by hour and by day, are the day's sales.
{% for breakdown in ['daily_sales_breakdown', 'hourly_sales_breakdown'] %}
select business_day, currency
from (
    select business_day, currency, orders, units, gmv, discount, revenue from {{ ref('daily_sales') }}
    union all
    select business_day, currency, -orders, -units, -gmv, -discount, -revenue from {{ ref(breakdown) }}
) as both_sides
group by business_day, currency
having sum(orders) <> 0 or sum(units) <> 0 or sum(gmv) <> 0 or sum(discount) <> 0 or sum(revenue) <> 0
{% if not loop.last %}union all{% endif %}
{% endfor %}
