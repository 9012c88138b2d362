CREATE TEMP TABLE stage_hours (hour_start timestamptz, business_day date, hour_of_day integer, utc_offset_minutes integer, day_of_week integer, day_of_month integer, day_of_year integer, iso_week integer, iso_year integer, month integer, quarter integer, year integer, month_start date, is_weekend boolean);
CREATE TEMP TABLE stage_users (user_id varchar(128), country varchar(256), is_customer boolean);
CREATE TEMP TABLE stage_products (product_id varchar(128), list_price numeric(18, 4), unit_cost numeric(18, 4));
CREATE TEMP TABLE stage_rates (currency varchar(3), rate_per_eur numeric(18, 6), rate_date date, reporting_currency varchar(3), reporting_rate_per_eur numeric(18, 6), reporting_rate_date date);
CREATE TEMP TABLE stage_channels (channel varchar(256));
CREATE TEMP TABLE stage_stores (store_id varchar(128));
CREATE TEMP TABLE stage_currencies (currency varchar(3));
CREATE TEMP TABLE stage_clicks (log_partition integer, log_offset bigint, hour_start timestamptz, user_id varchar(128), product_id varchar(128), channel varchar(256), store_id varchar(128), happened_at timestamptz, event_id varchar(128), session_id varchar(128), is_bot boolean, device varchar(256), country varchar(256), campaign varchar(256), dwell_ms bigint);
CREATE TEMP TABLE stage_cart (log_partition integer, log_offset bigint, hour_start timestamptz, user_id varchar(128), product_id varchar(128), channel varchar(256), currency varchar(3), happened_at timestamptz, event_id varchar(128), session_id varchar(128), is_bot boolean, action varchar(8), quantity integer, unit_price numeric(18, 4));
CREATE TEMP TABLE stage_orders (log_partition integer, log_offset bigint, hour_start timestamptz, user_id varchar(128), channel varchar(256), store_id varchar(128), currency varchar(3), happened_at timestamptz, event_id varchar(128), session_id varchar(128), is_bot boolean, order_id varchar(128), country varchar(256), units bigint, gmv numeric(38, 4), discount numeric(18, 4), revenue numeric(18, 4), reporting_gmv numeric(38, 4), reporting_discount numeric(38, 4), reporting_revenue numeric(38, 4));
CREATE TEMP TABLE stage_order_items (log_partition integer, log_offset bigint, hour_start timestamptz, user_id varchar(128), product_id varchar(128), channel varchar(256), store_id varchar(128), currency varchar(3), item_number integer, event_id varchar(128), order_id varchar(128), quantity integer, unit_price numeric(18, 4), amount numeric(38, 4), reporting_amount numeric(38, 4), is_bot boolean);
CREATE TEMP TABLE changed_dim_user (user_id varchar(128));
CREATE TEMP TABLE old_dim_user (user_key integer, user_id varchar(128), valid_from date, valid_to date, country varchar(256), is_customer boolean);
CREATE TEMP TABLE fresh_dim_user (user_id varchar(128), valid_from date, valid_to date, country varchar(256), is_customer boolean);
CREATE TEMP TABLE moved_dim_user (old_key integer, new_key integer, from_day date, to_day date);
CREATE TEMP TABLE changed_dim_product (product_id varchar(128));
CREATE TEMP TABLE old_dim_product (product_key integer, product_id varchar(128), valid_from date, valid_to date, list_price numeric(18, 4), unit_cost numeric(18, 4));
CREATE TEMP TABLE fresh_dim_product (product_id varchar(128), valid_from date, valid_to date, list_price numeric(18, 4), unit_cost numeric(18, 4));
CREATE TEMP TABLE moved_dim_product (old_key integer, new_key integer, from_day date, to_day date);
CREATE TEMP TABLE fresh_fact_clicks (business_day date, log_partition integer, log_offset bigint, time_key integer, user_key integer, product_key integer, channel_key integer, store_key integer, happened_at timestamptz, event_id varchar(128), session_id varchar(128), is_bot boolean, device varchar(256), country varchar(256), campaign varchar(256), dwell_ms bigint);
CREATE TEMP TABLE fresh_fact_cart (business_day date, log_partition integer, log_offset bigint, time_key integer, user_key integer, product_key integer, channel_key integer, currency_key integer, happened_at timestamptz, event_id varchar(128), session_id varchar(128), is_bot boolean, action varchar(8), quantity integer, unit_price numeric(18, 4));
CREATE TEMP TABLE fresh_fact_orders (business_day date, log_partition integer, log_offset bigint, time_key integer, user_key integer, channel_key integer, store_key integer, currency_key integer, happened_at timestamptz, event_id varchar(128), session_id varchar(128), is_bot boolean, order_id varchar(128), country varchar(256), units bigint, gmv numeric(38, 4), discount numeric(18, 4), revenue numeric(18, 4), reporting_gmv numeric(38, 4), reporting_discount numeric(38, 4), reporting_revenue numeric(38, 4));
CREATE TEMP TABLE fresh_fact_order_items (business_day date, log_partition integer, log_offset bigint, time_key integer, user_key integer, product_key integer, channel_key integer, store_key integer, currency_key integer, item_number integer, event_id varchar(128), order_id varchar(128), quantity integer, unit_price numeric(18, 4), amount numeric(38, 4), reporting_amount numeric(38, 4), is_bot boolean);
BEGIN;
COPY stage_hours (hour_start, business_day, hour_of_day, utc_offset_minutes, day_of_week, day_of_month, day_of_year, iso_week, iso_year, month, quarter, year, month_start, is_weekend)
FROM 's3://shop/stage/2026-03-01/stage_hours.parquet'
IAM_ROLE default FORMAT AS PARQUET;
COPY stage_users (user_id, country, is_customer)
FROM 's3://shop/stage/2026-03-01/stage_users.parquet'
IAM_ROLE default FORMAT AS PARQUET;
COPY stage_products (product_id, list_price, unit_cost)
FROM 's3://shop/stage/2026-03-01/stage_products.parquet'
IAM_ROLE default FORMAT AS PARQUET;
COPY stage_rates (currency, rate_per_eur, rate_date, reporting_currency, reporting_rate_per_eur, reporting_rate_date)
FROM 's3://shop/stage/2026-03-01/stage_rates.parquet'
IAM_ROLE default FORMAT AS PARQUET;
COPY stage_channels (channel)
FROM 's3://shop/stage/2026-03-01/stage_channels.parquet'
IAM_ROLE default FORMAT AS PARQUET;
COPY stage_stores (store_id)
FROM 's3://shop/stage/2026-03-01/stage_stores.parquet'
IAM_ROLE default FORMAT AS PARQUET;
COPY stage_currencies (currency)
FROM 's3://shop/stage/2026-03-01/stage_currencies.parquet'
IAM_ROLE default FORMAT AS PARQUET;
COPY stage_clicks (log_partition, log_offset, hour_start, user_id, product_id, channel, store_id, happened_at, event_id, session_id, is_bot, device, country, campaign, dwell_ms)
FROM 's3://shop/stage/2026-03-01/stage_clicks.parquet'
IAM_ROLE default FORMAT AS PARQUET;
COPY stage_cart (log_partition, log_offset, hour_start, user_id, product_id, channel, currency, happened_at, event_id, session_id, is_bot, action, quantity, unit_price)
FROM 's3://shop/stage/2026-03-01/stage_cart.parquet'
IAM_ROLE default FORMAT AS PARQUET;
COPY stage_orders (log_partition, log_offset, hour_start, user_id, channel, store_id, currency, happened_at, event_id, session_id, is_bot, order_id, country, units, gmv, discount, revenue, reporting_gmv, reporting_discount, reporting_revenue)
FROM 's3://shop/stage/2026-03-01/stage_orders.parquet'
IAM_ROLE default FORMAT AS PARQUET;
COPY stage_order_items (log_partition, log_offset, hour_start, user_id, product_id, channel, store_id, currency, item_number, event_id, order_id, quantity, unit_price, amount, reporting_amount, is_bot)
FROM 's3://shop/stage/2026-03-01/stage_order_items.parquet'
IAM_ROLE default FORMAT AS PARQUET;
UPDATE star.dim_time SET business_day = s.business_day, hour_of_day = s.hour_of_day, utc_offset_minutes = s.utc_offset_minutes, day_of_week = s.day_of_week, day_of_month = s.day_of_month, day_of_year = s.day_of_year, iso_week = s.iso_week, iso_year = s.iso_year, month = s.month, quarter = s.quarter, year = s.year, month_start = s.month_start, is_weekend = s.is_weekend
FROM stage_hours s WHERE dim_time.hour_start = s.hour_start
    AND (dim_time.business_day <> s.business_day OR dim_time.hour_of_day <> s.hour_of_day OR dim_time.utc_offset_minutes <> s.utc_offset_minutes OR dim_time.day_of_week <> s.day_of_week OR dim_time.day_of_month <> s.day_of_month OR dim_time.day_of_year <> s.day_of_year OR dim_time.iso_week <> s.iso_week OR dim_time.iso_year <> s.iso_year OR dim_time.month <> s.month OR dim_time.quarter <> s.quarter OR dim_time.year <> s.year OR dim_time.month_start <> s.month_start OR dim_time.is_weekend <> s.is_weekend);
