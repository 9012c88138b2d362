extension StarSchema {
    private static let id = ColumnType.text(bytes: 128)
    /// Words of the sender's choice are cut to 64 characters, which are at most so many bytes.
    private static let word = ColumnType.text(bytes: 256)
    private static let amount = ColumnType.decimal(digits: 18, scale: 4)
    private static let sum = ColumnType.decimal(digits: 38, scale: 4)
    private static let rate = ColumnType.decimal(digits: 18, scale: 6)

    /// The star schema of a shop.
    static let shop = StarSchema(
        dimensions: [
            Dimension(
                name: "dim_time", key: "time_key", keyType: .integer,
                natural: Column(
                    "hour_start", .instant, "When the hour began. An hour that a clock change repeats is two."),
                stagedAs: "hour_start", stage: "stage_hours", unknown: "'\(ever) 00:00:00+00'",
                attributes: hourAttributes, history: nil,
                comment: "The hours of the business calendar, in the shop's time zone."),
            Dimension(
                name: "dim_user", key: "user_key", keyType: .integer,
                natural: Column("user_id", id, "Who, as events say."), stagedAs: "user_id", stage: "stage_users",
                unknown: "''",
                attributes: [], history: users,
                comment: "Customers and visitors, a row for each version of one (slowly changing, type 2)."),
            Dimension(
                name: "dim_product", key: "product_key", keyType: .integer,
                natural: Column("product_id", id, "Which, as events say."), stagedAs: "product_id",
                stage: "stage_products", unknown: "''",
                attributes: [], history: products,
                comment: "Products, a row for each version of one (slowly changing, type 2)."),
            Dimension(
                name: "dim_channel", key: "channel_key", keyType: .smallint,
                natural: Column("channel", word, "shopee, lazada, tiki, website, store, or unknown."),
                stagedAs: "channel", stage: "stage_channels", unknown: "'unknown'", attributes: [], history: nil,
                comment: "Sales channels."),
            Dimension(
                name: "dim_store", key: "store_key", keyType: .integer,
                natural: Column("store_id", id, "Which, as events say, or unknown."),
                stagedAs: "store_id", stage: "stage_stores", unknown: "'unknown'", attributes: [], history: nil,
                comment: "Stores."),
            Dimension(
                name: "dim_currency", key: "currency_key", keyType: .smallint,
                natural: Column("currency", .text(bytes: 3), "ISO 4217; XXX, its code for none, is the unknown one."),
                stagedAs: "currency", stage: "stage_currencies", unknown: "'XXX'", attributes: [], history: nil,
                comment: "Currencies."),
        ],
        facts: [clicks, cart, orders, orderItems],
        stages: [
            Stage(name: "stage_hours", columns: [Column("hour_start", .instant)] + hourAttributes),
            Stage(name: "stage_users", columns: [Column("user_id", id)] + users.attributes.map(optional)),
            Stage(name: "stage_products", columns: [Column("product_id", id)] + products.attributes.map(optional)),
            Stage(name: "stage_rates", columns: [Column("currency", .text(bytes: 3))] + rates),
            Stage(name: "stage_channels", columns: [Column("channel", word)]),
            Stage(name: "stage_stores", columns: [Column("store_id", id)]),
            Stage(name: "stage_currencies", columns: [Column("currency", .text(bytes: 3))]),
            stage(of: clicks), stage(of: cart), stage(of: orders), stage(of: orderItems),
        ], books: books)

    // MARK: - Dimensions

    private static let hourAttributes = [
        Column("business_day", .date, "The date in the business time zone."),
        Column("hour_of_day", .smallint, "0 to 23 of the business clock."),
        Column("utc_offset_minutes", .smallint, "The business clock less UTC."),
        Column("day_of_week", .smallint, "1 for Monday to 7 for Sunday."),
        Column("day_of_month", .smallint), Column("day_of_year", .smallint),
        Column("iso_week", .smallint), Column("iso_year", .smallint, "The year that iso_week counts in."),
        Column("month", .smallint), Column("quarter", .smallint), Column("year", .smallint),
        Column("month_start", .date, "The first day of the month."),
        Column("is_weekend", .boolean, "Saturday or Sunday."),
    ]

    private static let users = History(
        days: "user_days",
        lasting: [Column("country", word, isOptional: true, "The last one that an event named.")],
        everTrue: [Column("is_customer", .boolean, "Whether there was an order until then.")])

    private static let products = History(
        days: "product_days",
        lasting: [
            Column("list_price", amount, isOptional: true, "The last price in the reporting currency."),
            Column("unit_cost", amount, isOptional: true, "The last one of a receipt."),
        ], everTrue: [])

    private static func optional(_ column: Column) -> Column {
        Column(column.name, column.type, isOptional: true, column.comment)
    }

    // MARK: - Facts

    private static let head: [(Column, Origin)] = [
        (Column("business_day", .date, "The date in the business time zone."), .day),
        (Column("log_partition", .integer, "Where the event stands in the log, "), .staged),
        (Column("log_offset", .bigint, "which is what tells two of them apart."), .staged),
        (Column("time_key", .integer), .key("dim_time")),
        (Column("user_key", .integer), .key("dim_user")),
    ]
    private static let product: (Column, Origin) = (Column("product_key", .integer), .key("dim_product"))
    private static let channel: (Column, Origin) = (Column("channel_key", .smallint), .key("dim_channel"))
    private static let store: (Column, Origin) = (Column("store_key", .integer), .key("dim_store"))
    private static let currency: (Column, Origin) = (Column("currency_key", .smallint), .key("dim_currency"))

    private static func staged(
        _ name: String, _ type: ColumnType, isOptional: Bool = false, _ comment: String = ""
    ) -> (Column, Origin) {
        (Column(name, type, isOptional: isOptional, comment), .staged)
    }

    private static let event = [
        staged("happened_at", .instant, "When, says the sender."),
        staged("event_id", id, "The sender's id of the event."),
        staged("session_id", id, "The tracker's id of the session."), bot,
    ]
    private static var bot: (Column, Origin) {
        staged("is_bot", .boolean, "Whether the user behaved like a program on that day.")
    }
    private static let converted =
        "in the reporting currency at the day's rate (currency_rates); null where none is known."

    private static let clicks = Fact(
        name: "fact_clicks", stage: "stage_clicks",
        columns: head + [product, channel, store] + event + [
            staged("device", word, isOptional: true), staged("country", word, isOptional: true),
            staged("campaign", word, isOptional: true),
            staged("dwell_ms", .bigint, isOptional: true, "Milliseconds on the page."),
        ], primaryKey: ["log_offset", "log_partition", "business_day"], indexes: ["user_key", "product_key"],
        comment: "Product views, a row for each.")

    private static let cart = Fact(
        name: "fact_cart", stage: "stage_cart",
        columns: head + [product, channel, currency] + event + [
            staged("action", .text(bytes: 8), "add, update or remove."), staged("quantity", .integer),
            staged("unit_price", amount, isOptional: true),
        ], primaryKey: ["log_offset", "log_partition", "business_day"], indexes: ["user_key", "product_key"],
        comment: "Changes of carts, a row for each.")

    private static let orders = Fact(
        name: "fact_orders", stage: "stage_orders",
        columns: head + [channel, store, currency] + event + [
            staged("order_id", id, isOptional: true), staged("country", word, isOptional: true),
            staged("units", .bigint, "Pieces."),
            staged("gmv", sum, "Items before discount, without shipping and tax, in the order's currency."),
            staged("discount", amount), staged("revenue", amount, "What was paid, in the order's currency."),
            staged("reporting_gmv", sum, isOptional: true, "GMV " + converted),
            staged("reporting_discount", sum, isOptional: true, "Discount " + converted),
            staged("reporting_revenue", sum, isOptional: true, "Revenue " + converted),
        ], primaryKey: ["log_offset", "log_partition", "business_day"], indexes: ["user_key"],
        comment: "Orders, a row for each: of repeated ones the first to arrive.")

    private static let orderItems = Fact(
        name: "fact_order_items", stage: "stage_order_items",
        columns: head + [product, channel, store, currency] + [
            staged("item_number", .integer, "Its place in the order, from 1."),
            staged("event_id", id, "The event_id of the order's purchase."),
            staged("order_id", id, isOptional: true), staged("quantity", .integer), staged("unit_price", amount),
            staged("amount", sum, "quantity × unit_price."),
            staged("reporting_amount", sum, isOptional: true, "The amount " + converted), bot,
        ], primaryKey: ["log_offset", "log_partition", "business_day", "item_number"],
        indexes: ["user_key", "product_key"], comment: "What the orders hold, a row for each item.")

    /// A fact's rows as they come: natural values in the place of keys.
    private static func stage(of fact: Fact) -> Stage {
        let naturals = [
            "time_key": Column("hour_start", .instant), "user_key": Column("user_id", id),
            "product_key": Column("product_id", id), "channel_key": Column("channel", word, isOptional: true),
            "store_key": Column("store_id", id, isOptional: true),
            "currency_key": Column("currency", .text(bytes: 3), isOptional: true),
        ]
        return Stage(
            name: fact.stage,
            columns: fact.columns.compactMap { column, origin in
                switch origin {
                case .day: nil
                case .staged: column
                case .key: naturals[column.name]
                }
            })
    }

    // MARK: - Books

    private static func days(_ name: String, of natural: Column, _ history: History) -> Book {
        Book(
            name: name, columns: [Column("business_day", .date), natural] + history.attributes.map(optional),
            primaryKey: ["business_day", natural.name], identity: nil, indexes: [natural.name],
            comment: "What each business day told; the versions follow from it.")
    }

    private static let rates = [
        Column("rate_per_eur", rate, isOptional: true, "Units of the currency for one euro."),
        Column("rate_date", .date, isOptional: true, "Of which day that is: the last one known on the business day."),
        Column("reporting_currency", .text(bytes: 3)),
        Column("reporting_rate_per_eur", rate, isOptional: true, "Units of the reporting currency for one euro."),
        Column("reporting_rate_date", .date, isOptional: true),
    ]

    private static let books = [
        Book(
            name: "currency_rates",
            columns: [Column("business_day", .date), Column("currency_key", .smallint)] + rates,
            primaryKey: ["business_day", "currency_key"], identity: nil, indexes: [],
            comment: "The rates that a day's amounts were converted with, by currency of dim_currency."),
        days("user_days", of: Column("user_id", id), users),
        days("product_days", of: Column("product_id", id), products),
        Book(
            name: "loads",
            columns: [
                Column("load_key", .bigint), Column("business_day", .date),
                Column("sources", .text(bytes: 4_096), "The lake's snapshots that the day was made from, as JSON."),
                Column("clicks", .bigint, "Rows of the day, after the load."), Column("carts", .bigint),
                Column("orders", .bigint), Column("order_items", .bigint),
                Column("loaded_at", .instant), Column("loaded_by", word),
            ], primaryKey: ["load_key"], identity: "load_key", indexes: [],
            comment: "Every load of a business day, a row in the transaction that did it."),
        Book(
            name: "loaded_days",
            columns: [
                Column("business_day", .date), Column("load_key", .bigint), Column("sources", .text(bytes: 4_096)),
            ],
            primaryKey: ["business_day"], identity: nil, indexes: [], comment: "The last load of each business day."),
        Book(
            name: "sources",
            columns: [Column("source", word), Column("snapshot_id", .bigint)],
            primaryKey: ["source"], identity: nil, indexes: [],
            comment: "The snapshots of the lake's tables up to which every day is loaded."),
        Book(
            name: "schema_version", columns: [Column("version", .integer), Column("settings", word)],
            primaryKey: ["version"], identity: nil, indexes: [], comment: "Which description the tables were made from."
        ),
    ]
}
