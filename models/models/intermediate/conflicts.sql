{{ config(materialized='incremental', incremental_strategy='append') }}

{#- Events that came again under an id that was taken, with other content. Repeats of the same content are not here. -#}
{% for topic in ['clicks', 'searches', 'carts', 'wishlists', 'purchases', 'orders', 'stock'] %}
(
    {{ conflicting(topic, new_rows(source('bronze', topic)), ref(topic)) }}
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