INSERT INTO star.dim_time (hour_start, business_day, hour_of_day, utc_offset_minutes, day_of_week, day_of_month, day_of_year, iso_week, iso_year, month, quarter, year, month_start, is_weekend)
SELECT s.hour_start, s.business_day, s.hour_of_day, s.utc_offset_minutes, s.day_of_week, s.day_of_month, s.day_of_year, s.iso_week, s.iso_year, s.month, s.quarter, s.year, s.month_start, s.is_weekend FROM stage_hours s
WHERE NOT EXISTS (
    SELECT 1 FROM star.dim_time known WHERE known.hour_start = s.hour_start);
INSERT INTO star.dim_channel (channel)
SELECT s.channel FROM stage_channels s
WHERE NOT EXISTS (SELECT 1 FROM star.dim_channel known WHERE known.channel = s.channel);
INSERT INTO star.dim_store (store_id)
SELECT s.store_id FROM stage_stores s
WHERE NOT EXISTS (SELECT 1 FROM star.dim_store known WHERE known.store_id = s.store_id);
INSERT INTO star.dim_currency (currency)
SELECT s.currency FROM stage_currencies s
WHERE NOT EXISTS (SELECT 1 FROM star.dim_currency known WHERE known.currency = s.currency);
DELETE FROM star.currency_rates WHERE business_day = DATE '2026-03-01';
INSERT INTO star.currency_rates (business_day, currency_key, rate_per_eur, rate_date, reporting_currency, reporting_rate_per_eur, reporting_rate_date)
SELECT DATE '2026-03-01', known.currency_key, s.rate_per_eur, s.rate_date, s.reporting_currency, s.reporting_rate_per_eur, s.reporting_rate_date
FROM stage_rates s JOIN star.dim_currency known ON known.currency = s.currency;
INSERT INTO changed_dim_user (user_id)
SELECT coalesce(s.user_id, d.user_id)
FROM stage_users s
FULL OUTER JOIN (SELECT * FROM star.user_days WHERE business_day = DATE '2026-03-01') d ON d.user_id = s.user_id
WHERE s.user_id IS NULL OR d.user_id IS NULL OR (s.country <> d.country OR (s.country IS NULL) <> (d.country IS NULL)) OR (s.is_customer <> d.is_customer OR (s.is_customer IS NULL) <> (d.is_customer IS NULL));
DELETE FROM star.user_days USING changed_dim_user
WHERE user_days.business_day = DATE '2026-03-01' AND user_days.user_id = changed_dim_user.user_id;
INSERT INTO star.user_days (business_day, user_id, country, is_customer)
SELECT DATE '2026-03-01', s.user_id, s.country, s.is_customer
FROM stage_users s JOIN changed_dim_user c ON c.user_id = s.user_id;
INSERT INTO old_dim_user (user_key, user_id, valid_from, valid_to, country, is_customer)
SELECT v.user_key, v.user_id, v.valid_from, v.valid_to, v.country, v.is_customer
FROM star.dim_user v JOIN changed_dim_user c ON c.user_id = v.user_id
WHERE v.valid_to >= DATE '2026-03-01';
INSERT INTO fresh_dim_user (user_id, valid_from, valid_to, country, is_customer)
WITH told AS (
    SELECT user_id, valid_from, DATE '2026-03-01' - 1 AS told_on, country, is_customer
    FROM old_dim_user WHERE valid_from < DATE '2026-03-01'
    UNION ALL
    SELECT d.user_id, d.business_day, d.business_day, d.country, d.is_customer
    FROM star.user_days d JOIN changed_dim_user c ON c.user_id = d.user_id
    WHERE d.business_day >= DATE '2026-03-01'
),
counted AS (
    SELECT user_id, valid_from, told_on, country, count(country) OVER (PARTITION BY user_id ORDER BY told_on ROWS UNBOUNDED PRECEDING) AS country_values, max(CASE WHEN is_customer THEN 1 ELSE 0 END) OVER (PARTITION BY user_id ORDER BY told_on ROWS UNBOUNDED PRECEDING) = 1 AS is_customer
    FROM told
),
filled AS (
    SELECT user_id, valid_from, told_on, max(country) OVER (PARTITION BY user_id, country_values) AS country, is_customer
    FROM counted
),
compared AS (
    SELECT user_id, valid_from, told_on, country, is_customer,
        row_number() OVER (PARTITION BY user_id ORDER BY told_on) AS place, lag(country) OVER (PARTITION BY user_id ORDER BY told_on) AS country_before, lag(is_customer) OVER (PARTITION BY user_id ORDER BY told_on) AS is_customer_before
    FROM filled
),
begun AS (
    SELECT user_id, valid_from, told_on, country, is_customer FROM compared
    WHERE place = 1 OR (country <> country_before OR (country IS NULL) <> (country_before IS NULL)) OR (is_customer <> is_customer_before OR (is_customer IS NULL) <> (is_customer_before IS NULL))
)
SELECT user_id, valid_from,
    coalesce(lead(told_on) OVER (PARTITION BY user_id ORDER BY told_on), DATE '9999-12-31'), country, is_customer
