{{ config(materialized='table') }}

{#- Recency is counted from the last business day with a sale, so that the same data gives the same table on any day it
    is run. Scores go from 1 (worst fifth) to 5 (best); equal customers are told apart by their id. -#}
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
)

select
    user_id,
    currency,
    first_order_day,
    last_order_day,
    cast((select max(last_order_day) from customers) - last_order_day as integer) as recency_days,
    orders,
    revenue,
    cast(ntile(5) over (partition by currency order by last_order_day, user_id) as integer) as recency_score,
    cast(ntile(5) over (partition by currency order by orders, user_id) as integer) as frequency_score,
    cast(ntile(5) over (partition by currency order by revenue, user_id) as integer) as monetary_score
from customers
