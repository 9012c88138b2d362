-- Each customer of the sales is new on one day.
select new_customers, customers
from (
    select (select sum(new_customers) from {{ ref('daily_customers') }}) as new_customers,
        (select count(distinct user_id) from {{ ref('sales') }} where is_counted) as customers
) as both_sides
where coalesce(new_customers, 0) <> customers
