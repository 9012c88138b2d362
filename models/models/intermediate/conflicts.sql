{{ config(materialized='incremental', incremental_strategy='append') }}

{#- Events that came again under an id that was taken, with other content. Repeats of the same content are not here. -#}
{% for topic in ['clicks', 'searches', 'carts', 'wishlists', 'purchases', 'orders', 'stock'] %}
(
    -- What arrived and is not in silver is a repeat. Repeats are few: counting both sides in blocks of log offsets finds
    -- the blocks that have some, and only those are compared row by row.
    with ranges as materialized (
        select log_partition, min(log_offset) as first_offset, max(log_offset) as last_offset
        from {{ new_rows(source('bronze', topic)) }}
        group by log_partition
    ),

    kept as (
        select silver.log_partition, silver.log_offset
        from {{ ref(topic) }} as silver
        join ranges
            on ranges.log_partition = silver.log_partition
            and silver.log_offset between ranges.first_offset and ranges.last_offset
    ),

    blocks as materialized (
        select log_partition, log_offset // 4096 as block
        from (
            select log_partition, log_offset, 1 as weight from {{ new_rows(source('bronze', topic)) }}
            union all
            select log_partition, log_offset, -1 as weight from kept
        )
        group by all
        having sum(weight) > 0
    ),

    arrived_there as materialized (
        select arrived.log_partition, arrived.log_offset
        from {{ new_rows(source('bronze', topic)) }} as arrived
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
        from {{ new_rows(source('bronze', topic)) }} as arrived
        where {{ is_one_of(log_place('arrived'), 'select ' ~ log_place('places') ~ ' from places') }}
    ),

    firsts as materialized (
        select event_id, content_hash
        from {{ ref(topic) }}
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
