{{ config(materialized='incremental', incremental_strategy='append', partition_by='business_day') }}

select
    event_id,
    user_id,
    product_id,
    ts,
    action,
    session_id,
    channel,
    {{ business_day('ts') }} as business_day,
    {{ content_hash('raw') }} as content_hash,
    received_at,
    log_partition,
    log_offset
from {{ first_arrivals(new_rows(source('bronze', 'wishlists'))) }} as firsts
