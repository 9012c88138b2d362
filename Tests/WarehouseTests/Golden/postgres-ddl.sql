BEGIN;
CREATE ROLE cartograph_owner NOLOGIN;
CREATE ROLE cartograph_loader NOLOGIN;
CREATE ROLE cartograph_reader NOLOGIN;
GRANT cartograph_owner TO CURRENT_USER;
CREATE SCHEMA star AUTHORIZATION cartograph_owner;
SET LOCAL ROLE cartograph_owner;
CREATE TABLE star.dim_time (
    time_key integer GENERATED ALWAYS AS IDENTITY,
    hour_start timestamptz NOT NULL,
    business_day date NOT NULL,
    hour_of_day smallint NOT NULL,
    utc_offset_minutes smallint NOT NULL,
    day_of_week smallint NOT NULL,
    day_of_month smallint NOT NULL,
    day_of_year smallint NOT NULL,
    iso_week smallint NOT NULL,
    iso_year smallint NOT NULL,
    month smallint NOT NULL,
    quarter smallint NOT NULL,
    year smallint NOT NULL,
    month_start date NOT NULL,
    is_weekend boolean NOT NULL,
    PRIMARY KEY (time_key),
    UNIQUE (hour_start)
);
COMMENT ON TABLE star.dim_time IS 'The hours of the business calendar, in the shop''s time zone.';
COMMENT ON COLUMN star.dim_time.hour_start IS 'When the hour began. An hour that a clock change repeats is two.';
COMMENT ON COLUMN star.dim_time.business_day IS 'The date in the business time zone.';
COMMENT ON COLUMN star.dim_time.hour_of_day IS '0 to 23 of the business clock.';
COMMENT ON COLUMN star.dim_time.utc_offset_minutes IS 'The business clock less UTC.';
COMMENT ON COLUMN star.dim_time.day_of_week IS '1 for Monday to 7 for Sunday.';
COMMENT ON COLUMN star.dim_time.iso_year IS 'The year that iso_week counts in.';
COMMENT ON COLUMN star.dim_time.month_start IS 'The first day of the month.';
COMMENT ON COLUMN star.dim_time.is_weekend IS 'Saturday or Sunday.';
CREATE TABLE star.dim_user (
    user_key integer GENERATED ALWAYS AS IDENTITY,
    user_id text COLLATE "C" NOT NULL,
    valid_from date NOT NULL,
    valid_to date NOT NULL,
    is_current boolean NOT NULL,
    country text COLLATE "C",
    is_customer boolean NOT NULL,
    PRIMARY KEY (user_key),
    UNIQUE (user_id, valid_from)
);
COMMENT ON TABLE star.dim_user IS 'Customers and visitors, a row for each version of one (slowly changing, type 2).';
COMMENT ON COLUMN star.dim_user.user_id IS 'Who, as events say.';
COMMENT ON COLUMN star.dim_user.valid_from IS 'The first business day of this version.';
COMMENT ON COLUMN star.dim_user.valid_to IS 'The first business day after it; 9999-12-31 while it holds.';
COMMENT ON COLUMN star.dim_user.is_current IS 'Whether it holds.';
COMMENT ON COLUMN star.dim_user.country IS 'The last one that an event named.';
COMMENT ON COLUMN star.dim_user.is_customer IS 'Whether there was an order until then.';
CREATE TABLE star.dim_product (
    product_key integer GENERATED ALWAYS AS IDENTITY,
    product_id text COLLATE "C" NOT NULL,
    valid_from date NOT NULL,
    valid_to date NOT NULL,
    is_current boolean NOT NULL,
    list_price numeric(18, 4),
    unit_cost numeric(18, 4),
    PRIMARY KEY (product_key),
    UNIQUE (product_id, valid_from)
);
COMMENT ON TABLE star.dim_product IS 'Products, a row for each version of one (slowly changing, type 2).';
COMMENT ON COLUMN star.dim_product.product_id IS 'Which, as events say.';
COMMENT ON COLUMN star.dim_product.valid_from IS 'The first business day of this version.';
COMMENT ON COLUMN star.dim_product.valid_to IS 'The first business day after it; 9999-12-31 while it holds.';
COMMENT ON COLUMN star.dim_product.is_current IS 'Whether it holds.';
COMMENT ON COLUMN star.dim_product.list_price IS 'The last price in the reporting currency.';
COMMENT ON COLUMN star.dim_product.unit_cost IS 'The last one of a receipt.';
CREATE TABLE star.dim_channel (
    channel_key smallint GENERATED ALWAYS AS IDENTITY,
    channel text COLLATE "C" NOT NULL,
    PRIMARY KEY (channel_key),
    UNIQUE (channel)
);
COMMENT ON TABLE star.dim_channel IS 'Sales channels.';
COMMENT ON COLUMN star.dim_channel.channel IS 'shopee, lazada, tiki, website, store, or unknown.';
CREATE TABLE star.dim_store (
    store_key integer GENERATED ALWAYS AS IDENTITY,
    store_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (store_key),
    UNIQUE (store_id)
);
COMMENT ON TABLE star.dim_store IS 'Stores.';
COMMENT ON COLUMN star.dim_store.store_id IS 'Which, as events say, or unknown.';
CREATE TABLE star.dim_currency (
    currency_key smallint GENERATED ALWAYS AS IDENTITY,
    currency text COLLATE "C" NOT NULL,
    PRIMARY KEY (currency_key),
    UNIQUE (currency)
);
COMMENT ON TABLE star.dim_currency IS 'Currencies.';
COMMENT ON COLUMN star.dim_currency.currency IS 'ISO 4217; XXX, its code for none, is the unknown one.';
CREATE TABLE star.currency_rates (
    business_day date NOT NULL,
    currency_key smallint NOT NULL,
    rate_per_eur numeric(18, 6),
    rate_date date,
    reporting_currency text COLLATE "C" NOT NULL,
    reporting_rate_per_eur numeric(18, 6),
    reporting_rate_date date,
    PRIMARY KEY (business_day, currency_key),
    FOREIGN KEY (currency_key) REFERENCES star.dim_currency (currency_key)
);
COMMENT ON TABLE star.currency_rates IS 'The rates that a day''s amounts were converted with, by currency of dim_currency.';
COMMENT ON COLUMN star.currency_rates.rate_per_eur IS 'Units of the currency for one euro.';
COMMENT ON COLUMN star.currency_rates.rate_date IS 'Of which day that is: the last one known on the business day.';
COMMENT ON COLUMN star.currency_rates.reporting_rate_per_eur IS 'Units of the reporting currency for one euro.';
CREATE TABLE star.user_days (
    business_day date NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    country text COLLATE "C",
    is_customer boolean,
    PRIMARY KEY (business_day, user_id)
);
CREATE INDEX ON star.user_days (user_id);
COMMENT ON TABLE star.user_days IS 'What each business day told; the versions follow from it.';
COMMENT ON COLUMN star.user_days.country IS 'The last one that an event named.';
COMMENT ON COLUMN star.user_days.is_customer IS 'Whether there was an order until then.';
CREATE TABLE star.product_days (
    business_day date NOT NULL,
    product_id text COLLATE "C" NOT NULL,
    list_price numeric(18, 4),
    unit_cost numeric(18, 4),
    PRIMARY KEY (business_day, product_id)
);
CREATE INDEX ON star.product_days (product_id);
COMMENT ON TABLE star.product_days IS 'What each business day told; the versions follow from it.';
COMMENT ON COLUMN star.product_days.list_price IS 'The last price in the reporting currency.';
COMMENT ON COLUMN star.product_days.unit_cost IS 'The last one of a receipt.';
CREATE TABLE star.loads (
    load_key bigint GENERATED ALWAYS AS IDENTITY,
    business_day date NOT NULL,
    sources text COLLATE "C" NOT NULL,
    clicks bigint NOT NULL,
    carts bigint NOT NULL,
    orders bigint NOT NULL,
    order_items bigint NOT NULL,
    loaded_at timestamptz NOT NULL,
    loaded_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (load_key)
);
COMMENT ON TABLE star.loads IS 'Every load of a business day, a row in the transaction that did it.';
COMMENT ON COLUMN star.loads.sources IS 'The lake''s snapshots that the day was made from, as JSON.';
COMMENT ON COLUMN star.loads.clicks IS 'Rows of the day, after the load.';
CREATE TABLE star.loaded_days (
    business_day date NOT NULL,
    load_key bigint NOT NULL,
    sources text COLLATE "C" NOT NULL,
    PRIMARY KEY (business_day)
);
COMMENT ON TABLE star.loaded_days IS 'The last load of each business day.';
CREATE TABLE star.sources (
    source text COLLATE "C" NOT NULL,
    snapshot_id bigint NOT NULL,
    PRIMARY KEY (source)
);
COMMENT ON TABLE star.sources IS 'The snapshots of the lake''s tables up to which every day is loaded.';
CREATE TABLE star.schema_version (
    version integer NOT NULL,
    settings text COLLATE "C" NOT NULL,
    PRIMARY KEY (version)
);
COMMENT ON TABLE star.schema_version IS 'Which description the tables were made from.';
CREATE TABLE star.fact_clicks (
    business_day date NOT NULL,
    log_partition integer NOT NULL,
    log_offset bigint NOT NULL,
    time_key integer NOT NULL,
    user_key integer NOT NULL,
    product_key integer NOT NULL,
    channel_key smallint NOT NULL,
    store_key integer NOT NULL,
    happened_at timestamptz NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    is_bot boolean NOT NULL,
    device text COLLATE "C",
    country text COLLATE "C",
    campaign text COLLATE "C",
    dwell_ms bigint,
    PRIMARY KEY (log_offset, log_partition, business_day),
    FOREIGN KEY (time_key) REFERENCES star.dim_time (time_key),
    FOREIGN KEY (user_key) REFERENCES star.dim_user (user_key),
    FOREIGN KEY (product_key) REFERENCES star.dim_product (product_key),
    FOREIGN KEY (channel_key) REFERENCES star.dim_channel (channel_key),
    FOREIGN KEY (store_key) REFERENCES star.dim_store (store_key)
) PARTITION BY RANGE (business_day);
CREATE INDEX ON star.fact_clicks (user_key);
CREATE INDEX ON star.fact_clicks (product_key);
COMMENT ON TABLE star.fact_clicks IS 'Product views, a row for each.';
COMMENT ON COLUMN star.fact_clicks.business_day IS 'The date in the business time zone.';
COMMENT ON COLUMN star.fact_clicks.log_partition IS 'Where the event stands in the log, ';
COMMENT ON COLUMN star.fact_clicks.log_offset IS 'which is what tells two of them apart.';
COMMENT ON COLUMN star.fact_clicks.happened_at IS 'When, says the sender.';
COMMENT ON COLUMN star.fact_clicks.event_id IS 'The sender''s id of the event.';
COMMENT ON COLUMN star.fact_clicks.session_id IS 'The tracker''s id of the session.';
COMMENT ON COLUMN star.fact_clicks.is_bot IS 'Whether the user behaved like a program on that day.';
COMMENT ON COLUMN star.fact_clicks.dwell_ms IS 'Milliseconds on the page.';
CREATE TABLE star.fact_cart (
    business_day date NOT NULL,
    log_partition integer NOT NULL,
    log_offset bigint NOT NULL,
    time_key integer NOT NULL,
    user_key integer NOT NULL,
    product_key integer NOT NULL,
    channel_key smallint NOT NULL,
    currency_key smallint NOT NULL,
    happened_at timestamptz NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    is_bot boolean NOT NULL,
    action text COLLATE "C" NOT NULL,
    quantity integer NOT NULL,
    unit_price numeric(18, 4),
    PRIMARY KEY (log_offset, log_partition, business_day),
    FOREIGN KEY (time_key) REFERENCES star.dim_time (time_key),
    FOREIGN KEY (user_key) REFERENCES star.dim_user (user_key),
    FOREIGN KEY (product_key) REFERENCES star.dim_product (product_key),
    FOREIGN KEY (channel_key) REFERENCES star.dim_channel (channel_key),
    FOREIGN KEY (currency_key) REFERENCES star.dim_currency (currency_key)
) PARTITION BY RANGE (business_day);
CREATE INDEX ON star.fact_cart (user_key);
CREATE INDEX ON star.fact_cart (product_key);
COMMENT ON TABLE star.fact_cart IS 'Changes of carts, a row for each.';
COMMENT ON COLUMN star.fact_cart.business_day IS 'The date in the business time zone.';
COMMENT ON COLUMN star.fact_cart.log_partition IS 'Where the event stands in the log, ';
COMMENT ON COLUMN star.fact_cart.log_offset IS 'which is what tells two of them apart.';
COMMENT ON COLUMN star.fact_cart.happened_at IS 'When, says the sender.';
COMMENT ON COLUMN star.fact_cart.event_id IS 'The sender''s id of the event.';
COMMENT ON COLUMN star.fact_cart.session_id IS 'The tracker''s id of the session.';
COMMENT ON COLUMN star.fact_cart.is_bot IS 'Whether the user behaved like a program on that day.';
COMMENT ON COLUMN star.fact_cart.action IS 'add, update or remove.';
CREATE TABLE star.fact_orders (
    business_day date NOT NULL,
    log_partition integer NOT NULL,
    log_offset bigint NOT NULL,
    time_key integer NOT NULL,
    user_key integer NOT NULL,
    channel_key smallint NOT NULL,
    store_key integer NOT NULL,
    currency_key smallint NOT NULL,
    happened_at timestamptz NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    is_bot boolean NOT NULL,
    order_id text COLLATE "C",
    country text COLLATE "C",
    units bigint NOT NULL,
    gmv numeric(38, 4) NOT NULL,
    discount numeric(18, 4) NOT NULL,
    revenue numeric(18, 4) NOT NULL,
    reporting_gmv numeric(38, 4),
    reporting_discount numeric(38, 4),
    reporting_revenue numeric(38, 4),
    PRIMARY KEY (log_offset, log_partition, business_day),
    FOREIGN KEY (time_key) REFERENCES star.dim_time (time_key),
    FOREIGN KEY (user_key) REFERENCES star.dim_user (user_key),
    FOREIGN KEY (channel_key) REFERENCES star.dim_channel (channel_key),
    FOREIGN KEY (store_key) REFERENCES star.dim_store (store_key),
    FOREIGN KEY (currency_key) REFERENCES star.dim_currency (currency_key)
) PARTITION BY RANGE (business_day);
CREATE INDEX ON star.fact_orders (user_key);
COMMENT ON TABLE star.fact_orders IS 'Orders, a row for each: of repeated ones the first to arrive.';
COMMENT ON COLUMN star.fact_orders.business_day IS 'The date in the business time zone.';
COMMENT ON COLUMN star.fact_orders.log_partition IS 'Where the event stands in the log, ';
COMMENT ON COLUMN star.fact_orders.log_offset IS 'which is what tells two of them apart.';
COMMENT ON COLUMN star.fact_orders.happened_at IS 'When, says the sender.';
COMMENT ON COLUMN star.fact_orders.event_id IS 'The sender''s id of the event.';
COMMENT ON COLUMN star.fact_orders.session_id IS 'The tracker''s id of the session.';
COMMENT ON COLUMN star.fact_orders.is_bot IS 'Whether the user behaved like a program on that day.';
COMMENT ON COLUMN star.fact_orders.units IS 'Pieces.';
COMMENT ON COLUMN star.fact_orders.gmv IS 'Items before discount, without shipping and tax, in the order''s currency.';
COMMENT ON COLUMN star.fact_orders.revenue IS 'What was paid, in the order''s currency.';
COMMENT ON COLUMN star.fact_orders.reporting_gmv IS 'GMV in the reporting currency at the day''s rate (currency_rates); null where none is known.';
COMMENT ON COLUMN star.fact_orders.reporting_discount IS 'Discount in the reporting currency at the day''s rate (currency_rates); null where none is known.';
COMMENT ON COLUMN star.fact_orders.reporting_revenue IS 'Revenue in the reporting currency at the day''s rate (currency_rates); null where none is known.';
CREATE TABLE star.fact_order_items (
    business_day date NOT NULL,
    log_partition integer NOT NULL,
    log_offset bigint NOT NULL,
    time_key integer NOT NULL,
    user_key integer NOT NULL,
    product_key integer NOT NULL,
    channel_key smallint NOT NULL,
    store_key integer NOT NULL,
    currency_key smallint NOT NULL,
    item_number integer NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    order_id text COLLATE "C",
    quantity integer NOT NULL,
    unit_price numeric(18, 4) NOT NULL,
    amount numeric(38, 4) NOT NULL,
    reporting_amount numeric(38, 4),
    is_bot boolean NOT NULL,
    PRIMARY KEY (log_offset, log_partition, business_day, item_number),
    FOREIGN KEY (time_key) REFERENCES star.dim_time (time_key),
    FOREIGN KEY (user_key) REFERENCES star.dim_user (user_key),
    FOREIGN KEY (product_key) REFERENCES star.dim_product (product_key),
    FOREIGN KEY (channel_key) REFERENCES star.dim_channel (channel_key),
    FOREIGN KEY (store_key) REFERENCES star.dim_store (store_key),
    FOREIGN KEY (currency_key) REFERENCES star.dim_currency (currency_key)
) PARTITION BY RANGE (business_day);
CREATE INDEX ON star.fact_order_items (user_key);
CREATE INDEX ON star.fact_order_items (product_key);
COMMENT ON TABLE star.fact_order_items IS 'What the orders hold, a row for each item.';
COMMENT ON COLUMN star.fact_order_items.business_day IS 'The date in the business time zone.';
COMMENT ON COLUMN star.fact_order_items.log_partition IS 'Where the event stands in the log, ';
COMMENT ON COLUMN star.fact_order_items.log_offset IS 'which is what tells two of them apart.';
COMMENT ON COLUMN star.fact_order_items.item_number IS 'Its place in the order, from 1.';
COMMENT ON COLUMN star.fact_order_items.event_id IS 'The event_id of the order''s purchase.';
COMMENT ON COLUMN star.fact_order_items.amount IS 'quantity × unit_price.';
COMMENT ON COLUMN star.fact_order_items.reporting_amount IS 'The amount in the reporting currency at the day''s rate (currency_rates); null where none is known.';
COMMENT ON COLUMN star.fact_order_items.is_bot IS 'Whether the user behaved like a program on that day.';
CREATE FUNCTION star.make_leaf(fact text, day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    leaf text := fact || to_char(day, '"_y"YYYY"m"MM"d"DD');
BEGIN
    IF fact NOT IN ('fact_clicks', 'fact_cart', 'fact_orders', 'fact_order_items') THEN
        RAISE EXCEPTION '% is no fact', fact;
    END IF;
    EXECUTE format('CREATE TABLE star.%I (LIKE star.%I INCLUDING DEFAULTS)', leaf, fact);
    EXECUTE format('GRANT SELECT, INSERT ON star.%I TO cartograph_loader', leaf);
END
$$;
CREATE FUNCTION star.attach_leaf(fact text, day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    leaf text := fact || to_char(day, '"_y"YYYY"m"MM"d"DD');
    month_start date := date_trunc('month', day::timestamp)::date;
    month_end date := (date_trunc('month', day::timestamp) + interval '1 month')::date;
    month text := fact || to_char(day, '"_y"YYYY"m"MM');
BEGIN
    IF fact NOT IN ('fact_clicks', 'fact_cart', 'fact_orders', 'fact_order_items') THEN
        RAISE EXCEPTION '% is no fact', fact;
    END IF;
    PERFORM set_config('maintenance_work_mem', '128MB', true);
    IF to_regclass(format('star.%I', month)) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE star.%I (LIKE star.%I INCLUDING DEFAULTS) PARTITION BY RANGE (business_day)',
            month, fact);
        EXECUTE format(
            'ALTER TABLE star.%I ATTACH PARTITION star.%I FOR VALUES FROM (%L) TO (%L)',
            fact, month, month_start, month_end);
    END IF;
    EXECUTE format('REVOKE ALL ON star.%I FROM cartograph_loader', leaf);
    EXECUTE format(
        'ALTER TABLE star.%I ATTACH PARTITION star.%I FOR VALUES FROM (%L) TO (%L)',
        month, leaf, day, day + 1);
END
$$;
CREATE FUNCTION star.join_month(fact text, day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    month_start date := date_trunc('month', day::timestamp)::date;
    month_end date := (date_trunc('month', day::timestamp) + interval '1 month')::date;
    month text := fact || to_char(day, '"_y"YYYY"m"MM');
    whole text := month || '_days';
    parts text[];
    part text;
BEGIN
    IF fact NOT IN ('fact_clicks', 'fact_cart', 'fact_orders', 'fact_order_items') THEN
        RAISE EXCEPTION '% is no fact', fact;
    END IF;
    EXECUTE format('LOCK TABLE star.%I IN SHARE ROW EXCLUSIVE MODE', month);
    SELECT array_agg(c.relname::text ORDER BY c.relname) INTO parts
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass(format('star.%I', month));
    IF parts IS NULL OR whole = ANY (parts) THEN
        RETURN;
    END IF;
    PERFORM set_config('maintenance_work_mem', '128MB', true);
    EXECUTE format('CREATE TABLE star.%I (LIKE star.%I INCLUDING DEFAULTS)', whole, fact);
    FOREACH part IN ARRAY parts LOOP
        EXECUTE format('INSERT INTO star.%I SELECT * FROM star.%I', whole, part);
    END LOOP;
    FOR part IN
        SELECT pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = to_regclass(format('star.%I', fact)) AND contype = 'p'
    LOOP
        EXECUTE format('ALTER TABLE star.%I ADD %s', whole, part);
    END LOOP;
    FOR part IN
        SELECT a.attname FROM pg_index i
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = to_regclass(format('star.%I', fact)) AND NOT i.indisprimary
    LOOP
        EXECUTE format('CREATE INDEX ON star.%I (%I)', whole, part);
    END LOOP;
    -- Rows are in the order of their days: a day is found without an index of every row.
    EXECUTE format('CREATE INDEX ON star.%I USING brin (business_day)', whole);
    -- What the attachment would otherwise read every row for.
    EXECUTE format(
        'ALTER TABLE star.%I ADD CONSTRAINT in_month CHECK (business_day >= %L AND business_day < %L)',
        whole, month_start, month_end);
    EXECUTE format('ANALYZE star.%I', whole);
    -- Who waits for a reader makes the next readers wait.
    PERFORM set_config('lock_timeout', '2s', true);
    EXECUTE format('LOCK TABLE star.%I IN ACCESS EXCLUSIVE MODE', month);
    FOREACH part IN ARRAY parts LOOP
        EXECUTE format('DROP TABLE star.%I', part);
    END LOOP;
    EXECUTE format(
        'ALTER TABLE star.%I ATTACH PARTITION star.%I FOR VALUES FROM (%L) TO (%L)',
        month, whole, month_start, month_end);
    EXECUTE format('ALTER TABLE star.%I DROP CONSTRAINT in_month', whole);
END
$$;
INSERT INTO star.dim_time (time_key, hour_start, business_day, hour_of_day, utc_offset_minutes, day_of_week, day_of_month, day_of_year, iso_week, iso_year, month, quarter, year, month_start, is_weekend) OVERRIDING SYSTEM VALUE
VALUES (0, '1900-01-01 00:00:00+00', '1900-01-01', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '1900-01-01', false);
INSERT INTO star.dim_user (user_key, user_id, valid_from, valid_to, is_current, country, is_customer) OVERRIDING SYSTEM VALUE
VALUES (0, '', '1900-01-01', '9999-12-31', true, NULL, false);
INSERT INTO star.dim_product (product_key, product_id, valid_from, valid_to, is_current, list_price, unit_cost) OVERRIDING SYSTEM VALUE
VALUES (0, '', '1900-01-01', '9999-12-31', true, NULL, NULL);
INSERT INTO star.dim_channel (channel_key, channel) OVERRIDING SYSTEM VALUE
VALUES (0, 'unknown');
INSERT INTO star.dim_store (store_key, store_id) OVERRIDING SYSTEM VALUE
VALUES (0, 'unknown');
INSERT INTO star.dim_currency (currency_key, currency) OVERRIDING SYSTEM VALUE
VALUES (0, 'XXX');
GRANT USAGE ON SCHEMA star TO cartograph_loader;
GRANT USAGE ON SCHEMA star TO cartograph_reader;
GRANT SELECT ON star.dim_time, star.dim_user, star.dim_product, star.dim_channel, star.dim_store, star.dim_currency, star.fact_clicks, star.fact_cart, star.fact_orders, star.fact_order_items, star.currency_rates, star.user_days, star.product_days, star.loads, star.loaded_days, star.sources, star.schema_version TO cartograph_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON star.dim_time, star.dim_user, star.dim_product, star.dim_channel, star.dim_store, star.dim_currency, star.fact_clicks, star.fact_cart, star.fact_orders, star.fact_order_items, star.currency_rates, star.user_days, star.product_days, star.loads, star.loaded_days, star.sources, star.schema_version TO cartograph_loader;
REVOKE ALL ON FUNCTION star.make_leaf(text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION star.make_leaf(text, date) TO cartograph_loader;
REVOKE ALL ON FUNCTION star.attach_leaf(text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION star.attach_leaf(text, date) TO cartograph_loader;
REVOKE ALL ON FUNCTION star.join_month(text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION star.join_month(text, date) TO cartograph_loader;
INSERT INTO star.schema_version (version, settings) VALUES (2, '');
COMMIT;
