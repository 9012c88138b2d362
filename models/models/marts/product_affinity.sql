{{ config(materialized='table') }}

{#- Pairs of products in the same counted purchase, however many pieces of each. A purchase of more different products than
    affinity_products_max (a reseller's, a warehouse's) says little of what goes with what, and its pairs grow with the
    square: it is left out of all counts. -#}
with baskets as (
    select distinct items.event_id, items.product_id
    from {{ ref('purchase_items') }} as items
    join {{ ref('sales') }} as sales
        on sales.business_day = items.business_day and sales.event_id = items.event_id
    where sales.is_counted
),

small as (
    select event_id
    from baskets
    group by event_id
    having count(*) <= {{ var('affinity_products_max') }}
),

bought as (
    select baskets.event_id, baskets.product_id
    from baskets
    join small on small.event_id = baskets.event_id
),

products as (
    select product_id, count(*) as orders
    from bought
    group by product_id
),

pairs as (
    select one.product_id as product_id, other.product_id as with_product_id, count(*) as orders_together
    from bought as one
    join bought as other on other.event_id = one.event_id and other.product_id > one.product_id
    group by 1, 2
    having count(*) >= {{ var('affinity_orders_min') }}
),

-- Each pair in both directions: confidence is that of the second, given the first.
directed as (
    select product_id, with_product_id, orders_together from pairs
    union all
    select with_product_id, product_id, orders_together from pairs
),

counted as (
    select
        directed.product_id,
        directed.with_product_id,
        directed.orders_together,
        one.orders as product_orders,
        other.orders as with_product_orders,
        (select count(*) from small) as all_orders
    from directed
    join products as one on one.product_id = directed.product_id
    join products as other on other.product_id = directed.with_product_id
)

select
    product_id,
    with_product_id,
    orders_together,
    product_orders,
    with_product_orders,
    all_orders,
    {{ exact_share('orders_together', 'all_orders') }} as support,
    {{ exact_share('orders_together', 'product_orders') }} as confidence,
    {{ exact_ratio(
        'cast(orders_together as ' ~ type_whole() ~ ') * all_orders',
        'cast(product_orders as ' ~ type_whole() ~ ') * with_product_orders') }} as lift
from counted
