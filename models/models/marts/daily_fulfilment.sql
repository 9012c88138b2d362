{{ config(materialized='incremental', partition_by='month(business_day)') }}

{#- Orders on the business day of their purchase, by what became of them. Shipping is in time within shipping_sla_hours of
    the payment, the limit included; judged are orders of which both instants are known. -#}
with orders as (
    select
        business_day,
        channel,
        count(*) as orders,
        count(*) filter (where statuses > 0) as orders_with_status,
        count(shipped_at) as shipped,
        count(*) filter (where paid_at is not null and shipped_at is not null) as shipping_judged,
        count(*) filter (where shipped_at <= paid_at + interval '{{ var("shipping_sla_hours") }} hours')
            as shipped_in_time,
        count(delivered_at) as delivered,
        count(cancelled_at) as cancelled,
        count(returned_at) as returned,
        count(*) filter (where delivered_at is not null and returned_at is not null) as delivered_and_returned
    from {{ ref('order_fulfilment') }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
    group by business_day, channel
)

select
    business_day,
    channel,
    orders,
    orders_with_status,
    shipped,
    shipping_judged,
    shipped_in_time,
    cast({{ exact_ratio('shipped_in_time', 'shipping_judged') }} as decimal(9, 4)) as sla_rate,
    delivered,
    cancelled,
    returned,
    cast({{ exact_ratio('delivered_and_returned', 'delivered') }} as decimal(9, 4)) as return_rate
from orders
