{# The rows that arrived under an event_id that silver has, and are not the ones in silver but others with other content. #}
{% macro conflicting(topic, arrived, silver) -%}
{{ adapter.dispatch('conflicting', 'cartograph')(topic, arrived, silver) }}
{%- endmacro %}

{% macro default__conflicting(topic, arrived, silver) -%}
select
    '{{ topic }}' as topic,
    repeats.event_id,
    repeats.received_at,
    repeats.log_partition,
    repeats.log_offset,
    {{ content_hash('repeats.raw') }} as content_hash,
    firsts.content_hash as first_content_hash
from {{ arrived }} as repeats
join {{ silver }} as firsts on firsts.event_id = repeats.event_id
where firsts.content_hash <> {{ content_hash('repeats.raw') }}
{%- endmacro %}

{# What arrived and is not in silver is a repeat. Repeats are few: counting both sides in blocks of log offsets finds the
   blocks that have some, and only those are compared row by row. #}
{% macro duckdb__conflicting(topic, arrived, silver) -%}
with ranges as materialized (
    select log_partition, min(log_offset) as first_offset, max(log_offset) as last_offset
    from {{ arrived }}
    group by log_partition
),

kept as (
    select silver.log_partition, silver.log_offset
    from {{ silver }} as silver
    join ranges
        on ranges.log_partition = silver.log_partition
        and silver.log_offset between ranges.first_offset and ranges.last_offset
),

blocks as materialized (
    select log_partition, log_offset // 4096 as block
    from (
        select log_partition, log_offset, 1 as weight from {{ arrived }}
        union all
        select log_partition, log_offset, -1 as weight from kept
    )
    group by all
    having sum(weight) > 0
),

arrived_there as materialized (
    select arrived.log_partition, arrived.log_offset
    from {{ arrived }} as arrived
    join blocks
        on blocks.log_partition = arrived.log_partition and blocks.block = arrived.log_offset // 4096
),

kept_there as materialized (
    select kept.log_partition, kept.log_offset
    from kept
    join blocks on blocks.log_partition = kept.log_partition and blocks.block = kept.log_offset // 4096
),

places as materialized (
    select arrived_there.log_partition, arrived_there.log_offset
    from arrived_there
    anti join kept_there
        on kept_there.log_partition = arrived_there.log_partition
        and kept_there.log_offset = arrived_there.log_offset
),

repeats as materialized (
    select
        arrived.event_id,
        arrived.received_at,
        arrived.log_partition,
        arrived.log_offset,
        {{ content_hash('arrived.raw') }} as content_hash
    from {{ arrived }} as arrived
    where {{ is_one_of(log_place('arrived'), 'select ' ~ log_place('places') ~ ' from places') }}
),

firsts as materialized (
    select event_id, content_hash
    from {{ silver }}
    where {{ is_one_of('hash(event_id)', 'select hash(event_id) from repeats') }}
)

select
    '{{ topic }}' as topic,
    repeats.event_id,
    repeats.received_at,
    repeats.log_partition,
    repeats.log_offset,
    repeats.content_hash,
    firsts.content_hash as first_content_hash
from repeats
join firsts on firsts.event_id = repeats.event_id
where firsts.content_hash <> repeats.content_hash
{%- endmacro %}

{# Whether a value is among the few that a query gives. Inside of coalesce, because then the engine always keeps the few in
   memory and lets the many rows pass; a plain IN it may turn around, and keep the many, with their raw events. #}
{% macro is_one_of(value, query) -%}
coalesce({{ value }} in ({{ query }}), false)
{%- endmacro %}
