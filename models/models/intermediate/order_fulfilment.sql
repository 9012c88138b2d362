{{ config(
    materialized='incremental',
    partition_by='business_day',
    meta={'rebuild_days': 'order_fulfilment_days'}
) }}

{#- How far each order came, on the business day of its purchase. Statuses of an order that no purchase names are left out,
    and so are purchases without an order_id, which no status can name. -#}
with bought as (
    select business_day, order_id, event_id, user_id, channel
    from {{ ref('sales') }}
    where is_counted and order_id <> ''
    {%- if is_incremental() %} and business_day in ({{ var('touched_days') }}){% endif %}
),

reached as (
    select
        order_id,
        count(*) as statuses,
        min(ts) filter (where status = 'paid') as paid_at,
        min(ts) filter (where status = 'shipped') as shipped_at,
        min(ts) filter (where status = 'delivered') as delivered_at,
        min(ts) filter (where status = 'cancelled') as cancelled_at,
        min(ts) filter (where status = 'returned') as returned_at
    from {{ ref('orders') }}
    {%- if is_incremental() %}
    where {{ key_hash('order_id') }} in (select {{ key_hash('order_id') }} from bought)
    {%- endif %}
    group by order_id
)

select
    bought.business_day,
    bought.order_id,
    bought.event_id,
    bought.user_id,
    bought.channel,
    coalesce(reached.statuses, 0) as statuses,
    reached.paid_at,
    reached.shipped_at,
    reached.delivered_at,
    reached.cancelled_at,
    reached.returned_at
from bought
left join reached on reached.order_id = bought.order_id