FROM begun;
UPDATE star.dim_user SET valid_to = dim_user.valid_from, is_current = false
FROM old_dim_user o WHERE dim_user.user_key = o.user_key AND NOT EXISTS (
    SELECT 1 FROM fresh_dim_user f WHERE f.user_id = o.user_id AND f.valid_from = o.valid_from);
UPDATE star.dim_user SET valid_to = f.valid_to, is_current = (f.valid_to = DATE '9999-12-31'),
    country = f.country, is_customer = f.is_customer
FROM fresh_dim_user f WHERE dim_user.user_id = f.user_id AND dim_user.valid_from = f.valid_from
    AND (dim_user.valid_to <> f.valid_to OR (dim_user.country <> f.country OR (dim_user.country IS NULL) <> (f.country IS NULL)) OR (dim_user.is_customer <> f.is_customer OR (dim_user.is_customer IS NULL) <> (f.is_customer IS NULL)));
INSERT INTO star.dim_user (user_id, valid_from, valid_to, is_current, country, is_customer)
SELECT f.user_id, f.valid_from, f.valid_to, f.valid_to = DATE '9999-12-31',
    f.country, f.is_customer
FROM fresh_dim_user f
WHERE NOT EXISTS (SELECT 1 FROM old_dim_user o WHERE o.user_id = f.user_id AND o.valid_from = f.valid_from);
INSERT INTO moved_dim_user (old_key, new_key, from_day, to_day)
SELECT o.user_key, v.user_key, greatest(o.valid_from, v.valid_from), least(o.valid_to, v.valid_to)
FROM old_dim_user o JOIN star.dim_user v ON v.user_id = o.user_id AND v.user_key <> o.user_key
WHERE v.valid_from < v.valid_to AND v.valid_from < o.valid_to AND o.valid_from < v.valid_to
    AND least(o.valid_to, v.valid_to) > DATE '2026-03-01' + 1;
