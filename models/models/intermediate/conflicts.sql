{{ config(materialized='incremental', incremental_strategy='append') }}

{#- Events that came again under an id that was taken, with other content. Repeats of the same content are not here. -#}
{% for topic in ['clicks', 'searches', 'carts', 'wishlists', 'purchases', 'orders', 'stock'] %}
select
    '{{ topic }}' as topic,
    repeats.event_id,
    repeats.received_at,
    repeats.log_partition,
    repeats.log_offset,
    {{ content_hash('repeats.raw') }} as content_hash,
    winners.first_content_hash
from {{ new_rows(source('bronze', topic)) }} as repeats
join (
    -- Without the raw events at first: repeats are few.
    select
        arrived.log_partition,
        arrived.log_offset,
        firsts.content_hash as first_content_hash
    from {{ new_rows(source('bronze', topic)) }} as arrived
    join {{ ref(topic) }} as firsts on firsts.event_id = arrived.event_id
    where firsts.log_partition <> arrived.log_partition or firsts.log_offset <> arrived.log_offset
) as winners on winners.log_partition = repeats.log_partition and winners.log_offset = repeats.log_offset
where {{ content_hash('repeats.raw') }} <> winners.first_content_hash
{%- if is_incremental() %}
and not exists (
    select 1
    from {{ this }} as known
    where known.topic = '{{ topic }}'
        and known.log_partition = repeats.log_partition
        and known.log_offset = repeats.log_offset
)
{%- endif %}
{% if not loop.last %}union all{% endif %}
{% endfor %}
