{{ config(
    materialized='incremental',
    partition_by='business_day',
    meta={'rebuild_days': 'sessions_days'}
) }}

{#- A session is a user's activity on one channel (clicks, searches, carts, wishlists, purchases) without a pause of the gap or longer;
    it belongs to the day it began on and does not end at midnight. To rebuild the sessions that began on some days, the
    events of those days are read, those of the day before each (does the first event begin a session or go on with
    one?), and those up to the end of the sessions that began on them before. -#}
{%- if is_incremental() %}
with read_days as (
    select unnest([{{ var('touched_days') }}]) as business_day
    union
    select cast(unnest([{{ var('touched_days') }}]) - 1 as date)
    union
    select cast(unnest(generate_series(
        cast(business_day as timestamp),
        cast({{ business_day('ended_at') }} as timestamp),
        interval 1 day)) as date)
    from {{ this }}
    where business_day in ({{ var('touched_days') }})
),
{%- else %}
with
{%- endif %}

events as (
    {%- for table in ['clicks', 'searches', 'carts', 'wishlists', 'sales'] %}
    select
        user_id,
        coalesce(nullif(channel, ''), 'unknown') as channel,
        ts,
        received_at,
        log_partition,
        log_offset,
        business_day,
        '{{ table }}' as kind,
        {% if table == 'clicks' %}page{% else %}cast(null as varchar){% endif %} as page,
        {% if table == 'sales' %}currency{% else %}cast(null as varchar){% endif %} as currency,
        {% if table == 'sales' %}revenue{% else %}cast(null as decimal(18, 4)){% endif %} as revenue,
        {% if table == 'sales' %}reporting_revenue{% else %}cast(null as decimal(38, 4)){% endif %} as reporting_revenue,
        {% if table == 'sales' %}is_counted{% else %}false{% endif %} as is_counted
    from {{ ref(table) }}
    {%- if is_incremental() %}
    where business_day in (select business_day from read_days)
    {%- endif %}
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

-- Time is cut into pieces as long as the gap: the events of a user in one piece are always of one session, so that only
-- the pieces, and not the events, have to be put in order.
pieces as (
    select
        user_id,
        channel,
        epoch_us(ts) // ({{ var("session_gap_minutes") }} * 60000000) as piece,
        min(ts) as started_at,
        max(ts) as ended_at,
        count(*) as events,
        count(*) filter (where kind = 'clicks') as clicks,
        count(*) filter (where kind = 'carts') as carts,
        count(*) filter (where is_counted) as purchases,
        arg_min(currency, (ts, received_at, log_partition, log_offset)) filter (where is_counted) as currency,
        list((currency, revenue)) filter (where is_counted) as paid,
        sum(reporting_revenue) filter (where is_counted) as reporting_revenue,
        arg_min(page, (ts, received_at, log_partition, log_offset)) filter (where kind = 'clicks') as entry_page
    from events
    group by all
),

marked as (
    select
        *,
        coalesce(
            started_at - lag(ended_at) over (partition by user_id, channel order by piece)
                >= interval '{{ var("session_gap_minutes") }} minutes',
            true) as is_start
    from pieces
),

numbered as (
    select
        *,
        sum(cast(is_start as integer)) over (
            partition by user_id, channel order by piece rows unbounded preceding) as session_number
    from marked
),

grouped as (
    select
        user_id,
        channel,
        min(started_at) as started_at,
        max(ended_at) as ended_at,
        cast(sum(events) as bigint) as events,
        cast(sum(clicks) as bigint) as clicks,
        cast(sum(carts) as bigint) as carts,
        cast(sum(purchases) as bigint) as purchases,
        arg_min(currency, piece) as currency,
        flatten(list(paid) filter (where paid is not null)) as paid,
        sum(reporting_revenue) as reporting_revenue,
        arg_min(entry_page, piece) as entry_page
    from numbered
    group by user_id, channel, session_number
)

select
    md5(concat_ws(chr(31), grouped.user_id, channel, cast(epoch_us(started_at) as varchar))) as session_key,
    grouped.user_id,
    channel,
    started_at,
    ended_at,
    events,
    clicks,
    carts,
    purchases,
    -- Amounts of different currencies are not added: revenue is in the currency of the session's first purchase.
    currency,
    cast(coalesce(list_sum(list_transform(
        list_filter(paid, lambda sale: sale[1] = currency), lambda sale: sale[2])), 0) as decimal(38, 4)) as revenue,
    coalesce(len(list_filter(paid, lambda sale: sale[1] <> currency)), 0) > 0 as has_more_currencies,
    cast(case when purchases = 0 then 0 else reporting_revenue end as decimal(38, 4)) as reporting_revenue,
    entry_page,
    purchases > 0 as is_converted,
    bots.user_id is not null as is_bot,
    {{ business_day('started_at') }} as business_day
from grouped
left join {{ ref('bots') }} as bots
    on bots.user_id = grouped.user_id and bots.business_day = {{ business_day('started_at') }}
{%- if is_incremental() %}
where {{ business_day('started_at') }} in ({{ var('touched_days') }})
{%- endif %}
