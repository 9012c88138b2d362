{{ config(
    materialized='incremental',
    partition_by='business_day',
    meta={'rebuild_days': 'sale_costs_days'}
) }}

{#- What the goods of a purchase cost the shop, as far as stock events say it: a piece costs what the last receipt of its
    product at or before the purchase paid. Items that no receipt came before are left out of both sums. A unit_cost
    carries no currency; it is in the project's cost_currency, and sales in others have no cost. -#}
with costs as (
    select product_id, ts, arg_min(unit_cost, (received_at, log_partition, log_offset)) as unit_cost
    from {{ ref('stock') }}
    where unit_cost is not null and change > 0
    group by product_id, ts
),

items as (
    select event_id, product_id, quantity, amount, ts, business_day
    from {{ ref('purchase_items') }}
    where currency = '{{ var("cost_currency") }}'
    {%- if is_incremental() %}
        and business_day in ({{ var('touched_days') }})
    {%- endif %}
)

select
    items.business_day,
    items.event_id,
    cast(sum(items.amount) as decimal(38, 4)) as costed_gmv,
    cast(sum(items.quantity * costs.unit_cost) as decimal(38, 4)) as cost
from items
asof join costs on costs.product_id = items.product_id and costs.ts <= items.ts
group by items.business_day, items.event_id
