"""Every gold table once more, straight from the events as they were sent: plain DuckDB SQL that knows nothing of the models.

`GOLD` has one statement for each table of the namespace; whoever adds
a table there adds its statement here.
"""

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[2]
RATES = ROOT / "config/ecb-reference-rates.csv"

COLUMNS = {
    "type": "VARCHAR", "event_id": "VARCHAR", "user_id": "VARCHAR", "session_id": "VARCHAR", "product_id": "VARCHAR",
    "ts": "TIMESTAMPTZ", "channel": "VARCHAR", "store_id": "VARCHAR", "country": "VARCHAR", "query": "VARCHAR",
    "results": "INTEGER", "items": "STRUCT(product_id VARCHAR, quantity BIGINT, unit_price VARCHAR)[]",
    "total_amount": "VARCHAR", "discount": "VARCHAR", "currency": "VARCHAR", "order_id": "VARCHAR", "status": "VARCHAR",
    "change": "BIGINT", "reason": "VARCHAR", "unit_cost": "VARCHAR", "warehouse_id": "VARCHAR",
}


def rounded(number):
    """Half up to four decimals."""
    return number.quantize(Decimal("0.0001"), ROUND_HALF_UP)


class PlainShop:
    """What a file of events comes to. `minutes` is how far the business day's zone is ahead of UTC."""

    def __init__(self, path, *, minutes, currency, threads=2, memory="3GB", folder=None):
        self.db = duckdb.connect()
        self.db.execute(f"SET TimeZone = 'UTC'; SET threads = {threads}; SET memory_limit = '{memory}'")
        if folder:
            self.db.execute(f"SET temp_directory = '{folder}'")
        columns = "{" + ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items()) + "}"
        self.db.execute(
            "CREATE TABLE lines AS SELECT *, row_number() OVER () AS arrival "
            f"FROM read_ndjson('{path}', columns = {columns})")
        for statement in SETUP.format(minutes=minutes, currency=currency, rates=RATES).split(";"):
            if statement.strip():
                self.db.execute(statement)

    def take_in(self, path, day):
        """A list of products, a CSV file, that holds from a day on."""
        self.db.execute(
            "INSERT INTO listed SELECT ?, (SELECT count(DISTINCT number) FROM listed), product_id, coalesce(category, '') "
            f"FROM read_csv('{path}', header = true, all_varchar = true)", [day])

    def check_rounding(self):
        """Whether the SQL below rounds as Python's decimals do; returns how many amounts were looked at."""
        rows = self.db.execute(
            "SELECT DISTINCT revenue, own, target, reporting_revenue, ratio(revenue, length(user_id), 4), length(user_id) "
            "FROM sales WHERE currency <> reporting() LIMIT 100000").fetchall()
        for amount, own, target, converted, share, whole in rows:
            if own is None:
                assert converted is None
            else:
                assert converted == rounded(amount * Decimal(target) / Decimal(own)), (amount, own, target)
            assert share == rounded(amount / whole), (amount, whole)
        return len(rows)

    def differences(self, table, rows):
        """What a gold table (an Arrow table) has and should not have, and the other way round; nothing when it is right."""
        self.db.register("found", rows)
        self.db.execute(f"CREATE OR REPLACE TEMP TABLE expected AS {GOLD[table]}")
        named = [row[0] for row in self.db.execute("DESCRIBE expected").fetchall()]
        assert sorted(named) == sorted(rows.column_names), f"{table} has the columns {rows.column_names}"
        assert rows.num_rows, f"{table} is empty, which proves nothing"
        columns = ", ".join(f'"{name}"' for name in named)
        ways = [
            ("is there and should not be", f"SELECT {columns} FROM found EXCEPT ALL SELECT {columns} FROM expected"),
            ("is missing", f"SELECT {columns} FROM expected EXCEPT ALL SELECT {columns} FROM found")]
        return [
            f"{table}: {what}: {dict(zip(named, row))}"
            for what, sql in ways
            for row in self.db.execute(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({sql} LIMIT 3)").fetchall()]


SETUP = """
-- The first of each event_id of a kind, in the order in which they were sent.
CREATE TABLE events AS
SELECT *, CAST(timezone('UTC', ts) + INTERVAL {minutes} MINUTE AS DATE) AS day,
    coalesce(nullif(channel, ''), 'unknown') AS place
FROM lines
WHERE arrival IN (SELECT min(arrival) FROM lines GROUP BY type, event_id);

CREATE TABLE rates AS
SELECT CAST("Date" AS DATE) AS rate_day, name AS currency, rate
FROM (UNPIVOT (SELECT * FROM read_csv('{rates}', all_varchar = true)) ON COLUMNS(* EXCLUDE "Date") INTO NAME name VALUE rate)
WHERE rate NOT IN ('N/A', '');

-- The last rate known on each day, of each currency that anybody paid in, and of the reporting currency.
CREATE TABLE worth AS
WITH used AS (SELECT DISTINCT day, currency FROM events WHERE type = 'purchase')
SELECT used.day, used.currency,
    CASE used.currency WHEN 'EUR' THEN '1' ELSE (
        SELECT arg_max(rate, rate_day) FROM rates WHERE rates.currency = used.currency AND rate_day <= used.day) END AS own,
    CASE '{currency}' WHEN 'EUR' THEN '1' ELSE (
        SELECT arg_max(rate, rate_day) FROM rates WHERE rates.currency = '{currency}' AND rate_day <= used.day) END AS target
FROM used;

CREATE MACRO whole(number, power) AS CAST(CAST(number AS DECIMAL(38, 6)) * power AS HUGEINT);
-- Half up: the floor of the double and a half more.
CREATE MACRO divided(part, whole) AS (2 * part + whole) // (2 * whole);
CREATE MACRO in_reporting(amount, of_currency, own, target) AS
    CASE of_currency WHEN '{currency}' THEN CAST(amount AS DECIMAL(38, 4))
    ELSE CAST(divided(whole(amount, 10000) * whole(target, 1000000), whole(own, 1000000)) AS DECIMAL(30, 0))
        * CAST(0.0001 AS DECIMAL(8, 4)) END;
CREATE MACRO ratio(part, parts, decimals) AS
    CASE WHEN parts <> 0 THEN
        CAST(divided(whole(part, 10000) * CAST(10 ** decimals AS HUGEINT), CAST(parts AS HUGEINT) * 10000) AS DECIMAL(28, 0))
        * CAST(10 ** -decimals AS DECIMAL(10, 8)) END;

CREATE TABLE sales AS
SELECT event_id, user_id, order_id, session_id, currency, place AS channel, coalesce(nullif(store_id, ''), 'unknown') AS store_id,
    coalesce(nullif(country, ''), 'unknown') AS country, ts, day, items,
    CAST(total_amount AS DECIMAL(18, 4)) AS revenue, CAST(coalesce(discount, '0') AS DECIMAL(18, 4)) AS discount,
    in_reporting(CAST(total_amount AS DECIMAL(18, 4)), currency, own, target) AS reporting_revenue,
    in_reporting(CAST(coalesce(discount, '0') AS DECIMAL(18, 4)), currency, own, target) AS reporting_discount,
    own, target
FROM (
    SELECT * FROM events WHERE type = 'purchase'
    QUALIFY row_number() OVER (PARTITION BY coalesce(nullif(order_id, ''), 'event ' || event_id) ORDER BY arrival) = 1
) JOIN worth USING (day, currency);

CREATE TABLE sold AS
SELECT *, in_reporting(amount, currency, own, target) AS reporting_amount
FROM (
    SELECT event_id, day, ts, currency, own, target, item.product_id AS product_id, item.quantity AS quantity,
        item.quantity * CAST(item.unit_price AS DECIMAL(18, 4)) AS amount
    FROM (SELECT *, unnest(items) AS item FROM sales)
);

-- What a piece cost at the time: the last receipt's price, in the reporting currency.
CREATE TABLE receipts AS
SELECT product_id, ts, arg_min(CAST(unit_cost AS DECIMAL(18, 4)), arrival) AS unit_cost
FROM events WHERE type = 'stock' AND unit_cost IS NOT NULL AND change > 0
GROUP BY ALL;

CREATE TABLE sold_at_cost AS
SELECT sold.*, (
    SELECT arg_max(unit_cost, receipts.ts) FROM receipts
    WHERE receipts.product_id = sold.product_id AND receipts.ts <= sold.ts) AS unit_cost
FROM sold;

CREATE TABLE margins AS
SELECT event_id,
    sum(amount) FILTER (WHERE currency = '{currency}') AS costed_gmv,
    sum(quantity * unit_cost) FILTER (WHERE currency = '{currency}') AS cost,
    sum(reporting_amount) AS reporting_costed_gmv,
    sum(quantity * unit_cost) FILTER (WHERE reporting_amount IS NOT NULL) AS reporting_cost
FROM sold_at_cost
WHERE unit_cost IS NOT NULL
GROUP BY event_id;

-- What lists of products said: the day that each holds from, and its number in the order in which they were taken in.
CREATE TABLE listed (day DATE, number INTEGER, product_id VARCHAR, category VARCHAR);

CREATE TABLE baskets AS
SELECT event_id, sum(quantity) AS units, sum(amount) AS gmv, sum(reporting_amount) AS reporting_gmv
FROM sold GROUP BY event_id;

CREATE TABLE booked AS
SELECT sales.*, units, gmv, reporting_gmv, costed_gmv, cost, reporting_costed_gmv, reporting_cost
FROM sales JOIN baskets USING (event_id) LEFT JOIN margins USING (event_id);

CREATE TABLE bots AS
WITH looks AS (SELECT day, user_id, ts FROM events WHERE type IN ('click', 'search')),
paces AS (
    SELECT day, user_id, max(pace) AS pace, sum(pace) AS looks
    FROM (SELECT day, user_id, date_trunc('minute', ts) AS minute, count(*) AS pace FROM looks GROUP BY ALL)
    GROUP BY ALL
),
acts AS (SELECT day, user_id, count(*) AS acts FROM events WHERE type IN ('cart', 'wishlist', 'purchase') GROUP BY ALL)
SELECT day, user_id, looks, coalesce(acts, 0) AS acts, pace >= 120 AS is_too_fast, looks >= 1000 AND acts IS NULL AS is_idle
FROM paces LEFT JOIN acts USING (day, user_id)
WHERE pace >= 120 OR (looks >= 1000 AND acts IS NULL);

CREATE MACRO reporting() AS '{currency}';
CREATE MACRO local_hour(moment) AS date_trunc('hour', timezone('UTC', moment) + INTERVAL {minutes} MINUTE);
CREATE MACRO local_day(moment) AS CAST(timezone('UTC', moment) + INTERVAL {minutes} MINUTE AS DATE);
CREATE MACRO instant(clock) AS timezone('UTC', clock - INTERVAL {minutes} MINUTE)
"""

MEASURES = """count(*) AS orders, sum(units) AS units, sum(gmv) AS gmv, sum(discount) AS discount, sum(revenue) AS revenue,
    ratio(sum(revenue), count(*), 4) AS aov, reporting() AS reporting_currency, sum(reporting_gmv) AS reporting_gmv,
    sum(reporting_discount) AS reporting_discount, sum(reporting_revenue) AS reporting_revenue,
    count(*) FILTER (WHERE reporting_revenue IS NULL) AS orders_without_rate"""

MARGINS = """coalesce(sum(costed_gmv), 0) AS costed_gmv, sum(cost) AS cost, sum(costed_gmv) - sum(cost) AS margin,
    sum(reporting_costed_gmv) AS reporting_costed_gmv, sum(reporting_cost) AS reporting_cost,
    sum(reporting_costed_gmv) - sum(reporting_cost) AS reporting_margin"""

# The category of each product on each day: as the last list says that holds then, of which the first one always does.
KINDS = """
    firsts AS (SELECT product_id, min(number) AS first_number FROM listed GROUP BY ALL),
    days AS (
        SELECT DISTINCT day, product_id FROM sold
        UNION SELECT DISTINCT day, product_id FROM events WHERE type IN ('click', 'cart')),
    kinds AS (
        SELECT days.day, days.product_id, coalesce(nullif(arg_max(category, number), ''), 'unknown') AS category
        FROM days JOIN firsts USING (product_id)
        JOIN listed ON listed.product_id = days.product_id AND (listed.day <= days.day OR number = first_number)
        GROUP BY ALL)"""

# What each category is of an order. Discount and revenue are shared in the order of the categories' names: a category gets what
# falls to it and those before it, rounded, less what fell to those before it.
CATEGORIES = f"""
    WITH {KINDS},
    parts AS (
        SELECT event_id, coalesce(category, 'unknown') AS category, sum(quantity) AS units, sum(amount) AS gmv,
            sum(reporting_amount) AS reporting_gmv,
            sum(amount) FILTER (WHERE unit_cost IS NOT NULL AND currency = reporting()) AS costed_gmv,
            sum(quantity * unit_cost) FILTER (WHERE currency = reporting()) AS cost,
            sum(reporting_amount) FILTER (WHERE unit_cost IS NOT NULL) AS reporting_costed_gmv,
            sum(quantity * unit_cost) FILTER (WHERE reporting_amount IS NOT NULL) AS reporting_cost
        FROM sold_at_cost LEFT JOIN kinds USING (day, product_id) GROUP BY ALL),
    placed AS (
        SELECT parts.*, sales.currency, sales.day, sales.ts, sales.discount AS all_discount, sales.revenue AS all_revenue,
            sales.reporting_discount AS all_reporting_discount, sales.reporting_revenue AS all_reporting_revenue,
            sum(weight) OVER (PARTITION BY event_id ORDER BY category) AS upto,
            sum(weight) OVER (PARTITION BY event_id) AS weights
        FROM (
            -- What was free altogether is shared by its pieces.
            SELECT *, CASE WHEN sum(gmv) OVER (PARTITION BY event_id) > 0 THEN gmv ELSE units END AS weight FROM parts
        ) AS parts JOIN sales USING (event_id)),
    fallen AS (
        SELECT *,
            {", ".join(
                f"CAST(divided(whole(all_{name}, 10000) * whole(upto, 10000), whole(weights, 10000)) AS DECIMAL(30, 0)) "
                f"* CAST(0.0001 AS DECIMAL(8, 4)) AS {name}_upto"
                for name in ("discount", "revenue", "reporting_discount", "reporting_revenue"))}
        FROM placed),
    booked_parts AS (
        SELECT *, {", ".join(
            f"{name}_upto - coalesce(lag({name}_upto) OVER (PARTITION BY event_id ORDER BY category), 0) AS {name}"
            for name in ("discount", "revenue", "reporting_discount", "reporting_revenue"))}
        FROM fallen)"""

GOLD = {
    "daily_category_sales": f"""
        {CATEGORIES}
        SELECT day AS business_day, category, currency, {MEASURES}, {MARGINS} FROM booked_parts GROUP BY ALL""",
    "hourly_category_sales": f"""
        {CATEGORIES}
        SELECT day AS business_day, instant(local_hour(ts)) AS hour_start, category, currency, {MEASURES}, {MARGINS}
        FROM booked_parts GROUP BY ALL""",
    "daily_category_clicks": f"""
        WITH {KINDS}
        SELECT day AS business_day, coalesce(category, 'unknown') AS category, count(*) FILTER (WHERE type = 'click') AS clicks,
            count(*) FILTER (WHERE type = 'click' AND (day, user_id) IN (SELECT (day, user_id) FROM bots)) AS bot_clicks,
            count(*) FILTER (WHERE type = 'cart') AS carts
        FROM events LEFT JOIN kinds USING (day, product_id) WHERE type IN ('click', 'cart') GROUP BY ALL""",
    "daily_sales": f"""
        SELECT day AS business_day, currency, count(DISTINCT user_id) AS customers, {MEASURES} FROM booked GROUP BY ALL""",
    "daily_sales_breakdown": f"""
        SELECT day AS business_day, channel, store_id, country, currency, count(DISTINCT user_id) AS customers, {MEASURES},
            {MARGINS}
        FROM booked GROUP BY ALL""",
    "hourly_sales_breakdown": f"""
        SELECT day AS business_day, instant(local_hour(ts)) AS hour_start, channel, store_id, country, currency, {MEASURES},
            {MARGINS}
        FROM booked GROUP BY ALL""",
    "daily_totals": """
        SELECT day AS business_day, reporting() AS currency, count(*) AS orders, count(DISTINCT user_id) AS customers,
            sum(units) AS units, coalesce(sum(reporting_gmv), 0) AS gmv, coalesce(sum(reporting_discount), 0) AS discount,
            coalesce(sum(reporting_revenue), 0) AS revenue,
            ratio(sum(reporting_revenue), count(reporting_revenue), 4) AS aov,
            count(*) - count(reporting_revenue) AS orders_without_rate, sum(reporting_costed_gmv) AS costed_gmv,
            sum(reporting_cost) AS cost, sum(reporting_costed_gmv) - sum(reporting_cost) AS margin,
            count(*) FILTER (WHERE is_bot) AS bot_orders,
            coalesce(sum(reporting_revenue) FILTER (WHERE is_bot), 0) AS bot_revenue
        FROM (SELECT *, (day, user_id) IN (SELECT (day, user_id) FROM bots) AS is_bot FROM booked)
        GROUP BY ALL""",
    "daily_channel": """
        SELECT day AS business_day, place AS channel, '' AS currency, count(*) FILTER (WHERE type = 'click') AS clicks,
            count(*) FILTER (WHERE type = 'cart') AS carts, 0 AS orders, 0 AS units, 0 AS revenue,
            reporting() AS reporting_currency, 0 AS reporting_revenue, 0 AS orders_without_rate
        FROM events WHERE type IN ('click', 'cart') GROUP BY ALL
        UNION ALL
        SELECT day, channel, currency, 0, 0, count(*), sum(units), sum(revenue), reporting(), sum(reporting_revenue),
            count(*) FILTER (WHERE reporting_revenue IS NULL)
        FROM booked GROUP BY ALL""",
    "daily_product_clicks": """
        SELECT day AS business_day, product_id, count(*) AS clicks, count(DISTINCT user_id) AS users,
            count(*) FILTER (WHERE (day, user_id) IN (SELECT (day, user_id) FROM bots)) AS bot_clicks
        FROM events WHERE type = 'click' GROUP BY ALL""",
    "daily_product_sales": """
        SELECT day AS business_day, product_id, currency, count(DISTINCT event_id) AS orders, sum(quantity) AS units,
            sum(amount) AS gmv, reporting() AS reporting_currency, sum(reporting_amount) AS reporting_gmv
        FROM sold GROUP BY ALL""",
    "daily_funnel": """
        WITH first_looks AS (SELECT session_id, min(ts) AS at FROM events WHERE type = 'click' GROUP BY ALL),
        first_carts AS (
            SELECT session_id, min(ts) AS at FROM events JOIN first_looks USING (session_id)
            WHERE type = 'cart' AND ts >= first_looks.at GROUP BY ALL),
        bought AS (
            SELECT DISTINCT session_id FROM events JOIN first_carts USING (session_id)
            WHERE type = 'purchase' AND ts >= first_carts.at)
        SELECT local_day(first_looks.at) AS business_day, count(*) AS views, count(first_carts.session_id) AS carts,
            count(bought.session_id) AS purchases, ratio(carts, views, 4) AS cart_rate,
            ratio(purchases, carts, 4) AS purchase_rate, ratio(purchases, views, 4) AS conversion_rate
        FROM first_looks LEFT JOIN first_carts USING (session_id)
        LEFT JOIN bought ON bought.session_id = first_carts.session_id GROUP BY 1""",
    "cart_abandonment": """
        WITH activity AS (
            SELECT user_id, place, ts, type = 'cart' AS is_cart,
                type = 'purchase' AND event_id IN (SELECT event_id FROM sales) AS is_bought
            FROM events WHERE type IN ('click', 'search', 'cart', 'wishlist', 'purchase')),
        marked AS (
            SELECT *, coalesce(ts - lag(ts) OVER visit >= INTERVAL 30 MINUTE, true) AS is_first FROM activity
            WINDOW visit AS (PARTITION BY user_id, place ORDER BY ts)),
        numbered AS (
            SELECT *, count(*) FILTER (WHERE is_first)
                OVER (PARTITION BY user_id, place ORDER BY ts RANGE UNBOUNDED PRECEDING) AS number
            FROM marked),
        sessions AS (
            SELECT place, local_day(min(ts)) AS day, bool_or(is_cart) AS has_cart, bool_or(is_bought) AS has_bought
            FROM numbered GROUP BY user_id, place, number)
        SELECT day AS business_day, place AS channel, count(*) AS sessions_with_cart,
            count(*) FILTER (WHERE NOT has_bought) AS abandoned,
            ratio(abandoned, sessions_with_cart, 4) AS abandonment_rate
        FROM sessions WHERE has_cart GROUP BY 1, 2""",
    "daily_customers": """
        WITH firsts AS (SELECT user_id, min(day) AS first_day FROM sales GROUP BY ALL)
        SELECT day AS business_day, count(DISTINCT user_id) AS customers,
            count(DISTINCT user_id) FILTER (WHERE day = first_day) AS new_customers,
            count(DISTINCT user_id) FILTER (WHERE day > first_day) AS returning_customers, count(*) AS orders,
            count(*) FILTER (WHERE day = first_day) AS orders_of_new_customers
        FROM sales JOIN firsts USING (user_id) GROUP BY 1""",
    "daily_search_terms": """
        SELECT day AS business_day,
            array_to_string(list_filter(string_split_regex(lower(query), '\\s+'), lambda w: w <> ''), ' ') AS term,
            count(*) AS searches, count(DISTINCT user_id) AS users, count(results) AS searches_with_results_known,
            count(*) FILTER (WHERE results = 0) AS zero_result_searches,
            ratio(zero_result_searches, searches_with_results_known, 4) AS zero_result_rate
        FROM events WHERE type = 'search' GROUP BY 1, 2""",
    "daily_fulfilment": """
        WITH steps AS (
            SELECT order_id, min(ts) FILTER (WHERE status = 'paid') AS paid, min(ts) FILTER (WHERE status = 'shipped') AS shipped,
                min(ts) FILTER (WHERE status = 'delivered') AS delivered,
                min(ts) FILTER (WHERE status = 'cancelled') AS cancelled, min(ts) FILTER (WHERE status = 'returned') AS returned
            FROM events WHERE type = 'order_status' GROUP BY ALL)
        SELECT day AS business_day, channel, count(*) AS orders, count(steps.order_id) AS orders_with_status,
            count(steps.shipped) AS shipped, count(*) FILTER (WHERE paid IS NOT NULL AND steps.shipped IS NOT NULL)
                AS shipping_judged,
            count(*) FILTER (WHERE epoch_us(steps.shipped) - epoch_us(paid) <= 86400000000) AS shipped_in_time,
            ratio(shipped_in_time, shipping_judged, 4) AS sla_rate, count(steps.delivered) AS delivered,
            count(steps.cancelled) AS cancelled, count(steps.returned) AS returned,
            ratio(count(*) FILTER (WHERE steps.delivered IS NOT NULL AND steps.returned IS NOT NULL),
                count(steps.delivered), 4) AS return_rate
        FROM sales LEFT JOIN steps USING (order_id) WHERE order_id <> '' GROUP BY 1, 2""",
    "customer_rfm": """
        WITH customers AS (
            SELECT user_id, currency, min(day) AS first_order_day, max(day) AS last_order_day, count(*) AS orders,
                sum(revenue) AS revenue
            FROM sales GROUP BY ALL),
        ranked AS (
            SELECT *, count(*) OVER (PARTITION BY currency) AS n,
                row_number() OVER (PARTITION BY currency ORDER BY last_order_day, user_id) - 1 AS by_day,
                row_number() OVER (PARTITION BY currency ORDER BY orders, user_id) - 1 AS by_orders,
                row_number() OVER (PARTITION BY currency ORDER BY revenue, user_id) - 1 AS by_money
            FROM customers),
        -- Fifths, of which the first take what does not divide.
        scored AS (
            SELECT *, fifth(by_day, n) AS r, fifth(by_orders, n) AS f, fifth(by_money, n) AS m FROM ranked),
        named AS (
            SELECT unnest(['Lost', 'Lost', 'At Risk', 'Can''t Lose Them', 'Can''t Lose Them',
                'Hibernating', 'Hibernating', 'At Risk', 'At Risk', 'At Risk',
                'About To Sleep', 'About To Sleep', 'Need Attention', 'Loyal', 'Loyal',
                'Promising', 'Potential Loyalist', 'Potential Loyalist', 'Champions', 'Champions',
                'New Customers', 'Potential Loyalist', 'Potential Loyalist', 'Champions', 'Champions']) AS segment,
                unnest(range(25)) AS cell)
        SELECT user_id, currency, first_order_day, last_order_day,
            date_diff('day', last_order_day, (SELECT max(day) FROM sales)) AS recency_days, orders, revenue,
            r AS recency_score, f AS frequency_score, m AS monetary_score, segment
        FROM scored JOIN named ON cell = (r - 1) * 5 + CAST(ceil((f + m) / 2.0) AS BIGINT) - 1""",
    "cohort_retention": """
        WITH months AS (SELECT user_id, date_trunc('month', day) AS month, count(*) AS orders FROM sales GROUP BY ALL),
        cohorts AS (SELECT user_id, min(month) AS cohort_month FROM months GROUP BY ALL),
        sizes AS (SELECT cohort_month, count(*) AS cohort_customers FROM cohorts GROUP BY ALL)
        SELECT cohort_month, (year(month) - year(cohort_month)) * 12 + month(month) - month(cohort_month) AS months_since,
            cohort_customers, count(*) AS customers, sum(orders) AS orders,
            ratio(count(*), cohort_customers, 4) AS retention
        FROM months JOIN cohorts USING (user_id) JOIN sizes USING (cohort_month) GROUP BY cohort_month, month, cohort_customers""",
    "product_affinity": """
        WITH baskets AS (
            SELECT event_id, list_distinct(list(product_id)) AS products FROM sold GROUP BY ALL
            HAVING count(DISTINCT product_id) <= 50),
        held AS (SELECT products, unnest(products) AS product FROM baskets),
        single AS (SELECT product, count(*) AS n FROM held GROUP BY ALL),
        pairs AS (
            SELECT one, other, count(*) AS n
            FROM (SELECT product AS one, unnest(products) AS other FROM held)
            WHERE one <> other GROUP BY ALL HAVING count(*) >= 2)
        SELECT one AS product_id, other AS with_product_id, pairs.n AS orders_together, a.n AS product_orders,
            b.n AS with_product_orders, everything.n AS all_orders,
            ratio(pairs.n, everything.n, 8) AS support, ratio(pairs.n, a.n, 8) AS confidence,
            ratio(pairs.n * everything.n, a.n * b.n, 4) AS lift
        FROM pairs CROSS JOIN (SELECT count(*) AS n FROM baskets) AS everything JOIN single a ON a.product = one JOIN single b ON b.product = other""",
    "stock_turnover": """
        WITH moved AS (
            SELECT date_trunc('month', day) AS month, product_id, warehouse_id, sum(change) AS net,
                -coalesce(sum(change) FILTER (WHERE reason = 'sale'), 0) AS sold,
                coalesce(sum(change) FILTER (WHERE reason = 'return'), 0) AS returned,
                coalesce(sum(change) FILTER (WHERE reason = 'restock'), 0) AS received
            FROM events WHERE type = 'stock' GROUP BY ALL),
        levels AS (
            SELECT *, sum(net) OVER (PARTITION BY product_id, warehouse_id ORDER BY month) AS closing_level FROM moved)
        SELECT month, product_id, warehouse_id, closing_level - net AS opening_level, received, sold, returned, closing_level,
            CASE WHEN opening_level >= 0 AND closing_level >= 0
                THEN ratio(2 * greatest(sold, 0), opening_level + closing_level, 4) END AS turnover
        FROM levels""",
    "daily_bots": """
        SELECT day AS business_day, count(*) AS bots, count(*) FILTER (WHERE is_too_fast) AS too_fast,
            count(*) FILTER (WHERE is_idle) AS only_looking, sum(looks) AS looks, sum(acts) AS acts
        FROM bots GROUP BY ALL""",
}

SETUP += """;
CREATE MACRO fifth(place, n) AS
    CASE WHEN place < (n % 5) * (n // 5 + 1) THEN place // (n // 5 + 1)
        ELSE n % 5 + (place - (n % 5) * (n // 5 + 1)) // greatest(n // 5, 1) END + 1
"""
