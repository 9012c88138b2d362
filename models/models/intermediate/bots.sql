{{ config(materialized='incremental', partition_by='month(business_day)') }}

{#- Users who behave like a program on a business day, told by what events say: no event carries a user agent. Flagged is who
    looks (clicks and searches) bot_looks_per_minute times or more within one minute of the clock, whatever else they do, and
    who looks bot_looks_per_day times or more on the day and puts nothing into a cart, wishes for nothing and buys nothing.
    They are flagged and never left out: every count has them, and says which part of it is theirs. -#}
with looks as (
    {%- for table in ['clicks', 'searches'] %}
    select business_day, user_id, ts
    from {{ ref(table) }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

-- Few look that often on a day, and only they are looked at by the minute.
busy as (
    select business_day, user_id, count(*) as looks
    from looks
    group by business_day, user_id
    having count(*) >= {{ var('bot_looks_per_minute') }} or count(*) >= {{ var('bot_looks_per_day') }}
),

minutes as (
    select looks.business_day, looks.user_id, date_trunc('minute', looks.ts) as minute, count(*) as looks
    from looks
    join busy on busy.business_day = looks.business_day and busy.user_id = looks.user_id
    group by 1, 2, 3
),

peaks as (
    select business_day, user_id, max(looks) as busiest_minute
    from minutes
    group by business_day, user_id
),

acts as (
    select business_day, user_id, count(*) as acts
    from (
        {%- for table in ['carts', 'wishlists', 'purchases'] %}
        select business_day, user_id
        from {{ ref(table) }}
        where user_id in (select user_id from busy)
            {%- if is_incremental() %}
            and business_day in ({{ var('touched_days') }})
            {%- endif %}
        {% if not loop.last %}union all{% endif %}
        {%- endfor %}
    ) as done
    group by business_day, user_id
)

select
    busy.business_day,
    busy.user_id,
    busy.looks,
    peaks.busiest_minute,
    coalesce(acts.acts, 0) as acts,
    peaks.busiest_minute >= {{ var('bot_looks_per_minute') }} as is_too_fast,
    busy.looks >= {{ var('bot_looks_per_day') }} and acts.acts is null as is_only_looking
from busy
join peaks on peaks.business_day = busy.business_day and peaks.user_id = busy.user_id
left join acts on acts.business_day = busy.business_day and acts.user_id = busy.user_id
where peaks.busiest_minute >= {{ var('bot_looks_per_minute') }}
    or (busy.looks >= {{ var('bot_looks_per_day') }} and acts.acts is null)
