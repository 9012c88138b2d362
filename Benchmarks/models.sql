-- What the models make, as one would write it for DuckDB once and by hand: each table one statement to a Parquet file, everything
-- anew, and no more. FOLDER is where the files go; statements end at lines of dashes.
SET TimeZone = 'UTC'
----
COPY (
    SELECT event_id, user_id, session_id, product_id, ts, page, referrer, channel, store_id, device, country, campaign, dwell_ms,
        CAST(ts AS DATE) AS business_day, substr(md5(raw), 1, 16) AS content_hash, received_at, log_partition, log_offset
    FROM bronze.clicks
    WHERE log_offset * 65536 + log_partition IN (
        SELECT min(log_offset * 65536 + log_partition) FROM bronze.clicks GROUP BY event_id)
) TO 'FOLDER/clicks.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW clicks AS SELECT * FROM read_parquet('FOLDER/clicks.parquet')
----
COPY (
    SELECT event_id, user_id, session_id, ts, query, results, channel, device,
        CAST(ts AS DATE) AS business_day, substr(md5(raw), 1, 16) AS content_hash, received_at, log_partition, log_offset
    FROM bronze.searches
    WHERE log_offset * 65536 + log_partition IN (
        SELECT min(log_offset * 65536 + log_partition) FROM bronze.searches GROUP BY event_id)
) TO 'FOLDER/searches.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW searches AS SELECT * FROM read_parquet('FOLDER/searches.parquet')
----
COPY (
    SELECT event_id, user_id, session_id, product_id, quantity, ts, coalesce(action, 'add') AS action, unit_price, currency, channel,
        CAST(ts AS DATE) AS business_day, substr(md5(raw), 1, 16) AS content_hash, received_at, log_partition, log_offset
    FROM bronze.carts
    WHERE log_offset * 65536 + log_partition IN (
        SELECT min(log_offset * 65536 + log_partition) FROM bronze.carts GROUP BY event_id)
) TO 'FOLDER/carts.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW carts AS SELECT * FROM read_parquet('FOLDER/carts.parquet')
----
COPY (
    SELECT event_id, user_id, product_id, ts, action, session_id, channel,
        CAST(ts AS DATE) AS business_day, substr(md5(raw), 1, 16) AS content_hash, received_at, log_partition, log_offset
    FROM bronze.wishlists
    WHERE log_offset * 65536 + log_partition IN (
        SELECT min(log_offset * 65536 + log_partition) FROM bronze.wishlists GROUP BY event_id)
) TO 'FOLDER/wishlists.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW wishlists AS SELECT * FROM read_parquet('FOLDER/wishlists.parquet')
----
COPY (
    SELECT event_id, user_id, session_id, items, total_amount, currency, ts, order_id, discount, shipping, tax, coupon, payment_method, channel, store_id, country, device, ip, card, address, device_id,
        CAST(ts AS DATE) AS business_day, substr(md5(raw), 1, 16) AS content_hash, received_at, log_partition, log_offset
    FROM bronze.purchases
    WHERE log_offset * 65536 + log_partition IN (
        SELECT min(log_offset * 65536 + log_partition) FROM bronze.purchases GROUP BY event_id)
) TO 'FOLDER/purchases.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW purchases AS SELECT * FROM read_parquet('FOLDER/purchases.parquet')
----
COPY (
    SELECT event_id, order_id, user_id, status, ts, previous_status, warehouse_id, carrier,
        CAST(ts AS DATE) AS business_day, substr(md5(raw), 1, 16) AS content_hash, received_at, log_partition, log_offset
    FROM bronze.orders
    WHERE log_offset * 65536 + log_partition IN (
        SELECT min(log_offset * 65536 + log_partition) FROM bronze.orders GROUP BY event_id)
) TO 'FOLDER/orders.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW orders AS SELECT * FROM read_parquet('FOLDER/orders.parquet')
----
COPY (
    SELECT event_id, product_id, warehouse_id, change, ts, reason, unit_cost, lot_id,
        CAST(ts AS DATE) AS business_day, substr(md5(raw), 1, 16) AS content_hash, received_at, log_partition, log_offset
    FROM bronze.stock
    WHERE log_offset * 65536 + log_partition IN (
        SELECT min(log_offset * 65536 + log_partition) FROM bronze.stock GROUP BY event_id)
) TO 'FOLDER/stock.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW stock AS SELECT * FROM read_parquet('FOLDER/stock.parquet')
----
COPY (
    SELECT 'clicks' AS topic, again.event_id, again.received_at, again.log_partition, again.log_offset,
        substr(md5(again.raw), 1, 16) AS content_hash, first.content_hash AS first_content_hash
    FROM bronze.clicks AS again
    JOIN clicks AS first USING (event_id)
    WHERE (again.log_partition, again.log_offset) <> (first.log_partition, first.log_offset)
        AND substr(md5(again.raw), 1, 16) <> first.content_hash
    UNION ALL
    SELECT 'searches' AS topic, again.event_id, again.received_at, again.log_partition, again.log_offset,
        substr(md5(again.raw), 1, 16) AS content_hash, first.content_hash AS first_content_hash
    FROM bronze.searches AS again
    JOIN searches AS first USING (event_id)
    WHERE (again.log_partition, again.log_offset) <> (first.log_partition, first.log_offset)
        AND substr(md5(again.raw), 1, 16) <> first.content_hash
    UNION ALL
    SELECT 'carts' AS topic, again.event_id, again.received_at, again.log_partition, again.log_offset,
        substr(md5(again.raw), 1, 16) AS content_hash, first.content_hash AS first_content_hash
    FROM bronze.carts AS again
    JOIN carts AS first USING (event_id)
    WHERE (again.log_partition, again.log_offset) <> (first.log_partition, first.log_offset)
        AND substr(md5(again.raw), 1, 16) <> first.content_hash
    UNION ALL
    SELECT 'wishlists' AS topic, again.event_id, again.received_at, again.log_partition, again.log_offset,
        substr(md5(again.raw), 1, 16) AS content_hash, first.content_hash AS first_content_hash
    FROM bronze.wishlists AS again
    JOIN wishlists AS first USING (event_id)
    WHERE (again.log_partition, again.log_offset) <> (first.log_partition, first.log_offset)
        AND substr(md5(again.raw), 1, 16) <> first.content_hash
    UNION ALL
    SELECT 'purchases' AS topic, again.event_id, again.received_at, again.log_partition, again.log_offset,
        substr(md5(again.raw), 1, 16) AS content_hash, first.content_hash AS first_content_hash
    FROM bronze.purchases AS again
    JOIN purchases AS first USING (event_id)
    WHERE (again.log_partition, again.log_offset) <> (first.log_partition, first.log_offset)
        AND substr(md5(again.raw), 1, 16) <> first.content_hash
    UNION ALL
    SELECT 'orders' AS topic, again.event_id, again.received_at, again.log_partition, again.log_offset,
        substr(md5(again.raw), 1, 16) AS content_hash, first.content_hash AS first_content_hash
    FROM bronze.orders AS again
    JOIN orders AS first USING (event_id)
    WHERE (again.log_partition, again.log_offset) <> (first.log_partition, first.log_offset)
        AND substr(md5(again.raw), 1, 16) <> first.content_hash
    UNION ALL
    SELECT 'stock' AS topic, again.event_id, again.received_at, again.log_partition, again.log_offset,
        substr(md5(again.raw), 1, 16) AS content_hash, first.content_hash AS first_content_hash
    FROM bronze.stock AS again
    JOIN stock AS first USING (event_id)
    WHERE (again.log_partition, again.log_offset) <> (first.log_partition, first.log_offset)
        AND substr(md5(again.raw), 1, 16) <> first.content_hash
) TO 'FOLDER/conflicts.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW conflicts AS SELECT * FROM read_parquet('FOLDER/conflicts.parquet')
----
CREATE VIEW IF NOT EXISTS bronze.products AS SELECT '' AS product_id, '' AS name, '' AS category, '' AS brand,
    DATE '1970-01-01' AS valid_from, '' AS source, TIMESTAMPTZ '1970-01-01 00:00:00Z' AS imported_at WHERE false
