{{ config(materialized='ephemeral') }}

{#- The days of the funnel to rebuild: those of the views of every session that had an event on a touched day, since a
    session counts on the day of its first view. Sessions are looked up by hash; a day too many does no harm. -#}
select {{ touched_days() }} as business_day
union
select business_day
from {{ ref('clicks') }}
where {{ key_hash('session_id') }} in (
    {%- for table in ['clicks', 'carts', 'purchases'] %}
    select distinct {{ key_hash('session_id') }}
    from {{ ref(table) }}
    where business_day in ({{ var('touched_days') }})
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
)
