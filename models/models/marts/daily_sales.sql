{{ config(materialized='incremental', partition_by='month(business_day)') }}

with counted as (
    select
        business_day,
        currency,
        count(*) as orders,
        count(distinct user_id) as customers,
        cast(sum(units) as bigint) as units,
        cast(sum(gmv) as decimal(38, 4)) as gmv,
        cast(sum(discount) as decimal(38, 4)) as discount,
        cast(sum(revenue) as decimal(38, 4)) as revenue,
        {{ reporting_measures() }}
    from {{ ref('sales') }} as sales
    where is_counted
    {%- if is_incremental() %} and business_day in ({{ var('touched_days') }}){% endif %}
    group by business_day, currency
)

select
    business_day,
    currency,
    orders,
    customers,
    units,
    gmv,
    discount,
    revenue,
    {{ exact_ratio('revenue', 'orders') }} as aov,
    '{{ var("reporting_currency") }}' as reporting_currency,
    reporting_gmv,
    reporting_discount,
    reporting_revenue,
    orders_without_rate
from counted
