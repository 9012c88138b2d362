{{ config(materialized='incremental', partition_by='month(business_day)') }}

{#- Views and carts of the products of a category. -#}
with acts as (
    select business_day, product_id, clicks, bot_clicks, 0 as carts
    from {{ ref('daily_product_clicks') }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
    union all
    select business_day, product_id, 0 as clicks, 0 as bot_clicks, count(*) as carts
    from {{ ref('carts') }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
    group by business_day, product_id
)

select
    acts.business_day,
    {{ known('products.category') }} as category,
    cast(sum(acts.clicks) as bigint) as clicks,
    cast(sum(acts.bot_clicks) as bigint) as bot_clicks,
    cast(sum(acts.carts) as bigint) as carts
from acts
{{ join_products('acts') }}
group by 1, 2
