{{ config(materialized='ephemeral') }}

{#- The start days of sessions to rebuild when events of some days changed: those days; the day after each, where a
    session may have begun that now continues one from before midnight; and the start days of older sessions that reach
    into such a day, or end less than the gap before it, and may now go on. -#}
with touched as (
    select {{ touched_days() }} as business_day
),

bounds as (
    select
        business_day,
        {{ day_start('business_day') }} as day_start
    from touched
)

select business_day from touched
union
select cast(business_day + 1 as date) from touched
{%- if is_incremental() %}
union
select older.business_day
from {{ this }} as older
join bounds
    on older.business_day < bounds.business_day
    and older.ended_at >= bounds.day_start - interval '{{ var("session_gap_minutes") }} minutes'
{%- endif %}