----
COPY (
    SELECT product_id, name, category, brand, CASE WHEN number = 1 THEN DATE '1900-01-01' ELSE valid_from END AS valid_from,
        coalesce(next_from, DATE '9999-12-31') AS valid_to, source, imported_at
    FROM (
        SELECT *, row_number() OVER (PARTITION BY product_id ORDER BY imported_at) AS number, min(valid_from) OVER (
            PARTITION BY product_id ORDER BY imported_at ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_from
        FROM bronze.products)
    WHERE next_from IS NULL OR valid_from < next_from
) TO 'FOLDER/products.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW products AS SELECT * FROM read_parquet('FOLDER/products.parquet')
----
COPY (
    SELECT event_id, item_number, user_id, session_id, order_id, item.product_id, item.quantity,
        item.unit_price, CAST(item.quantity * item.unit_price AS DECIMAL(38, 4)) AS amount, currency,
        CASE WHEN currency = 'USD' THEN CAST(item.quantity * item.unit_price AS DECIMAL(38, 4)) END AS reporting_amount,
        channel, ts, business_day
    FROM (SELECT *, unnest(items) AS item, generate_subscripts(items, 1) AS item_number FROM purchases)
) TO 'FOLDER/purchase_items.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW purchase_items AS SELECT * FROM read_parquet('FOLDER/purchase_items.parquet')
----
COPY (
    SELECT event_id, order_id, user_id, session_id, currency, coalesce(nullif(channel, ''), 'unknown') AS channel, store_id,
        country, list_sum(list_transform(items, lambda i: i.quantity)) AS units,
        list_sum(list_transform(items, lambda i: i.quantity * i.unit_price)) AS gmv, coalesce(discount, 0) AS discount,
        total_amount AS revenue, 'USD' AS reporting_currency, CASE WHEN currency = 'USD' THEN gmv END AS reporting_gmv,
        CASE WHEN currency = 'USD' THEN coalesce(discount, 0) END AS reporting_discount,
        CASE WHEN currency = 'USD' THEN total_amount END AS reporting_revenue,
        coalesce(order_id, '') = '' OR row_number() OVER (
            PARTITION BY order_id ORDER BY received_at, log_partition, log_offset) = 1 AS is_counted,
        ts, business_day, received_at, log_partition, log_offset
    FROM purchases
) TO 'FOLDER/sales.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW sales AS SELECT * FROM read_parquet('FOLDER/sales.parquet')
----
COPY (
    SELECT i.business_day, i.event_id, sum(amount) FILTER (WHERE currency = 'USD') AS costed_gmv,
        sum(quantity * c.unit_cost) FILTER (WHERE currency = 'USD') AS cost,
        sum(reporting_amount) AS reporting_costed_gmv, sum(quantity * c.unit_cost) AS reporting_cost
    FROM purchase_items i
    ASOF JOIN (SELECT product_id, ts, unit_cost FROM stock WHERE unit_cost IS NOT NULL AND change > 0) c
        ON c.product_id = i.product_id AND c.ts <= i.ts
    GROUP BY i.business_day, i.event_id
) TO 'FOLDER/sale_costs.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW sale_costs AS SELECT * FROM read_parquet('FOLDER/sale_costs.parquet')
----
COPY (
    SELECT business_day, user_id, sum(looks) AS looks, max(looks) AS busiest_minute
    FROM (
        SELECT business_day, user_id, date_trunc('minute', ts) AS minute, count(*) AS looks
        FROM (SELECT business_day, user_id, ts FROM clicks UNION ALL SELECT business_day, user_id, ts FROM searches)
        GROUP BY ALL)
    GROUP BY business_day, user_id
    HAVING max(looks) >= 120 OR sum(looks) >= 1000
) TO 'FOLDER/bots.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW bots AS SELECT * FROM read_parquet('FOLDER/bots.parquet')
----
COPY (
    WITH events AS (
        SELECT user_id, coalesce(nullif(channel, ''), 'unknown') AS channel, ts, 'clicks' AS kind, page AS page, NULL AS currency, NULL AS revenue, false AS is_counted FROM clicks
        UNION ALL
        SELECT user_id, coalesce(nullif(channel, ''), 'unknown') AS channel, ts, 'searches' AS kind, NULL AS page, NULL AS currency, NULL AS revenue, false AS is_counted FROM searches
        UNION ALL
        SELECT user_id, coalesce(nullif(channel, ''), 'unknown') AS channel, ts, 'carts' AS kind, NULL AS page, NULL AS currency, NULL AS revenue, false AS is_counted FROM carts
        UNION ALL
        SELECT user_id, coalesce(nullif(channel, ''), 'unknown') AS channel, ts, 'wishlists' AS kind, NULL AS page, NULL AS currency, NULL AS revenue, false AS is_counted FROM wishlists
        UNION ALL
        SELECT user_id, coalesce(nullif(channel, ''), 'unknown') AS channel, ts, 'sales' AS kind, NULL AS page, currency AS currency, revenue AS revenue, is_counted AS is_counted FROM sales
    ),
    marked AS (
        SELECT *, coalesce(ts - lag(ts) OVER visit >= INTERVAL 30 MINUTE, true) AS is_first
        FROM events WINDOW visit AS (PARTITION BY user_id, channel ORDER BY ts)
    ),
    numbered AS (
        SELECT *, sum(CAST(is_first AS INTEGER)) OVER (
            PARTITION BY user_id, channel ORDER BY ts ROWS UNBOUNDED PRECEDING) AS number
        FROM marked
    )
    SELECT md5(concat_ws(chr(31), user_id, channel, CAST(epoch_us(min(ts)) AS VARCHAR))) AS session_key, user_id, channel,
        min(ts) AS started_at, max(ts) AS ended_at, count(*) AS events, count(*) FILTER (WHERE kind = 'clicks') AS clicks,
        count(*) FILTER (WHERE kind = 'carts') AS carts, count(*) FILTER (WHERE is_counted) AS purchases,
        arg_min(currency, ts) FILTER (WHERE is_counted) AS currency, sum(revenue) FILTER (WHERE is_counted) AS revenue,
        arg_min(page, ts) FILTER (WHERE kind = 'clicks') AS entry_page, purchases > 0 AS is_converted,
        CAST(min(ts) AS DATE) AS business_day
    FROM numbered
    GROUP BY user_id, channel, number
) TO 'FOLDER/sessions.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW sessions AS SELECT * FROM read_parquet('FOLDER/sessions.parquet')
----
COPY (
    SELECT s.business_day, s.order_id, s.event_id, s.user_id, s.channel, count(o.status) AS statuses,
        min(o.ts) FILTER (WHERE status = 'paid') AS paid_at, min(o.ts) FILTER (WHERE status = 'shipped') AS shipped_at,
        min(o.ts) FILTER (WHERE status = 'delivered') AS delivered_at,
        min(o.ts) FILTER (WHERE status = 'cancelled') AS cancelled_at,
        min(o.ts) FILTER (WHERE status = 'returned') AS returned_at
    FROM sales s LEFT JOIN orders o USING (order_id) WHERE s.is_counted AND s.order_id <> '' GROUP BY ALL
) TO 'FOLDER/order_fulfilment.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW order_fulfilment AS SELECT * FROM read_parquet('FOLDER/order_fulfilment.parquet')
----
COPY (
    SELECT business_day, currency, count(DISTINCT user_id) AS customers, count(*) AS orders, sum(units) AS units, sum(gmv) AS gmv, sum(discount) AS discount, sum(revenue) AS revenue,
        sum(revenue) / count(*) AS aov, sum(reporting_gmv) AS reporting_gmv, sum(reporting_discount) AS reporting_discount,
        sum(reporting_revenue) AS reporting_revenue
    FROM sales WHERE is_counted GROUP BY ALL
) TO 'FOLDER/daily_sales.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW daily_sales AS SELECT * FROM read_parquet('FOLDER/daily_sales.parquet')
----
COPY (
    SELECT sales.business_day, channel, coalesce(nullif(store_id, ''), 'unknown') AS store_id,
        coalesce(nullif(country, ''), 'unknown') AS country, currency, count(DISTINCT user_id) AS customers, count(*) AS orders, sum(units) AS units, sum(gmv) AS gmv, sum(discount) AS discount, sum(revenue) AS revenue,
        sum(revenue) / count(*) AS aov, sum(reporting_gmv) AS reporting_gmv, sum(reporting_discount) AS reporting_discount,
        sum(reporting_revenue) AS reporting_revenue, sum(costed_gmv) AS costed_gmv, sum(cost) AS cost, sum(costed_gmv - cost) AS margin,
        sum(reporting_costed_gmv) AS reporting_costed_gmv, sum(reporting_cost) AS reporting_cost
    FROM sales LEFT JOIN sale_costs USING (event_id) WHERE is_counted GROUP BY ALL
) TO 'FOLDER/daily_sales_breakdown.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW daily_sales_breakdown AS SELECT * FROM read_parquet('FOLDER/daily_sales_breakdown.parquet')
----
COPY (
    SELECT sales.business_day, date_trunc('hour', ts) AS hour_start, channel, coalesce(nullif(store_id, ''), 'unknown') AS store_id,
        coalesce(nullif(country, ''), 'unknown') AS country, currency, count(*) AS orders, sum(units) AS units, sum(gmv) AS gmv, sum(discount) AS discount, sum(revenue) AS revenue,
        sum(revenue) / count(*) AS aov, sum(reporting_gmv) AS reporting_gmv, sum(reporting_discount) AS reporting_discount,
        sum(reporting_revenue) AS reporting_revenue, sum(costed_gmv) AS costed_gmv, sum(cost) AS cost, sum(costed_gmv - cost) AS margin,
        sum(reporting_costed_gmv) AS reporting_costed_gmv, sum(reporting_cost) AS reporting_cost
    FROM sales LEFT JOIN sale_costs USING (event_id) WHERE is_counted GROUP BY ALL
) TO 'FOLDER/hourly_sales_breakdown.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW hourly_sales_breakdown AS SELECT * FROM read_parquet('FOLDER/hourly_sales_breakdown.parquet')
----
COPY (
    SELECT sales.business_day, count(DISTINCT user_id) AS customers, count(*) AS orders, sum(units) AS units, sum(gmv) AS gmv, sum(discount) AS discount, sum(revenue) AS revenue,
        sum(revenue) / count(*) AS aov, sum(reporting_gmv) AS reporting_gmv, sum(reporting_discount) AS reporting_discount,
        sum(reporting_revenue) AS reporting_revenue, sum(costed_gmv) AS costed_gmv, sum(cost) AS cost, sum(costed_gmv - cost) AS margin,
        sum(reporting_costed_gmv) AS reporting_costed_gmv, sum(reporting_cost) AS reporting_cost
    FROM sales LEFT JOIN sale_costs USING (event_id) WHERE is_counted GROUP BY ALL
) TO 'FOLDER/daily_totals.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW daily_totals AS SELECT * FROM read_parquet('FOLDER/daily_totals.parquet')
----
COPY (
    SELECT business_day, channel, currency, sum(clicks) AS clicks, sum(carts) AS carts, sum(orders) AS orders,
        sum(units) AS units, sum(revenue) AS revenue
    FROM (
        SELECT business_day, coalesce(nullif(channel, ''), 'unknown') AS channel, '' AS currency, count(*) AS clicks, 0 AS carts,
            0 AS orders, 0 AS units, 0 AS revenue FROM clicks GROUP BY ALL
        UNION ALL
        SELECT business_day, coalesce(nullif(channel, ''), 'unknown'), '', 0, count(*), 0, 0, 0 FROM carts GROUP BY ALL
        UNION ALL
        SELECT business_day, channel, currency, 0, 0, count(*), sum(units), sum(revenue) FROM sales WHERE is_counted
        GROUP BY ALL)
    GROUP BY ALL
) TO 'FOLDER/daily_channel.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW daily_channel AS SELECT * FROM read_parquet('FOLDER/daily_channel.parquet')
----
COPY (
    SELECT business_day, product_id, count(*) AS clicks, count(DISTINCT user_id) AS users FROM clicks GROUP BY ALL
) TO 'FOLDER/daily_product_clicks.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW daily_product_clicks AS SELECT * FROM read_parquet('FOLDER/daily_product_clicks.parquet')
----
COPY (
    SELECT i.business_day, i.product_id, i.currency, count(DISTINCT i.event_id) AS orders, sum(quantity) AS units,
        sum(amount) AS gmv, sum(reporting_amount) AS reporting_gmv
    FROM purchase_items i JOIN sales s USING (event_id) WHERE s.is_counted GROUP BY ALL
) TO 'FOLDER/daily_product_sales.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW daily_product_sales AS SELECT * FROM read_parquet('FOLDER/daily_product_sales.parquet')
----
COPY (
    WITH items AS (
        SELECT i.business_day, i.event_id, coalesce(p.category, 'unknown') AS category, sum(quantity) AS units, sum(amount) AS gmv,
            sum(reporting_amount) AS reporting_gmv, sum(amount) FILTER (WHERE c.unit_cost IS NOT NULL) AS costed_gmv,
            sum(quantity * c.unit_cost) AS cost, sum(reporting_amount) FILTER (WHERE c.unit_cost IS NOT NULL) AS reporting_costed_gmv,
            sum(quantity * c.unit_cost) AS reporting_cost
        FROM purchase_items i
        ASOF LEFT JOIN (SELECT product_id, ts, unit_cost FROM stock WHERE unit_cost IS NOT NULL AND change > 0) c
            ON c.product_id = i.product_id AND c.ts <= i.ts
        LEFT JOIN products p
            ON p.product_id = i.product_id AND p.valid_from <= i.business_day AND p.valid_to > i.business_day
        GROUP BY ALL)
    SELECT s.business_day, date_trunc('hour', s.ts) AS hour_start, category, s.currency, count(*) AS orders, sum(items.units) AS units,
        sum(items.gmv) AS gmv, sum(s.discount * items.gmv / s.gmv) AS discount, sum(s.revenue * items.gmv / s.gmv) AS revenue,
        sum(s.revenue * items.gmv / s.gmv) / count(*) AS aov, sum(items.reporting_gmv) AS reporting_gmv,
        sum(s.reporting_discount * items.gmv / s.gmv) AS reporting_discount,
        sum(s.reporting_revenue * items.gmv / s.gmv) AS reporting_revenue, sum(costed_gmv) AS costed_gmv, sum(cost) AS cost,
        sum(costed_gmv - cost) AS margin, sum(reporting_costed_gmv) AS reporting_costed_gmv, sum(reporting_cost) AS reporting_cost
    FROM items JOIN sales s ON s.event_id = items.event_id WHERE s.is_counted GROUP BY ALL
) TO 'FOLDER/hourly_category_sales.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW hourly_category_sales AS SELECT * FROM read_parquet('FOLDER/hourly_category_sales.parquet')
----
COPY (
    SELECT business_day, category, currency, sum(orders) AS orders, sum(units) AS units, sum(gmv) AS gmv, sum(discount) AS discount, sum(revenue) AS revenue,
        sum(revenue) / sum(orders) AS aov, sum(reporting_gmv) AS reporting_gmv, sum(reporting_discount) AS reporting_discount,
        sum(reporting_revenue) AS reporting_revenue, sum(costed_gmv) AS costed_gmv, sum(cost) AS cost, sum(margin) AS margin,
        sum(reporting_costed_gmv) AS reporting_costed_gmv, sum(reporting_cost) AS reporting_cost
    FROM hourly_category_sales GROUP BY ALL
) TO 'FOLDER/daily_category_sales.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
COPY (
    SELECT a.business_day, coalesce(p.category, 'unknown') AS category, sum(clicks) AS clicks, sum(carts) AS carts
    FROM (
        SELECT business_day, product_id, clicks, 0 AS carts FROM daily_product_clicks
        UNION ALL
        SELECT business_day, product_id, 0, count(*) FROM carts GROUP BY ALL) a
    LEFT JOIN products p ON p.product_id = a.product_id AND p.valid_from <= a.business_day AND p.valid_to > a.business_day
    GROUP BY ALL
) TO 'FOLDER/daily_category_clicks.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
COPY (
    WITH viewed AS (SELECT session_id, min(ts) AS at FROM clicks GROUP BY ALL),
    carted AS (
        SELECT session_id, min(ts) AS at FROM carts JOIN viewed USING (session_id) WHERE ts >= viewed.at GROUP BY ALL),
    bought AS (
        SELECT DISTINCT session_id FROM purchases JOIN carted USING (session_id) WHERE ts >= carted.at)
    SELECT CAST(viewed.at AS DATE) AS business_day, count(*) AS views, count(carted.session_id) AS carts,
        count(bought.session_id) AS purchases
    FROM viewed LEFT JOIN carted USING (session_id) LEFT JOIN bought ON bought.session_id = carted.session_id GROUP BY ALL
) TO 'FOLDER/daily_funnel.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW daily_funnel AS SELECT * FROM read_parquet('FOLDER/daily_funnel.parquet')
----
COPY (
    SELECT business_day, channel, count(*) AS sessions_with_cart, count(*) FILTER (WHERE NOT is_converted) AS abandoned
    FROM sessions WHERE carts > 0 GROUP BY ALL
) TO 'FOLDER/cart_abandonment.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW cart_abandonment AS SELECT * FROM read_parquet('FOLDER/cart_abandonment.parquet')
----
COPY (
    SELECT business_day, count(DISTINCT user_id) AS customers,
        count(DISTINCT user_id) FILTER (WHERE business_day = first_day) AS new_customers, count(*) AS orders
    FROM sales JOIN (SELECT user_id, min(business_day) AS first_day FROM sales WHERE is_counted GROUP BY ALL) USING (user_id)
    WHERE is_counted GROUP BY business_day
) TO 'FOLDER/daily_customers.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW daily_customers AS SELECT * FROM read_parquet('FOLDER/daily_customers.parquet')
----
COPY (
    SELECT business_day, lower(trim(regexp_replace(query, '\s+', ' ', 'g'))) AS term, count(*) AS searches,
        count(DISTINCT user_id) AS users, count(results) AS known, count(*) FILTER (WHERE results = 0) AS zero_results
    FROM searches GROUP BY ALL
) TO 'FOLDER/daily_search_terms.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW daily_search_terms AS SELECT * FROM read_parquet('FOLDER/daily_search_terms.parquet')
----
COPY (
    SELECT business_day, channel, count(*) AS orders, count(*) FILTER (WHERE statuses > 0) AS orders_with_status,
        count(shipped_at) AS shipped, count(*) FILTER (WHERE shipped_at <= paid_at + INTERVAL 24 HOUR) AS shipped_in_time,
        count(delivered_at) AS delivered, count(cancelled_at) AS cancelled, count(returned_at) AS returned
    FROM order_fulfilment GROUP BY ALL
) TO 'FOLDER/daily_fulfilment.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW daily_fulfilment AS SELECT * FROM read_parquet('FOLDER/daily_fulfilment.parquet')
----
COPY (
    WITH customers AS (
        SELECT user_id, currency, min(business_day) AS first_order_day, max(business_day) AS last_order_day,
            count(*) AS orders, sum(revenue) AS revenue
        FROM sales WHERE is_counted GROUP BY ALL)
    SELECT *, ntile(5) OVER (PARTITION BY currency ORDER BY last_order_day, user_id) AS recency_score,
        ntile(5) OVER (PARTITION BY currency ORDER BY orders, user_id) AS frequency_score,
        ntile(5) OVER (PARTITION BY currency ORDER BY revenue, user_id) AS monetary_score
    FROM customers
) TO 'FOLDER/customer_rfm.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW customer_rfm AS SELECT * FROM read_parquet('FOLDER/customer_rfm.parquet')
----
COPY (
    WITH months AS (
        SELECT user_id, date_trunc('month', business_day) AS month, count(*) AS orders FROM sales WHERE is_counted GROUP BY ALL)
    SELECT cohort, date_diff('month', cohort, month) AS months_since, count(*) AS customers, sum(orders) AS orders
    FROM months JOIN (SELECT user_id, min(month) AS cohort FROM months GROUP BY ALL) USING (user_id) GROUP BY ALL
) TO 'FOLDER/cohort_retention.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW cohort_retention AS SELECT * FROM read_parquet('FOLDER/cohort_retention.parquet')
----
COPY (
    WITH baskets AS (
        SELECT DISTINCT i.event_id, i.product_id FROM purchase_items i JOIN sales s USING (event_id) WHERE s.is_counted),
    alone AS (SELECT product_id, count(*) AS n FROM baskets GROUP BY ALL),
    pairs AS (
        SELECT a.product_id AS one, b.product_id AS other, count(*) AS n
        FROM baskets a JOIN baskets b ON a.event_id = b.event_id AND a.product_id <> b.product_id
        GROUP BY ALL HAVING count(*) >= 2)
    SELECT one, other, pairs.n, a.n AS one_orders, b.n AS other_orders
    FROM pairs JOIN alone a ON a.product_id = one JOIN alone b ON b.product_id = other
) TO 'FOLDER/product_affinity.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW product_affinity AS SELECT * FROM read_parquet('FOLDER/product_affinity.parquet')
----
COPY (
    SELECT *, sum(net) OVER (PARTITION BY product_id, warehouse_id ORDER BY month) AS closing_level
    FROM (
        SELECT date_trunc('month', business_day) AS month, product_id, warehouse_id, sum(change) AS net,
            sum(-change) FILTER (WHERE reason = 'sale') AS sold, sum(change) FILTER (WHERE reason = 'return') AS returned,
            sum(change) FILTER (WHERE reason = 'restock') AS received
        FROM stock GROUP BY ALL)
) TO 'FOLDER/stock_turnover.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
----
CREATE VIEW stock_turnover AS SELECT * FROM read_parquet('FOLDER/stock_turnover.parquet')
