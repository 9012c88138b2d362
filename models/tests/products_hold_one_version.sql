-- On every day a product has one version: each begins where the one before it ends, and the last one holds.
select product_id, valid_from
from (
    select
        product_id,
        valid_from,
        valid_to,
        is_current,
        lead(valid_from) over (partition by product_id order by valid_from) as next_from
    from {{ ref('products') }}
) as versions
where valid_from >= valid_to
    or coalesce(next_from, date '9999-12-31') <> valid_to
    or is_current <> (next_from is null)
