{{ config(materialized='ephemeral') }}

{#- The days of sales to rebuild: those with new purchases, and those with purchases of the same orders, since a late
    purchase may be the first of an order that was counted on another day. -#}
select unnest([{{ var('touched_days') }}]) as business_day
union
select business_day
from {{ ref('purchases') }}
where order_id <> '' and order_id in (
    select order_id
    from {{ ref('purchases') }}
    where order_id <> '' and business_day in ({{ var('touched_days') }})
)