UPDATE star.fact_clicks SET user_key = m.new_key
FROM moved_dim_user m WHERE fact_clicks.user_key = m.old_key AND fact_clicks.business_day > DATE '2026-03-01'
    AND fact_clicks.business_day >= m.from_day AND fact_clicks.business_day < m.to_day;
UPDATE star.fact_cart SET user_key = m.new_key
FROM moved_dim_user m WHERE fact_cart.user_key = m.old_key AND fact_cart.business_day > DATE '2026-03-01'
    AND fact_cart.business_day >= m.from_day AND fact_cart.business_day < m.to_day;
UPDATE star.fact_orders SET user_key = m.new_key
FROM moved_dim_user m WHERE fact_orders.user_key = m.old_key AND fact_orders.business_day > DATE '2026-03-01'
    AND fact_orders.business_day >= m.from_day AND fact_orders.business_day < m.to_day;
UPDATE star.fact_order_items SET user_key = m.new_key
FROM moved_dim_user m WHERE fact_order_items.user_key = m.old_key AND fact_order_items.business_day > DATE '2026-03-01'
    AND fact_order_items.business_day >= m.from_day AND fact_order_items.business_day < m.to_day;
INSERT INTO changed_dim_product (product_id)
SELECT coalesce(s.product_id, d.product_id)
FROM stage_products s
FULL OUTER JOIN (SELECT * FROM star.product_days WHERE business_day = DATE '2026-03-01') d ON d.product_id = s.product_id
WHERE s.product_id IS NULL OR d.product_id IS NULL OR (s.list_price <> d.list_price OR (s.list_price IS NULL) <> (d.list_price IS NULL)) OR (s.unit_cost <> d.unit_cost OR (s.unit_cost IS NULL) <> (d.unit_cost IS NULL));
DELETE FROM star.product_days USING changed_dim_product
WHERE product_days.business_day = DATE '2026-03-01' AND product_days.product_id = changed_dim_product.product_id;
INSERT INTO star.product_days (business_day, product_id, list_price, unit_cost)
SELECT DATE '2026-03-01', s.product_id, s.list_price, s.unit_cost
FROM stage_products s JOIN changed_dim_product c ON c.product_id = s.product_id;
INSERT INTO old_dim_product (product_key, product_id, valid_from, valid_to, list_price, unit_cost)
SELECT v.product_key, v.product_id, v.valid_from, v.valid_to, v.list_price, v.unit_cost
FROM star.dim_product v JOIN changed_dim_product c ON c.product_id = v.product_id
WHERE v.valid_to >= DATE '2026-03-01';
INSERT INTO fresh_dim_product (product_id, valid_from, valid_to, list_price, unit_cost)
WITH told AS (
    SELECT product_id, valid_from, DATE '2026-03-01' - 1 AS told_on, list_price, unit_cost
    FROM old_dim_product WHERE valid_from < DATE '2026-03-01'
    UNION ALL
    SELECT d.product_id, d.business_day, d.business_day, d.list_price, d.unit_cost
    FROM star.product_days d JOIN changed_dim_product c ON c.product_id = d.product_id
    WHERE d.business_day >= DATE '2026-03-01'
),
counted AS (
    SELECT product_id, valid_from, told_on, list_price, count(list_price) OVER (PARTITION BY product_id ORDER BY told_on ROWS UNBOUNDED PRECEDING) AS list_price_values, unit_cost, count(unit_cost) OVER (PARTITION BY product_id ORDER BY told_on ROWS UNBOUNDED PRECEDING) AS unit_cost_values
    FROM told
),
filled AS (
    SELECT product_id, valid_from, told_on, max(list_price) OVER (PARTITION BY product_id, list_price_values) AS list_price, max(unit_cost) OVER (PARTITION BY product_id, unit_cost_values) AS unit_cost
    FROM counted
),
compared AS (
    SELECT product_id, valid_from, told_on, list_price, unit_cost,
        row_number() OVER (PARTITION BY product_id ORDER BY told_on) AS place, lag(list_price) OVER (PARTITION BY product_id ORDER BY told_on) AS list_price_before, lag(unit_cost) OVER (PARTITION BY product_id ORDER BY told_on) AS unit_cost_before
    FROM filled
),
begun AS (
    SELECT product_id, valid_from, told_on, list_price, unit_cost FROM compared
    WHERE place = 1 OR (list_price <> list_price_before OR (list_price IS NULL) <> (list_price_before IS NULL)) OR (unit_cost <> unit_cost_before OR (unit_cost IS NULL) <> (unit_cost_before IS NULL))
)
SELECT product_id, valid_from,
    coalesce(lead(told_on) OVER (PARTITION BY product_id ORDER BY told_on), DATE '9999-12-31'), list_price, unit_cost
