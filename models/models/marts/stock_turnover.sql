{{ config(materialized='table') }}

{#- A product in a warehouse, by calendar month of the business days on which it moved. The level is the sum of all changes
    from the first one on: it is that of the shelf only where the first count was sent as an event, too. Turnover is what
    was sold over the mean of the levels at the month's two ends; without a positive mean there is none. -#}
with moved as (
    select
        cast({{ dbt.date_trunc('month', 'business_day') }} as date) as month,
        product_id,
        warehouse_id,
        cast(sum(change) as bigint) as net_change,
        cast(coalesce(sum(-change) filter (where reason = 'sale'), 0) as bigint) as sold,
        cast(coalesce(sum(change) filter (where reason = 'return'), 0) as bigint) as returned,
        cast(coalesce(sum(change) filter (where reason = 'restock'), 0) as bigint) as received
    from {{ ref('stock') }}
    group by 1, 2, 3
),

levels as (
    select
        *,
        cast(sum(net_change) over (
            partition by product_id, warehouse_id order by month rows unbounded preceding) as bigint) as closing_level
    from moved
)

select
    month,
    product_id,
    warehouse_id,
    closing_level - net_change as opening_level,
    received,
    sold,
    returned,
    closing_level,
    case when closing_level - net_change >= 0 and closing_level >= 0 then
        {{ exact_ratio('2 * greatest(sold, 0)', '2 * closing_level - net_change') }}
    end as turnover
from levels
