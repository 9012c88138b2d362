{{ config(
    materialized='incremental',
    partition_by='month(business_day)',
    meta={'rebuild_days': 'sale_costs_days'}
) }}

{#- What was sold of each category, by the hour of the business clock. Discount and what was paid are of whole purchases: each is
    shared among the categories in it by what their items come to before discount, by their pieces where all were free. -#}
with parts as (
    select
        items.business_day,
        items.event_id,
        {{ known('products.category') }} as category,
        cast(sum(items.quantity) as bigint) as units,
        cast(sum(items.amount) as decimal(38, 4)) as gmv,
        cast(sum(items.reporting_amount) as decimal(38, 4)) as reporting_gmv
    from {{ ref('purchase_items') }} as items
    {{ join_products('items') }}
    {%- if is_incremental() %}
    where items.business_day in ({{ var('touched_days') }})
    {%- endif %}
    group by 1, 2, 3
),

weighed as (
    select
        parts.*,
        case
            when sales.gmv > 0 then {{ ten_thousandths('parts.gmv') }}
            else cast(parts.units as {{ type_whole() }})
        end as weight,
        case
            when sales.gmv > 0 then {{ ten_thousandths('sales.gmv') }}
            else cast(sales.units as {{ type_whole() }})
        end as whole,
        {{ hour_start('sales.ts') }} as hour_start,
        sales.currency,
        sales.discount,
        sales.revenue,
        sales.reporting_discount,
        sales.reporting_revenue
    from parts
    join {{ ref('sales') }} as sales
        on sales.business_day = parts.business_day and sales.event_id = parts.event_id
    where sales.is_counted
    {%- if is_incremental() %} and sales.business_day in ({{ var('touched_days') }}){% endif %}
),

baskets as (
    select
        *,
        cast(sum(weight) over (
            partition by event_id order by {{ by_bytes('category') }} rows unbounded preceding) as {{ type_whole() }}) as upto
    from weighed
),

shared as (
    select
        business_day,
        event_id,
        category,
        hour_start,
        currency,
        units,
        gmv,
        reporting_gmv,
        {{ basket_share('discount') }} as discount,
        {{ basket_share('revenue') }} as revenue,
        {{ basket_share('reporting_discount') }} as reporting_discount,
        {{ basket_share('reporting_revenue') }} as reporting_revenue
    from baskets
),

basket_costs as (
    select
        costed.business_day,
        costed.event_id,
        {{ known('products.category') }} as category,
        {{ cost_sums() }}
    from {{ costed_items() }} as costed
    {{ join_products('costed') }}
    group by 1, 2, 3
),

counted as (
    select
        sales.business_day,
        sales.hour_start,
        sales.category,
        sales.currency,
        {{ sales_measures() }}
    from shared as sales
    left join basket_costs as costs
        on costs.business_day = sales.business_day
        and costs.event_id = sales.event_id
        and costs.category = sales.category
    group by 1, 2, 3, 4
)

select
    business_day,
    hour_start,
    category,
    currency,
    orders,
    {{ sales_columns() }}
from counted
