{{ config(materialized='incremental', partition_by='month(business_day)') }}

{#- A business day in one row, over all currencies in the reporting currency. Orders that there is no rate for are counted, and
    are in no sum of money. -#}
with counted as (
    select
        sales.business_day,
        count(*) as orders,
        count(distinct sales.user_id) as customers,
        cast(sum(sales.units) as bigint) as units,
        coalesce(cast(sum(sales.reporting_gmv) as decimal(38, 4)), 0) as gmv,
        coalesce(cast(sum(sales.reporting_discount) as decimal(38, 4)), 0) as discount,
        coalesce(cast(sum(sales.reporting_revenue) as decimal(38, 4)), 0) as revenue,
        count(sales.reporting_revenue) as orders_with_rate,
        cast(sum(costs.reporting_costed_gmv) as decimal(38, 4)) as costed_gmv,
        cast(sum(costs.reporting_cost) as decimal(38, 4)) as cost,
        count(bots.user_id) as bot_orders,
        coalesce(cast(sum(sales.reporting_revenue) filter (where bots.user_id is not null) as decimal(38, 4)), 0)
            as bot_revenue
    from {{ ref('sales') }} as sales
    left join {{ ref('sale_costs') }} as costs
        on costs.business_day = sales.business_day and costs.event_id = sales.event_id
    left join {{ ref('bots') }} as bots
        on bots.business_day = sales.business_day and bots.user_id = sales.user_id
    where sales.is_counted
    {%- if is_incremental() %} and sales.business_day in ({{ var('touched_days') }}){% endif %}
    group by sales.business_day
)

select
    business_day,
    '{{ var("reporting_currency") }}' as currency,
    orders,
    customers,
    units,
    gmv,
    discount,
    revenue,
    {{ exact_ratio('revenue', 'orders_with_rate') }} as aov,
    orders - orders_with_rate as orders_without_rate,
    costed_gmv,
    cost,
    costed_gmv - cost as margin,
    bot_orders,
    bot_revenue
from counted
