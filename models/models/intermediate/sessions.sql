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
    select {{ touched_days() }} as business_day
    union
    select cast(business_day - 1 as date) from (select {{ touched_days() }} as business_day) as touched
    union
    select {{ days_between('business_day', business_day('ended_at')) }}
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
        {% if table == 'clicks' %}{{ session_order() }}{% else %}cast(null as {{ type_whole() }}){% endif %} as click_order,
        {% if table == 'carts' %}1{% else %}0{% endif %} as is_cart
    from {{ ref(table) }}
    {%- if is_incremental() %}
    where business_day in (select business_day from read_days)
    {%- endif %}
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

-- Time is cut into pieces as long as the gap: the events of a user in one piece are always of one session, so that only
-- the pieces, and not the events, have to be put in order. What is gathered of them are numbers alone: of texts and
-- lists the engine could not keep a part on disk.
pieces as (
    select
        user_id,
        channel,
        {{ session_piece() }} as piece,
        min(ts) as started_at,
        max(ts) as ended_at,
        count(*) as events,
        count(click_order) as clicks,
        sum(is_cart) as carts,
        min(click_order) as first_click
    from events
    group by user_id, channel, piece
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

numbered as {{ materialized() }}(
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
        session_number,
        min(started_at) as started_at,
        max(ended_at) as ended_at,
        cast(sum(events) as bigint) as events,
        cast(sum(clicks) as bigint) as clicks,
        cast(sum(carts) as bigint) as carts,
        min(first_click) as first_click
    from numbered
    group by user_id, channel, session_number
),

-- Purchases that count are few: they are looked at by themselves, and find their session by their piece.
sold as (
    select
        user_id,
        coalesce(nullif(channel, ''), 'unknown') as channel,
        {{ session_piece() }} as piece,
        currency,
        count(*) as purchases,
        min({{ session_order() }}) as first_sale,
        sum(revenue) as revenue,
        sum(reporting_revenue) as reporting_revenue
    from {{ ref('sales') }}
    where is_counted
    {%- if is_incremental() %} and business_day in (select business_day from read_days){% endif %}
    group by 1, 2, 3, 4
),

sold_in_session as (
    select
        sold.user_id,
        sold.channel,
        numbered.session_number,
        sold.currency,
        sum(sold.purchases) as purchases,
        min(sold.first_sale) as first_sale,
        sum(sold.revenue) as revenue,
        sum(sold.reporting_revenue) as reporting_revenue
    from sold
    join numbered
        on numbered.user_id = sold.user_id
        and numbered.channel = sold.channel
        and numbered.piece = sold.piece
    group by sold.user_id, sold.channel, numbered.session_number, sold.currency
),

-- Amounts of different currencies are not added: revenue is in the currency of the session's first purchase.
paid as (
    select
        user_id,
        channel,
        session_number,
        currency,
        revenue,
        row_number() over session_order as place,
        cast(sum(purchases) over whole_session as bigint) as purchases,
        count(*) over whole_session as currencies,
        sum(reporting_revenue) over whole_session as reporting_revenue
    from sold_in_session
    window
        session_order as (partition by user_id, channel, session_number order by first_sale),
        whole_session as (partition by user_id, channel, session_number)
),

entered as (
    select clicks.user_id, coalesce(nullif(clicks.channel, ''), 'unknown') as channel, grouped.first_click, clicks.page
    from {{ ref('clicks') }} as clicks
    join grouped
        on grouped.user_id = clicks.user_id
        and grouped.channel = coalesce(nullif(clicks.channel, ''), 'unknown')
        and grouped.first_click = {{ session_order('clicks.') }}
    {%- if is_incremental() %}
    where clicks.business_day in (select business_day from read_days)
    {%- endif %}
)

select
    md5(concat_ws(chr(31), grouped.user_id, grouped.channel, cast({{ microseconds('grouped.started_at') }} as {{ dbt.type_string() }}))) as session_key,
    grouped.user_id,
    grouped.channel,
    grouped.started_at,
    grouped.ended_at,
    grouped.events,
    grouped.clicks,
    grouped.carts,
    coalesce(paid.purchases, 0) as purchases,
    paid.currency,
    cast(coalesce(paid.revenue, 0) as decimal(38, 4)) as revenue,
    coalesce(paid.currencies, 0) > 1 as has_more_currencies,
    cast(case when paid.purchases is null then 0 else paid.reporting_revenue end as decimal(38, 4)) as reporting_revenue,
    entered.page as entry_page,
    paid.purchases is not null as is_converted,
    bots.user_id is not null as is_bot,
    {{ business_day('grouped.started_at') }} as business_day
from grouped
left join paid
    on paid.user_id = grouped.user_id
    and paid.channel = grouped.channel
    and paid.session_number = grouped.session_number
    and paid.place = 1
left join entered
    on entered.user_id = grouped.user_id
    and entered.channel = grouped.channel
    and entered.first_click = grouped.first_click
left join {{ ref('bots') }} as bots
    on bots.user_id = grouped.user_id and bots.business_day = {{ business_day('grouped.started_at') }}
{%- if is_incremental() %}
where {{ business_day('grouped.started_at') }} in ({{ var('touched_days') }})
{%- endif %}
