{{ config(materialized='incremental', partition_by='month(business_day)') }}

{#- Money has a currency and traffic has none: a channel's clicks and carts of a day stand on its row of currency '', its
    orders, units and revenue on a row for each currency. Sums over a day are right either way. -#}
with traffic as (
    {%- for table in ['clicks', 'carts'] %}
    select
        business_day,
        coalesce(nullif(channel, ''), 'unknown') as channel,
        '' as currency,
        {% if table == 'clicks' %}count(*){% else %}0{% endif %} as clicks,
        {% if table == 'carts' %}count(*){% else %}0{% endif %} as carts,
        0 as orders,
        0 as units,
        cast(0 as decimal(38, 4)) as revenue,
        cast(0 as decimal(38, 4)) as reporting_revenue,
        0 as orders_without_rate
    from {{ ref(table) }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
    group by 1, 2
    union all
    {%- endfor %}
    select
        business_day,
        channel,
        currency,
        0 as clicks,
        0 as carts,
        count(*) as orders,
        sum(units) as units,
        cast(sum(revenue) as decimal(38, 4)) as revenue,
        cast(sum(reporting_revenue) as decimal(38, 4)) as reporting_revenue,
        count(*) - count(reporting_revenue) as orders_without_rate
    from {{ ref('sales') }}
    where is_counted
    {%- if is_incremental() %} and business_day in ({{ var('touched_days') }}){% endif %}
    group by business_day, channel, currency
)

select
    business_day,
    channel,
    currency,
    cast(sum(clicks) as bigint) as clicks,
    cast(sum(carts) as bigint) as carts,
    cast(sum(orders) as bigint) as orders,
    cast(sum(units) as bigint) as units,
    cast(sum(revenue) as decimal(38, 4)) as revenue,
    '{{ var("reporting_currency") }}' as reporting_currency,
    cast(sum(reporting_revenue) as decimal(38, 4)) as reporting_revenue,
    cast(sum(orders_without_rate) as bigint) as orders_without_rate
from traffic
group by business_day, channel, currency
