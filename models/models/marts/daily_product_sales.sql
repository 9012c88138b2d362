{{ config(materialized='incremental', partition_by='month(business_day)') }}

select
    items.business_day,
    items.product_id,
    items.currency,
    count(distinct items.event_id) as orders,
    cast(sum(items.quantity) as bigint) as units,
    cast(sum(items.amount) as decimal(38, 4)) as gmv,
    '{{ var("reporting_currency") }}' as reporting_currency,
    cast(sum(items.reporting_amount) as decimal(38, 4)) as reporting_gmv
from {{ ref('purchase_items') }} as items
join {{ ref('sales') }} as sales
    on sales.business_day = items.business_day and sales.event_id = items.event_id
where sales.is_counted
{%- if is_incremental() %}
    and items.business_day in ({{ var('touched_days') }})
    and sales.business_day in ({{ var('touched_days') }})
{%- endif %}
group by items.business_day, items.product_id, items.currency
