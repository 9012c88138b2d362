{{ config(materialized='table') }}

{#- Customers by the month of their first order, and how many of them ordered in that month and each one after. -#}
with orders as (
    select user_id, cast({{ dbt.date_trunc('month', 'business_day') }} as date) as month, count(*) as orders
    from {{ ref('sales') }}
    where is_counted
    group by 1, 2
),

firsts as (
    select user_id, min(month) as cohort_month
    from orders
    group by user_id
),

sizes as (
    select cohort_month, count(*) as cohort_customers
    from firsts
    group by cohort_month
)

select
    firsts.cohort_month,
    cast({{ dbt.datediff('firsts.cohort_month', 'orders.month', 'month') }} as integer) as months_since,
    sizes.cohort_customers,
    count(*) as customers,
    cast(sum(orders.orders) as bigint) as orders,
    cast({{ exact_ratio('count(*)', 'sizes.cohort_customers') }} as decimal(9, 4)) as retention
from orders
join firsts on firsts.user_id = orders.user_id
join sizes on sizes.cohort_month = firsts.cohort_month
group by firsts.cohort_month, orders.month, sizes.cohort_customers
