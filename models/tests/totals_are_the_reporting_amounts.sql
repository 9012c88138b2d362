-- The days' totals are what their currencies come to in the reporting currency, and so are products and sessions' sales.
select business_day
from (
    select business_day, revenue, gmv, orders, orders_without_rate from {{ ref('daily_totals') }}
    union all
    select business_day, -coalesce(reporting_revenue, 0), -coalesce(reporting_gmv, 0), -orders, -orders_without_rate
    from {{ ref('daily_sales') }}
) as both_sides
group by business_day
having sum(revenue) <> 0 or sum(gmv) <> 0 or sum(orders) <> 0 or sum(orders_without_rate) <> 0
union all
select business_day
from (
    select business_day, gmv from {{ ref('daily_totals') }}
    union all
    select business_day, -coalesce(reporting_gmv, 0) from {{ ref('daily_product_sales') }}
) as both_sides
group by business_day
having sum(gmv) <> 0
