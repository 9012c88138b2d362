-- The keys that are made of several columns: no row twice.
{% for mart in [
    {'name': 'daily_sales', 'key': 'business_day, currency'},
    {'name': 'exchange_rates', 'key': 'rate_date, currency'},
    {'name': 'daily_rates', 'key': 'business_day, currency'},
    {'name': 'bots', 'key': 'business_day, user_id'},
    {'name': 'daily_channel', 'key': 'business_day, channel, currency'},
    {'name': 'daily_sales_breakdown', 'key': 'business_day, channel, store_id, country, currency'},
    {'name': 'hourly_sales_breakdown', 'key': 'hour_start, channel, store_id, country, currency'},
    {'name': 'products', 'key': 'product_id, valid_from'},
    {'name': 'daily_category_sales', 'key': 'business_day, category, currency'},
    {'name': 'hourly_category_sales', 'key': 'hour_start, category, currency'},
    {'name': 'daily_category_clicks', 'key': 'business_day, category'},
    {'name': 'daily_product_clicks', 'key': 'business_day, product_id'},
    {'name': 'daily_product_sales', 'key': 'business_day, product_id, currency'},
    {'name': 'cart_abandonment', 'key': 'business_day, channel'},
    {'name': 'daily_search_terms', 'key': 'business_day, term'},
    {'name': 'daily_fulfilment', 'key': 'business_day, channel'},
    {'name': 'customer_rfm', 'key': 'user_id, currency'},
    {'name': 'cohort_retention', 'key': 'cohort_month, months_since'},
    {'name': 'product_affinity', 'key': 'product_id, with_product_id'},
    {'name': 'stock_turnover', 'key': 'month, product_id, warehouse_id'}
] %}
select '{{ mart.name }}' as mart, count(*) as row_count
from {{ ref(mart.name) }}
group by {{ mart.key }}
having count(*) > 1
{% if not loop.last %}union all{% endif %}
{% endfor %}
