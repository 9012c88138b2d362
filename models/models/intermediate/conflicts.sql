{{ config(materialized='incremental', incremental_strategy='append') }}

{#- Events that came again under an id that was taken, with other content. Repeats of the same content are not here. -#}
{% for topic in ['clicks', 'searches', 'carts', 'wishlists', 'purchases', 'orders', 'stock'] %}
(
    -- What arrived and is not in silver is a repeat: few rows, found by their places in the log.
    with places as materialized (
        select arrived.log_partition, arrived.log_offset
        from {{ new_rows(source('bronze', topic)) }} as arrived
        where not exists (
            select 1
            from {{ ref(topic) }} as kept
            where kept.log_partition = arrived.log_partition
                and kept.log_offset = arrived.log_offset
                and kept.received_at >= (select min(received_at) from {{ new_rows(source('bronze', topic)) }})
        )
    ),

    repeats as materialized (
        select
            arrived.event_id,
            arrived.received_at,
            arrived.log_partition,
            arrived.log_offset,
            {{ content_hash('arrived.raw') }} as content_hash
        from {{ new_rows(source('bronze', topic)) }} as arrived
        join places
            on places.log_partition = arrived.log_partition and places.log_offset = arrived.log_offset
    ),

    firsts as materialized (
        select event_id, content_hash
        from {{ ref(topic) }}
        where hash(event_id) in (select hash(event_id) from repeats)
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
    {%- if is_incremental() %}
        and not exists (
            select 1
            from {{ this }} as known
            where known.topic = '{{ topic }}'
                and known.log_partition = repeats.log_partition
                and known.log_offset = repeats.log_offset
        )
    {%- endif %}
)
{% if not loop.last %}union all{% endif %}
{% endfor %}
