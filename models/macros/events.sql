{# The business day that an instant falls on. #}
{% macro business_day(instant) -%}
cast(({{ instant }} at time zone '{{ var("business_timezone") }}') as date)
{%- endmacro %}

{# A short name for the content of an event, to tell a repeated event from another one under the same id. #}
{% macro content_hash(raw) -%}
substr(md5({{ raw }}), 1, 16)
{%- endmacro %}

{# The rows of a bronze relation whose event_id was never seen before. Of several rows with the same id the first wins:
   the smallest (received_at, log_partition, log_offset). What is in the table already came earlier and has won. #}
{% macro first_arrivals(relation) -%}
(
    select arrived.*
    from {{ relation }} as arrived
    left join (
        select event_id, min((received_at, log_partition, log_offset)) as place
        from {{ relation }}
        group by event_id
        having count(*) > 1
    ) as repeated on repeated.event_id = arrived.event_id
    where (repeated.event_id is null
        or repeated.place = (arrived.received_at, arrived.log_partition, arrived.log_offset))
    {%- if is_incremental() %}
    and not exists (
        select 1
        from (
            -- The few new ids first, so that the history is only probed.
            select event_id
            from {{ this }}
            where event_id in (select event_id from {{ relation }})
        ) as seen
        where seen.event_id = arrived.event_id
    )
    {%- endif %}
)
{%- endmacro %}
