{{ config(
    materialized='incremental',
    partition_by='month(business_day)',
    meta={'rebuild_days': 'funnel_days'}
) }}

{#- By the session_id that events carry: sessions with a view; of these, with a cart at or after the first view; of
    these, with a purchase at or after the first such cart. A session counts on the business day of its first view.

    Sessions are looked up by hash, which takes less memory; one too many is left out at the end by its day. -#}
with viewed as (
    select session_id, min(ts) as viewed_at
    from {{ ref('clicks') }}
    {%- if is_incremental() %}
    where {{ key_hash('session_id') }} in (
        select distinct {{ key_hash('session_id') }}
        from {{ ref('clicks') }}
        where business_day in ({{ var('touched_days') }})
    )
    {%- endif %}
    group by session_id
),

carted as (
    select carts.session_id, min(carts.ts) as carted_at
    from {{ ref('carts') }} as carts
    join viewed on viewed.session_id = carts.session_id
    where carts.ts >= viewed.viewed_at
    group by carts.session_id
),

purchased as (
    select distinct purchases.session_id
    from {{ ref('purchases') }} as purchases
    join carted on carted.session_id = purchases.session_id
    where purchases.ts >= carted.carted_at
),

counted as (
    select
        {{ business_day('viewed.viewed_at') }} as business_day,
        count(*) as views,
        count(carted.session_id) as carts,
        count(purchased.session_id) as purchases
    from viewed
    left join carted on carted.session_id = viewed.session_id
    left join purchased on purchased.session_id = carted.session_id
    {%- if is_incremental() %}
    where {{ business_day('viewed.viewed_at') }} in ({{ var('touched_days') }})
    {%- endif %}
    group by 1
)

select
    business_day,
    views,
    carts,
    purchases,
    cast({{ exact_ratio('carts', 'views') }} as decimal(9, 4)) as cart_rate,
    cast({{ exact_ratio('purchases', 'carts') }} as decimal(9, 4)) as purchase_rate,
    cast({{ exact_ratio('purchases', 'views') }} as decimal(9, 4)) as conversion_rate
from counted
