{{ config(materialized='incremental', incremental_strategy='append', partition_by='business_day') }}

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
        unnest(items) as item,
        generate_subscripts(items, 1) as item_number
    from {{ new_rows(ref('purchases')) }} as bought
    {%- if is_incremental() %}
    where not exists (
        select 1
        from (
            select event_id
            from {{ this }}
            where event_id in (select event_id from {{ new_rows(ref('purchases')) }})
        ) as seen
        where seen.event_id = bought.event_id
    )
    {%- endif %}
)

select
    event_id,
    cast(item_number as integer) as item_number,
    user_id,
    session_id,
    order_id,
    item.product_id as product_id,
    item.quantity as quantity,
    item.unit_price as unit_price,
    cast(item.quantity * item.unit_price as decimal(38, 4)) as amount,
    currency,
    channel,
    ts,
    business_day
from exploded
