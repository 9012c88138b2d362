{{ config(materialized='incremental', partition_by='business_day') }}

with bought as (
    select *
    from {{ ref('purchases') }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
),

rates as (
    select *
    from {{ ref('daily_rates') }}
    {%- if is_incremental() %}
    where business_day in ({{ var('touched_days') }})
    {%- endif %}
),

-- Only orders of several purchases, of all days, need their first one looked up.
repeated as (
    select order_id, min({{ arrival() }}) as first_place
    from {{ ref('purchases') }}
    where order_id <> '' and order_id in (select order_id from bought where order_id <> '')
    group by order_id
    having count(*) > 1
)

select
    bought.event_id,
    bought.order_id,
    bought.user_id,
    bought.session_id,
    bought.currency,
    coalesce(nullif(bought.channel, ''), 'unknown') as channel,
    bought.store_id,
    bought.country,
    cast({{ sum_of_items('bought.items', 'item.quantity') }} as bigint) as units,
    cast({{ sum_of_items('bought.items', extended('item.quantity', 'item.unit_price')) }} as decimal(38, 4)) as gmv,
    coalesce(bought.discount, 0) as discount,
    bought.total_amount as revenue,
    rates.reporting_currency,
    -- The sum of the items' own amounts in the reporting currency, so that sums by product and by day are the same.
    case when rates.currency = rates.reporting_currency
        or (rates.rate_per_eur is not null and rates.reporting_rate_per_eur is not null) then
        cast({{ sum_of_items(
            'bought.items', reporting_amount(extended('item.quantity', 'item.unit_price'), 'rates')) }} as decimal(38, 4))
    end as reporting_gmv,
    {{ reporting_amount('coalesce(bought.discount, 0)', 'rates') }} as reporting_discount,
    {{ reporting_amount('bought.total_amount', 'rates') }} as reporting_revenue,
    rates.rate_per_eur,
    rates.rate_date,
    rates.reporting_rate_per_eur,
    rates.reporting_rate_date,
    -- The purchase of an order that arrived first counts; one without an order id always does.
    repeated.order_id is null
        or repeated.first_place = {{ arrival('bought') }} as is_counted,
    bought.ts,
    bought.business_day,
    bought.received_at,
    bought.log_partition,
    bought.log_offset
from bought
join rates on rates.business_day = bought.business_day and rates.currency = bought.currency
left join repeated on repeated.order_id = bought.order_id
