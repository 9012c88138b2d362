-- Categories, by hour and by day, are the day's sales, in their currency and in the reporting one; and the day's clicks and carts.
{% for breakdown in ['daily_category_sales', 'hourly_category_sales'] %}
select business_day, currency
from (
    select business_day, currency, units, gmv, discount, revenue, coalesce(reporting_revenue, 0) as reporting_revenue
    from {{ ref('daily_sales') }}
    union all
    select business_day, currency, -units, -gmv, -discount, -revenue, -coalesce(reporting_revenue, 0)
    from {{ ref(breakdown) }}
) as both_sides
group by business_day, currency
having sum(units) <> 0 or sum(gmv) <> 0 or sum(discount) <> 0 or sum(revenue) <> 0 or sum(reporting_revenue) <> 0
union all
{% endfor %}
select business_day, '' as currency
from (
    select business_day, clicks, carts from {{ ref('daily_channel') }}
    union all
    select business_day, -clicks, -carts from {{ ref('daily_category_clicks') }}
) as both_sides
group by business_day
having sum(clicks) <> 0 or sum(carts) <> 0
