{# The business day that an instant falls on. #}
{% macro business_day(instant) -%}
cast(({{ instant }} at time zone '{{ var("business_timezone") }}') as date)
{%- endmacro %}

{# A short name for the content of an event, to tell a repeated event from another one under the same id. #}
{% macro content_hash(raw) -%}
substr(md5({{ raw }}), 1, 16)
{%- endmacro %}

{# The rows of a bronze relation whose event_id was never seen before. Of several rows with the same id the first wins:
   the smallest (received_at, log_partition, log_offset). What is in the table already came earlier and has won.

   Repeats are few. They are looked for by the ids' hashes, which fit in memory where the ids do not, then told by the
   ids themselves, and left out by their places in the log; all other rows pass without being sorted or joined. #}
{% macro first_arrivals(relation) -%}
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

{# Whether a value is among the few that a query gives. Inside of coalesce, because then the engine always keeps the few in
   memory and lets the many rows pass; a plain IN it may turn around, and keep the many, with their raw events. #}
{% macro is_one_of(value, query) -%}
coalesce({{ value }} in ({{ query }}), false)
{%- endmacro %}
