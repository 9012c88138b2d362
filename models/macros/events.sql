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

   Repeated ids are few, so they are looked for by the ids' hashes, which fit in memory where the ids do not, and only
   what the hashes point at is compared by id. The other rows pass through without being sorted or joined. #}
{% macro first_arrivals(relation) -%}
(
    with repeated as materialized (
        select event_id, min((received_at, log_partition, log_offset)) as place
        from {{ relation }}
        where hash(event_id) in (select hash(event_id) from {{ relation }} group by 1 having count(*) > 1)
        group by event_id
        having count(*) > 1
    ),

    seen as materialized (
        {%- if is_incremental() %}
        select event_id
        from {{ this }}
        where hash(event_id) in (select hash(event_id) from {{ relation }})
        {%- else %}
        select cast(null as varchar) as event_id where false
        {%- endif %}
    )

    select *
    from {{ relation }}
    where event_id not in (select event_id from repeated union all select event_id from seen)
    union all
    select arrived.*
    from {{ relation }} as arrived
    join repeated
        on repeated.event_id = arrived.event_id
        and repeated.place = (arrived.received_at, arrived.log_partition, arrived.log_offset)
    where arrived.event_id not in (select event_id from seen)
)
{%- endmacro %}
