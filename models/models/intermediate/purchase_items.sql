{{ config(materialized='incremental', partition_by='business_day') }}

with exploded as (
    select
        event_id,
        user_id,
        session_id,
        order_id,
        currency,
        channel,
        ts,
        business_day,
        {{ each_item('items') }}
    from {{ ref('purchases') }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
),

items as (
    select *, {{ extended('(item).quantity', '(item).unit_price') }} as amount
    from exploded
),

rates as (
    select *
    from {{ ref('daily_rates') }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
)

select
    items.event_id,
    {{ item_number('items.item_number') }} as item_number,
    items.user_id,
    items.session_id,
    items.order_id,
    (items.item).product_id as product_id,
    (items.item).quantity as quantity,
    (items.item).unit_price as unit_price,
    items.amount,
    items.currency,
    {{ reporting_amount('items.amount', 'rates') }} as reporting_amount,
    items.channel,
    items.ts,
    items.business_day
from items
join rates on rates.business_day = items.business_day and rates.currency = items.currency
