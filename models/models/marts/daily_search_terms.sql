{{ config(materialized='incremental', partition_by='month(business_day)') }}

{#- A term is the query in lower case, with every run of white space as one space and none around it. A search found nothing
    when it says so: results = 0. One that does not say how much it found counts in searches alone. -#}
with terms as (
    select
        business_day,
        lower({{ single_spaced('query') }}) as term,
        count(*) as searches,
        count(distinct user_id) as users,
        count(results) as searches_with_results_known,
        count(*) filter (where results = 0) as zero_result_searches
    from {{ ref('searches') }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
    group by 1, 2
)

select
    business_day,
    term,
    searches,
    users,
    searches_with_results_known,
    zero_result_searches,
    cast({{ exact_ratio('zero_result_searches', 'searches_with_results_known') }} as decimal(9, 4)) as zero_result_rate
from terms
