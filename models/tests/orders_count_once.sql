-- An order has one purchase that counts.
select order_id
from {{ ref('sales') }}
where is_counted and order_id <> ''
group by order_id
having count(*) > 1
