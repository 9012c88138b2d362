-- A statement of its own, since dbt's accepted_values does not take a value with an apostrophe.
select user_id, currency
from {{ ref('customer_rfm') }}
where segment not in (
    'Champions', 'Loyal', {{ quoted("Can't Lose Them") }}, 'At Risk', 'Potential Loyalist', 'New Customers', 'Promising',
    'Need Attention', 'About To Sleep', 'Hibernating', 'Lost')
