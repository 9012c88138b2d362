{{ config(
    materialized='incremental',
    partition_by='month(rate_date)',
    unique_key='rate_date'
) }}

{#- What one euro was worth on a working day. Of a rate that came several times, otherwise each time, the last counts. -#}
with arrived as (
    select
        rate_date,
        currency,
        rate_per_eur,
        source,
        fetched_at,
        row_number() over (partition by rate_date, currency order by fetched_at desc) as arrival
    from {{ source('bronze', 'exchange_rates') }}
    {%- if is_incremental() %}
    where rate_date in ({{ var('touched_days') }})
    {%- endif %}
)

select rate_date, currency, rate_per_eur, source, fetched_at
from arrived
where arrival = 1
