{{ config(materialized='ephemeral') }}

{#- A receipt decides the cost of what is sold after it: a late one reopens the later days on which its product sold. -#}
select {{ touched_days() }} as business_day
union
select items.business_day
from {{ ref('purchase_items') }} as items
join (
    select product_id, min(business_day) as since
    from {{ ref('stock') }}
    where unit_cost is not null and change > 0 and business_day in ({{ var('touched_days') }})
    group by product_id
) as received on received.product_id = items.product_id and items.business_day >= received.since