FROM begun;
UPDATE star.dim_product SET valid_to = dim_product.valid_from, is_current = false
FROM old_dim_product o WHERE dim_product.product_key = o.product_key AND NOT EXISTS (
    SELECT 1 FROM fresh_dim_product f WHERE f.product_id = o.product_id AND f.valid_from = o.valid_from);
UPDATE star.dim_product SET valid_to = f.valid_to, is_current = (f.valid_to = DATE '9999-12-31'),
    list_price = f.list_price, unit_cost = f.unit_cost
FROM fresh_dim_product f WHERE dim_product.product_id = f.product_id AND dim_product.valid_from = f.valid_from
    AND (dim_product.valid_to <> f.valid_to OR (dim_product.list_price <> f.list_price OR (dim_product.list_price IS NULL) <> (f.list_price IS NULL)) OR (dim_product.unit_cost <> f.unit_cost OR (dim_product.unit_cost IS NULL) <> (f.unit_cost IS NULL)));
INSERT INTO star.dim_product (product_id, valid_from, valid_to, is_current, list_price, unit_cost)
SELECT f.product_id, f.valid_from, f.valid_to, f.valid_to = DATE '9999-12-31',
    f.list_price, f.unit_cost
FROM fresh_dim_product f
WHERE NOT EXISTS (SELECT 1 FROM old_dim_product o WHERE o.product_id = f.product_id AND o.valid_from = f.valid_from);
INSERT INTO moved_dim_product (old_key, new_key, from_day, to_day)
SELECT o.product_key, v.product_key, greatest(o.valid_from, v.valid_from), least(o.valid_to, v.valid_to)
FROM old_dim_product o JOIN star.dim_product v ON v.product_id = o.product_id AND v.product_key <> o.product_key
WHERE v.valid_from < v.valid_to AND v.valid_from < o.valid_to AND o.valid_from < v.valid_to
    AND least(o.valid_to, v.valid_to) > DATE '2026-03-01' + 1;
