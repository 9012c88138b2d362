{{ config(materialized='incremental', partition_by='month(business_day)') }}

{#- What users flagged as bots did on a business day. It is in all the other counts, too. -#}
select
    business_day,
    count(*) as bots,
    count(*) filter (where is_too_fast) as too_fast,
    count(*) filter (where is_only_looking) as only_looking,
    cast(sum(looks) as bigint) as looks,
    cast(sum(acts) as bigint) as acts
from {{ ref('bots') }}
{%- if is_incremental() %}
where business_day in ({{ var('touched_days') }})
{%- endif %}
group by business_day
