{{ config(materialized='incremental', partition_by='month(business_day)') }}

with carted as (
    select
        business_day,
        channel,
        count(*) as sessions_with_cart,
        count(*) filter (where not is_converted) as abandoned
    from {{ ref('sessions') }}
    where carts > 0
    {%- if is_incremental() %} and business_day in ({{ var('touched_days') }}){% endif %}
    group by business_day, channel
)

select
    business_day,
    channel,
    sessions_with_cart,
    abandoned,
    cast({{ exact_ratio('abandoned', 'sessions_with_cart') }} as decimal(9, 4)) as abandonment_rate
from carted
