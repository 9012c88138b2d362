{{ config(materialized='ephemeral') }}

{#- The days touched, and those of the purchases whose orders got a status on a day touched. -#}
select {{ touched_days() }} as business_day
union
select business_day
from {{ ref('sales') }}
where {{ key_hash('order_id') }} in (
    select {{ key_hash('order_id') }}
    from {{ ref('orders') }}
    where business_day in ({{ var('touched_days') }})
)
