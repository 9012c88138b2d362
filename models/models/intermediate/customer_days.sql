{{ config(materialized='ephemeral') }}

{#- An order that came late may be its customer's first: then the day that was their first until now has one new customer
    less. That day is the first of theirs that was not touched. -#}
select {{ touched_days() }} as business_day
union
select min(business_day) filter (where business_day not in ({{ var('touched_days') }})) as business_day
from {{ ref('sales') }}
where is_counted
group by user_id
having min(business_day) in ({{ var('touched_days') }})
    and bool_or(business_day not in ({{ var('touched_days') }}))
