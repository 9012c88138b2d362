{{ config(materialized='incremental', partition_by='month(business_day)') }}

with counted as (
    select
        sales.business_day,
        {{ hour_start('sales.ts') }} as hour_start,
        sales.channel,
        {{ known('sales.store_id') }} as store_id,
        {{ known('sales.country') }} as country,
        sales.currency,
        {{ sales_measures() }}
    from {{ ref('sales') }} as sales
    left join {{ ref('sale_costs') }} as costs
        on costs.business_day = sales.business_day and costs.event_id = sales.event_id
    where sales.is_counted
    {%- if is_incremental() %} and sales.business_day in ({{ var('touched_days') }}){% endif %}
    group by 1, 2, 3, 4, 5, 6
)

select
    business_day,
    hour_start,
    channel,
    store_id,
    country,
    currency,
    orders,
    {{ sales_columns() }}
from counted
