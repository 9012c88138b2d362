{{ config(materialized='incremental', partition_by='month(business_day)') }}

with counted as (
    select
        sales.business_day,
        sales.channel,
        {{ known('sales.store_id') }} as store_id,
        {{ known('sales.country') }} as country,
        sales.currency,
        count(distinct sales.user_id) as customers,
        {{ sales_measures() }}
    from {{ ref('sales') }} as sales
    left join {{ ref('sale_costs') }} as costs
        on costs.business_day = sales.business_day and costs.event_id = sales.event_id
    where sales.is_counted
    {%- if is_incremental() %} and sales.business_day in ({{ var('touched_days') }}){% endif %}
    group by 1, 2, 3, 4, 5
)

select
    business_day,
    channel,
    store_id,
    country,
    currency,
    orders,
    customers,
    {{ sales_columns() }}
from counted
