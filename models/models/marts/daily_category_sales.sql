{{ config(materialized='incremental', partition_by='month(business_day)') }}

{#- The hours of a day together. An order is in one hour, so that hours add up. -#}
with counted as (
    select
        business_day,
        category,
        currency,
        cast(sum(orders) as bigint) as orders,
        cast(sum(units) as bigint) as units,
        cast(sum(gmv) as decimal(38, 4)) as gmv,
        cast(sum(discount) as decimal(38, 4)) as discount,
        cast(sum(revenue) as decimal(38, 4)) as revenue,
        cast(sum(costed_gmv) as decimal(38, 4)) as costed_gmv,
        cast(sum(cost) as decimal(38, 4)) as cost,
        cast(sum(margin) as decimal(38, 4)) as margin,
        cast(sum(reporting_gmv) as decimal(38, 4)) as reporting_gmv,
        cast(sum(reporting_discount) as decimal(38, 4)) as reporting_discount,
        cast(sum(reporting_revenue) as decimal(38, 4)) as reporting_revenue,
        cast(sum(orders_without_rate) as bigint) as orders_without_rate,
        cast(sum(reporting_costed_gmv) as decimal(38, 4)) as reporting_costed_gmv,
        cast(sum(reporting_cost) as decimal(38, 4)) as reporting_cost,
        cast(sum(reporting_margin) as decimal(38, 4)) as reporting_margin
    from {{ ref('hourly_category_sales') }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
    group by 1, 2, 3
)

select
    business_day,
    category,
    currency,
    orders,
    {{ sales_columns() }}
from counted
