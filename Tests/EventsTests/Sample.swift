import Events

/// A valid event as pairs of a field's name and its JSON, to be changed one field at a time.
struct Sample {
    var pairs: [(key: String, json: String)]

    /// The contract's table, written down a second time: what the decoder knows must agree with it.
    static let contract: [(type: EventType, required: [String], optional: [String])] = [
        (
            .click, ["event_id", "user_id", "session_id", "product_id", "ts", "page", "referrer"],
            ["channel", "store_id", "device", "country", "campaign", "dwell_ms"]
        ),
        (.search, ["event_id", "user_id", "session_id", "ts", "query"], ["results", "channel", "device"]),
        (
            .cart, ["event_id", "user_id", "session_id", "product_id", "quantity", "ts"],
            ["action", "unit_price", "currency", "channel"]
        ),
        (.wishlist, ["event_id", "user_id", "product_id", "ts", "action"], ["session_id", "channel"]),
        (
            .purchase, ["event_id", "user_id", "session_id", "items", "total_amount", "currency", "ts"],
            [
                "order_id", "discount", "shipping", "tax", "coupon", "payment_method", "channel", "store_id",
                "country", "device", "ip", "card", "address", "device_id",
            ]
        ),
        (
            .orderStatus, ["event_id", "order_id", "user_id", "status", "ts"],
            ["previous_status", "warehouse_id", "carrier"]
        ),
        (
            .stock, ["event_id", "product_id", "warehouse_id", "change", "ts", "reason"], ["unit_cost", "lot_id"]
        ),
    ]

    static let names = [
        EventType.click: "click", .search: "search", .cart: "cart", .wishlist: "wishlist", .purchase: "purchase",
        .orderStatus: "order_status", .stock: "stock",
    ]

    /// A good value for each field.
    static func json(_ field: String) -> String {
        switch field {
        case "ts": "\"2026-01-02T03:04:05.678Z\""
        case "quantity", "results", "change", "dwell_ms": "3"
        case "unit_price", "unit_cost", "discount", "shipping", "tax": "\"1.50\""
        case "total_amount": "21.25"
        case "currency": "\"VND\""
        case "channel": "\"lazada\""
        case "action": "\"add\""
        case "status", "previous_status": "\"shipped\""
        case "referrer": "\"\""
        case "items":
            """
            [{"product_id":"p-1","quantity":2,"unit_price":"10.00"},{"product_id":"p-2","quantity":1,"unit_price":1.25}]
            """
        default: "\"the \(field)\""
        }
    }

    init(_ type: EventType, all: Bool = false) {
        let row = Sample.contract[Int(type.rawValue)]
        let fields = all ? row.required + row.optional : row.required
        pairs = [("type", "\"\(Sample.names[type] ?? "")\"")] + fields.map { ($0, Sample.json($0)) }
    }

    func with(_ key: String, _ json: String) -> Sample {
        var copy = self
        if let index = copy.pairs.firstIndex(where: { $0.key == key }) {
            copy.pairs[index].json = json
        } else {
            copy.pairs.append((key, json))
        }
        return copy
    }

    func without(_ key: String) -> Sample {
        var copy = self
        copy.pairs.removeAll { $0.key == key }
        return copy
    }

    var text: String { "{" + pairs.map { "\"\($0.key)\":\($0.json)" }.joined(separator: ",") + "}" }

    var verdict: Verdict { decode(text) }
}
