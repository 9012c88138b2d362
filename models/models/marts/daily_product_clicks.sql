{{ config(materialized='incremental', partition_by='month(business_day)') }}

select
    business_day,
    product_id,
    count(*) as clicks,
    count(distinct user_id) as users
from {{ ref('clicks') }}
{%- if is_incremental() %}
where business_day in ({{ var('touched_days') }})
{%- endif %}
group by business_day, product_id
