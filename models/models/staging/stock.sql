{{ config(materialized='incremental', incremental_strategy='append', partition_by='business_day') }}

select
    event_id,
    product_id,
    warehouse_id,
    change,
    ts,
    reason,
    unit_cost,
    lot_id,
    {{ business_day('ts') }} as business_day,
    {{ content_hash('raw') }} as content_hash,
    received_at,
    log_partition,
    log_offset
from {{ first_arrivals(new_rows(source('bronze', 'stock'))) }} as firsts
