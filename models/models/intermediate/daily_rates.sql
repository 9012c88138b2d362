{{ config(materialized='incremental', partition_by='month(business_day)') }}

{#- The rates that a business day's amounts are converted with, for each currency that was paid in on it. Each is the last one
    known on that day: weekends, holidays and days without an answer go on with the one before. The euro is worth one euro
    and has no date. A currency that no rate was known of yet has none, and its amounts have no reporting amount. -#}
with used as (
    select business_day, currency
    from {{ ref('purchases') }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
    union
    select business_day, '{{ var("cost_currency") }}' as currency
    from {{ ref('purchases') }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
),

known as (
    select
        currency,
        rate_date,
        rate_per_eur,
        lead(rate_date) over (partition by currency order by rate_date) as next_date
    from {{ ref('exchange_rates') }}
)

select
    used.business_day,
    used.currency,
    case when used.currency = 'EUR' then cast(1 as decimal(18, 6)) else own.rate_per_eur end as rate_per_eur,
    own.rate_date,
    '{{ var("reporting_currency") }}' as reporting_currency,
    {% if var("reporting_currency") == 'EUR' %}cast(1 as decimal(18, 6)){% else %}reporting.rate_per_eur{% endif %}
        as reporting_rate_per_eur,
    reporting.rate_date as reporting_rate_date
from used
left join known as own
    on own.currency = used.currency
    and own.rate_date <= used.business_day
    and (own.next_date is null or own.next_date > used.business_day)
left join known as reporting
    on reporting.currency = '{{ var("reporting_currency") }}'
    and reporting.rate_date <= used.business_day
    and (reporting.next_date is null or reporting.next_date > used.business_day)
