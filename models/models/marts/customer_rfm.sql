{{ config(materialized='table') }}

{#- Recency is counted from the last business day with a sale, so that the same data gives the same table on any day it
    is run. Scores go from 1 (worst fifth) to 5 (best); equal customers are told apart by their id.

    The segment follows from recency (r) and from the mean of frequency and money, rounded half up (fm). The first line of
    the CASE that fits decides; together the lines cover all twenty-five pairs. -#}
with customers as (
    select
        user_id,
        currency,
        min(business_day) as first_order_day,
        max(business_day) as last_order_day,
        count(*) as orders,
        cast(sum(revenue) as decimal(38, 4)) as revenue
    from {{ ref('sales') }}
    where is_counted
    group by user_id, currency
),

scored as (
    select
        *,
        cast((select max(last_order_day) from customers) - last_order_day as integer) as recency_days,
        cast(ntile(5) over (partition by currency order by last_order_day, {{ by_bytes('user_id') }}) as integer) as recency_score,
        cast(ntile(5) over (partition by currency order by orders, {{ by_bytes('user_id') }}) as integer) as frequency_score,
        cast(ntile(5) over (partition by currency order by revenue, {{ by_bytes('user_id') }}) as integer) as monetary_score
    from customers
),

placed as (
    select *, recency_score as r, {{ quotient('frequency_score + monetary_score + 1', 2) }} as fm
    from scored
)

select
    user_id,
    currency,
    first_order_day,
    last_order_day,
    recency_days,
    orders,
    revenue,
    recency_score,
    frequency_score,
    monetary_score,
    case
        when r >= 4 and fm >= 4 then 'Champions'
        when r >= 3 and fm >= 4 then 'Loyal'
        when r = 1 and fm >= 4 then {{ quoted("Can't Lose Them") }}
        when r <= 2 and fm >= 3 then 'At Risk'
        when r >= 4 and fm >= 2 then 'Potential Loyalist'
        when r = 5 then 'New Customers'
        when r = 4 then 'Promising'
        when r = 3 and fm = 3 then 'Need Attention'
        when r = 3 then 'About To Sleep'
        when r = 2 then 'Hibernating'
        else 'Lost'
    end as segment
from placed
