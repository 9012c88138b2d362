{{ config(materialized='incremental', incremental_strategy='append', partition_by='business_day') }}

select
    event_id,
    user_id,
    session_id,
    items,
    total_amount,
    currency,
    ts,
    order_id,
    discount,
    shipping,
    tax,
    coupon,
    payment_method,
    channel,
    store_id,
    country,
    device,
    ip,
    {{ business_day('ts') }} as business_day,
    {{ content_hash('raw') }} as content_hash,
    received_at,
    log_partition,
    log_offset
from {{ first_arrivals(new_rows(source('bronze', 'purchases'))) }} as firsts
