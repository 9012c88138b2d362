{{ config(materialized='incremental', partition_by='month(business_day)') }}

{#- Every click counts; how many of them are of users flagged as bots on that day stands beside. -#}
with counted as (
    select business_day, product_id, count(*) as clicks, count(distinct user_id) as users
    from {{ ref('clicks') }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
    group by business_day, product_id
),

by_bots as (
    select clicks.business_day, clicks.product_id, count(*) as bot_clicks
    from {{ ref('clicks') }} as clicks
    join {{ ref('bots') }} as bots on bots.business_day = clicks.business_day and bots.user_id = clicks.user_id
    {%- if is_incremental() %}
    where clicks.business_day in ({{ var('touched_days') }})
    {%- endif %}
    group by clicks.business_day, clicks.product_id
)

select
    counted.business_day,
    counted.product_id,
    counted.clicks,
    counted.users,
    coalesce(by_bots.bot_clicks, 0) as bot_clicks
from counted
left join by_bots on by_bots.business_day = counted.business_day and by_bots.product_id = counted.product_id
