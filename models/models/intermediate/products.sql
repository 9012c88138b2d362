{{ config(materialized='table') }}

{#- What the shop's lists say of a product, a row for each stretch of business days on which it was the same. A list holds from
    its day on until one that was taken in later says otherwise; the first that has a product holds from the beginning. -#}
with listed as (
    select
        product_id,
        name,
        category,
        brand,
        case
            when row_number() over (partition by product_id order by imported_at) = 1 then date '1900-01-01'
            else valid_from
        end as valid_from,
        source,
        imported_at
    from {{ source('bronze', 'products') }}
),

followed as (
    select
        *,
        min(valid_from) over (
            partition by product_id order by imported_at rows between 1 following and unbounded following) as next_from
    from listed
)

select
    product_id,
    name,
    category,
    brand,
    valid_from,
    coalesce(next_from, date '9999-12-31') as valid_to,
    next_from is null as is_current,
    source,
    imported_at
from followed
where next_from is null or valid_from < next_from
