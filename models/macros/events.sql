{# A short name for the content of an event, to tell a repeated event from another one under the same id. #}
{% macro content_hash(raw) -%}
substr(md5({{ raw }}), 1, 16)
{%- endmacro %}

{# The rows of a bronze relation whose event_id was never seen before. Of several rows with the same id the first wins:
   the smallest (received_at, log_partition, log_offset). What is in the table already came earlier and has won. #}
{% macro first_arrivals(relation) -%}
{{ adapter.dispatch('first_arrivals', 'cartograph')(relation) }}
{%- endmacro %}

{% macro default__first_arrivals(relation) -%}
(
    select *
    from (
        select
            arrived.*,
            row_number() over (
                partition by event_id order by received_at, log_partition, log_offset) as arrival_number
        from {{ relation }} as arrived
        {%- if is_incremental() %}
        where not exists (select 1 from {{ this }} as known where known.event_id = arrived.event_id)
        {%- endif %}
    ) as numbered
    where arrival_number = 1
)
{%- endmacro %}

{# Repeats are few. They are looked for by the ids' hashes, which fit in memory where the ids do not, then told by the
   ids themselves, and left out by their places in the log; all other rows pass without being sorted or joined. #}
{% macro duckdb__first_arrivals(relation) -%}
(
    with repeated as materialized (
        select event_id, min((received_at, log_partition, log_offset)) as first_place
        from {{ relation }}
        where hash(event_id) in (select hash(event_id) from {{ relation }} group by 1 having count(*) > 1)
        group by event_id
        having count(*) > 1
    ),

    repeats as materialized (
        select {{ log_place('arrived') }} as place
        from {{ relation }} as arrived
        join repeated on repeated.event_id = arrived.event_id
        where repeated.first_place <> (arrived.received_at, arrived.log_partition, arrived.log_offset)
        {%- if is_incremental() %}
        union all
        select {{ log_place('arrived') }} as place
        from {{ relation }} as arrived
        where arrived.event_id in (
            select event_id
            from {{ this }}
            where hash(event_id) in (select hash(event_id) from {{ relation }})
        )
        {%- endif %}
    )

    select *
    from {{ relation }} as arrived
    where {{ log_place('arrived') }} not in (select place from repeats)
)
{%- endmacro %}

{# A record's place in its topic's log as one number: up to 65,536 partitions of 140 million million records. #}
{% macro log_place(relation) -%}
{{ relation }}.log_offset * 65536 + {{ relation }}.log_partition
{%- endmacro %}

{# When a row came, as one value that is compared and of which the smallest is the first: (received_at, log_partition,
   log_offset). #}
{% macro arrival(relation=none) -%}
{{ adapter.dispatch('arrival', 'cartograph')(relation ~ '.' if relation else '') }}
{%- endmacro %}

{% macro default__arrival(of) -%}
({{ of }}received_at, {{ of }}log_partition, {{ of }}log_offset)
{%- endmacro %}

{% macro spark__arrival(of) -%}
struct({{ of }}received_at, {{ of }}log_partition, {{ of }}log_offset)
{%- endmacro %}

{# Rows have no smallest one here; lists of numbers do. #}
{% macro postgres__arrival(of) -%}
array[extract(epoch from {{ of }}received_at), {{ of }}log_partition, {{ of }}log_offset]
{%- endmacro %}

{# A value in the row that comes first by an order. #}
{% macro first_by(value, order) -%}
{{ adapter.dispatch('first_by', 'cartograph')(value, order) }}
{%- endmacro %}

{% macro default__first_by(value, order) -%}
min_by({{ value }}, {{ order }})
{%- endmacro %}

{% macro duckdb__first_by(value, order) -%}
arg_min({{ value }}, {{ order }})
{%- endmacro %}

{% macro postgres__first_by(value, order) -%}
(array_agg({{ value }} order by {{ order }}))[1]
{%- endmacro %}

{# A number for a text, for looking rows up in less memory. Different texts may have the same. #}
{% macro key_hash(key) -%}
{{ adapter.dispatch('key_hash', 'cartograph')(key) }}
{%- endmacro %}

{% macro duckdb__key_hash(key) -%}
hash({{ key }})
{%- endmacro %}

{% macro spark__key_hash(key) -%}
xxhash64({{ key }})
{%- endmacro %}

{% macro postgres__key_hash(key) -%}
hashtextextended({{ key }}, 0)
{%- endmacro %}
