{{ config(
    materialized='incremental',
    partition_by='month(business_day)',
    meta={'rebuild_days': 'customer_days'}
) }}

{#- A customer is new on the business day of their first order of all, in whatever currency, and returning on each later
    day with an order. -#}
with days as (
    select user_id, business_day, count(*) as orders
    from {{ ref('sales') }}
    where is_counted
    {%- if is_incremental() %} and business_day in ({{ var('touched_days') }}){% endif %}
    group by user_id, business_day
),

firsts as (
    select user_id, min(business_day) as first_day
    from {{ ref('sales') }}
    where is_counted
    {%- if is_incremental() %} and {{ key_hash('user_id') }} in (select {{ key_hash('user_id') }} from days){% endif %}
    group by user_id
)

select
    days.business_day,
    count(*) as customers,
    count(*) filter (where days.business_day = firsts.first_day) as new_customers,
    count(*) filter (where days.business_day > firsts.first_day) as returning_customers,
    cast(sum(days.orders) as bigint) as orders,
    cast(coalesce(sum(days.orders) filter (where days.business_day = firsts.first_day), 0) as bigint)
        as orders_of_new_customers
from days
join firsts on firsts.user_id = days.user_id
group by days.business_day