UPDATE star.fact_clicks SET product_key = m.new_key
FROM moved_dim_product m WHERE fact_clicks.product_key = m.old_key AND fact_clicks.business_day > DATE '2026-03-01'
    AND fact_clicks.business_day >= m.from_day AND fact_clicks.business_day < m.to_day;
UPDATE star.fact_cart SET product_key = m.new_key
FROM moved_dim_product m WHERE fact_cart.product_key = m.old_key AND fact_cart.business_day > DATE '2026-03-01'
    AND fact_cart.business_day >= m.from_day AND fact_cart.business_day < m.to_day;
UPDATE star.fact_order_items SET product_key = m.new_key
FROM moved_dim_product m WHERE fact_order_items.product_key = m.old_key AND fact_order_items.business_day > DATE '2026-03-01'
    AND fact_order_items.business_day >= m.from_day AND fact_order_items.business_day < m.to_day;
DELETE FROM star.fact_clicks WHERE business_day = DATE '2026-03-01';
INSERT INTO star.fact_clicks (business_day, log_partition, log_offset, time_key, user_key, product_key, channel_key, store_key, happened_at, event_id, session_id, is_bot, device, country, campaign, dwell_ms)
SELECT DATE '2026-03-01' AS business_day, s.log_partition, s.log_offset, coalesce(dim_time.time_key, 0) AS time_key, coalesce(dim_user.user_key, 0) AS user_key, coalesce(dim_product.product_key, 0) AS product_key, coalesce(dim_channel.channel_key, 0) AS channel_key, coalesce(dim_store.store_key, 0) AS store_key, s.happened_at, s.event_id, s.session_id, s.is_bot, s.device, s.country, s.campaign, s.dwell_ms
FROM stage_clicks s
LEFT JOIN star.dim_time ON dim_time.hour_start = s.hour_start
LEFT JOIN star.dim_user ON dim_user.user_id = s.user_id AND dim_user.valid_from <= DATE '2026-03-01' AND dim_user.valid_to > DATE '2026-03-01'
LEFT JOIN star.dim_product ON dim_product.product_id = s.product_id AND dim_product.valid_from <= DATE '2026-03-01' AND dim_product.valid_to > DATE '2026-03-01'
LEFT JOIN star.dim_channel ON dim_channel.channel = s.channel
LEFT JOIN star.dim_store ON dim_store.store_id = s.store_id;
DELETE FROM star.fact_cart WHERE business_day = DATE '2026-03-01';
INSERT INTO star.fact_cart (business_day, log_partition, log_offset, time_key, user_key, product_key, channel_key, currency_key, happened_at, event_id, session_id, is_bot, action, quantity, unit_price)
SELECT DATE '2026-03-01' AS business_day, s.log_partition, s.log_offset, coalesce(dim_time.time_key, 0) AS time_key, coalesce(dim_user.user_key, 0) AS user_key, coalesce(dim_product.product_key, 0) AS product_key, coalesce(dim_channel.channel_key, 0) AS channel_key, coalesce(dim_currency.currency_key, 0) AS currency_key, s.happened_at, s.event_id, s.session_id, s.is_bot, s.action, s.quantity, s.unit_price
FROM stage_cart s
LEFT JOIN star.dim_time ON dim_time.hour_start = s.hour_start
LEFT JOIN star.dim_user ON dim_user.user_id = s.user_id AND dim_user.valid_from <= DATE '2026-03-01' AND dim_user.valid_to > DATE '2026-03-01'
LEFT JOIN star.dim_product ON dim_product.product_id = s.product_id AND dim_product.valid_from <= DATE '2026-03-01' AND dim_product.valid_to > DATE '2026-03-01'
LEFT JOIN star.dim_channel ON dim_channel.channel = s.channel
LEFT JOIN star.dim_currency ON dim_currency.currency = s.currency;
DELETE FROM star.fact_orders WHERE business_day = DATE '2026-03-01';
INSERT INTO star.fact_orders (business_day, log_partition, log_offset, time_key, user_key, channel_key, store_key, currency_key, happened_at, event_id, session_id, is_bot, order_id, country, units, gmv, discount, revenue, reporting_gmv, reporting_discount, reporting_revenue)
SELECT DATE '2026-03-01' AS business_day, s.log_partition, s.log_offset, coalesce(dim_time.time_key, 0) AS time_key, coalesce(dim_user.user_key, 0) AS user_key, coalesce(dim_channel.channel_key, 0) AS channel_key, coalesce(dim_store.store_key, 0) AS store_key, coalesce(dim_currency.currency_key, 0) AS currency_key, s.happened_at, s.event_id, s.session_id, s.is_bot, s.order_id, s.country, s.units, s.gmv, s.discount, s.revenue, s.reporting_gmv, s.reporting_discount, s.reporting_revenue
FROM stage_orders s
LEFT JOIN star.dim_time ON dim_time.hour_start = s.hour_start
LEFT JOIN star.dim_user ON dim_user.user_id = s.user_id AND dim_user.valid_from <= DATE '2026-03-01' AND dim_user.valid_to > DATE '2026-03-01'
LEFT JOIN star.dim_channel ON dim_channel.channel = s.channel
LEFT JOIN star.dim_store ON dim_store.store_id = s.store_id
LEFT JOIN star.dim_currency ON dim_currency.currency = s.currency;
DELETE FROM star.fact_order_items WHERE business_day = DATE '2026-03-01';
INSERT INTO star.fact_order_items (business_day, log_partition, log_offset, time_key, user_key, product_key, channel_key, store_key, currency_key, item_number, event_id, order_id, quantity, unit_price, amount, reporting_amount, is_bot)
SELECT DATE '2026-03-01' AS business_day, s.log_partition, s.log_offset, coalesce(dim_time.time_key, 0) AS time_key, coalesce(dim_user.user_key, 0) AS user_key, coalesce(dim_product.product_key, 0) AS product_key, coalesce(dim_channel.channel_key, 0) AS channel_key, coalesce(dim_store.store_key, 0) AS store_key, coalesce(dim_currency.currency_key, 0) AS currency_key, s.item_number, s.event_id, s.order_id, s.quantity, s.unit_price, s.amount, s.reporting_amount, s.is_bot
FROM stage_order_items s
LEFT JOIN star.dim_time ON dim_time.hour_start = s.hour_start
LEFT JOIN star.dim_user ON dim_user.user_id = s.user_id AND dim_user.valid_from <= DATE '2026-03-01' AND dim_user.valid_to > DATE '2026-03-01'
LEFT JOIN star.dim_product ON dim_product.product_id = s.product_id AND dim_product.valid_from <= DATE '2026-03-01' AND dim_product.valid_to > DATE '2026-03-01'
LEFT JOIN star.dim_channel ON dim_channel.channel = s.channel
LEFT JOIN star.dim_store ON dim_store.store_id = s.store_id
LEFT JOIN star.dim_currency ON dim_currency.currency = s.currency;
DELETE FROM star.dim_user USING old_dim_user o
WHERE dim_user.user_key = o.user_key
    AND dim_user.valid_from = dim_user.valid_to;
DELETE FROM star.dim_product USING old_dim_product o
WHERE dim_product.product_key = o.product_key
    AND dim_product.valid_from = dim_product.valid_to;
INSERT INTO star.loads
    (business_day, sources, clicks, carts, orders, order_items, loaded_at, loaded_by)
SELECT DATE '2026-03-01', '{"a":"it''s"}', (SELECT count(*) FROM star.fact_clicks WHERE business_day = DATE '2026-03-01'), (SELECT count(*) FROM star.fact_cart WHERE business_day = DATE '2026-03-01'), (SELECT count(*) FROM star.fact_orders WHERE business_day = DATE '2026-03-01'), (SELECT count(*) FROM star.fact_order_items WHERE business_day = DATE '2026-03-01'), current_timestamp, current_user;
DELETE FROM star.loaded_days WHERE business_day = DATE '2026-03-01';
INSERT INTO star.loaded_days (business_day, load_key, sources)
SELECT DATE '2026-03-01', max(load_key), '{"a":"it''s"}' FROM star.loads WHERE business_day = DATE '2026-03-01';
COMMIT;
