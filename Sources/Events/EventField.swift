/// Every field of an event that Cartograph knows, in the order in which they become columns.
///
/// Fields outside this list are kept in the raw bytes and never cause a rejection.
public enum EventField: UInt8, CaseIterable, Sendable {
    // Strings come first: their raw values are row numbers of the batch's string columns.
    case eventID, userID, sessionID, productID, page, referrer, query, action, orderID, currency, channel, storeID
    case device, country, campaign, coupon, paymentMethod, ip, status, previousStatus, warehouseID, carrier, reason
    case lotID, card, address, deviceID
    // Integers.
    case quantity, results, dwellMS, change
    // Money.
    case unitPrice, totalAmount, discount, shipping, tax, unitCost
    // The rest, each with columns of its own.
    case ts, items, type

    /// How many string fields there are.
    static let stringCount = Int(EventField.deviceID.rawValue) + 1
    /// How many integer fields there are.
    static let integerCount = 4
    /// How many money fields there are.
    static let moneyCount = 6

    /// The name in the JSON object and the column name in the tables.
    public var name: String { EventField.names[Int(rawValue)] }

    private static let names = [
        "event_id", "user_id", "session_id", "product_id", "page", "referrer", "query", "action", "order_id",
        "currency", "channel", "store_id", "device", "country", "campaign", "coupon", "payment_method", "ip",
        "status", "previous_status", "warehouse_id", "carrier", "reason", "lot_id",
        "card", "address", "device_id",
        "quantity", "results", "dwell_ms", "change",
        "unit_price", "total_amount", "discount", "shipping", "tax", "unit_cost",
        "ts", "items", "type",
    ]

    /// What a value of this field has to be.
    public enum Kind: Sendable {
        /// A non-empty string of at most `EventLimits.idBytes` bytes.
        case id
        /// A string of any length; may be empty.
        case text
        /// One of a closed list of words.
        case word
        /// An ISO 4217 code.
        case currency
        /// A JSON integer.
        case integer
        /// A decimal with up to four places, in ten-thousandths.
        case money
        /// An instant, in microseconds since 1970 UTC.
        case timestamp
        /// The list of purchased items.
        case items
        /// The event's type.
        case type
    }

    /// The kind of this field's values.
    public var kind: Kind {
        switch self {
        case .eventID, .userID, .sessionID, .productID, .orderID, .storeID, .warehouseID, .lotID, .card,
            .address, .deviceID:
            .id
        case .page, .referrer, .query, .device, .country, .campaign, .coupon, .paymentMethod, .ip, .carrier, .reason:
            .text
        case .action, .channel, .status, .previousStatus: .word
        case .currency: .currency
        case .quantity, .results, .dwellMS, .change: .integer
        case .unitPrice, .totalAmount, .discount, .shipping, .tax, .unitCost: .money
        case .ts: .timestamp
        case .items: .items
        case .type: .type
        }
    }

    /// This field as one bit of a `FieldSet`.
    @inlinable public var bit: UInt64 { 1 << UInt64(rawValue) }

    /// The row of this integer field in the batch's integer columns.
    @inlinable var integerIndex: Int { Int(rawValue) &- Int(EventField.quantity.rawValue) }
    /// The row of this money field in the batch's money columns.
    @inlinable var moneyIndex: Int { Int(rawValue) &- Int(EventField.unitPrice.rawValue) }
}

/// A set of fields, one bit each.
public typealias FieldSet = UInt64

/// What the contract says of one event type: its required and its optional fields, in the order of the columns.
public struct EventSchema: Sendable {
    /// The event type described.
    public let type: EventType
    /// The fields without which an event of this type is rejected.
    public let required: [EventField]
    /// The fields that may be absent or null.
    public let optional: [EventField]
    /// The required fields as bits.
    public let requiredSet: FieldSet
    /// All fields of this type as bits.
    public let knownSet: FieldSet

    /// Required fields, then optional ones: the order of the typed columns in the tables.
    public var columns: [EventField] { required + optional }

    init(_ type: EventType, required: [EventField], optional: [EventField]) {
        self.type = type
        self.required = required
        self.optional = optional
        requiredSet = required.reduce(0) { $0 | $1.bit }
        knownSet = optional.reduce(requiredSet) { $0 | $1.bit }
    }

    /// The schema of an event type.
    public static func of(_ type: EventType) -> EventSchema { all[Int(type.rawValue)] }

    private static let all: [EventSchema] = [
        EventSchema(
            .click, required: [.eventID, .userID, .sessionID, .productID, .ts, .page, .referrer],
            optional: [.channel, .storeID, .device, .country, .campaign, .dwellMS]),
        EventSchema(
            .search, required: [.eventID, .userID, .sessionID, .ts, .query], optional: [.results, .channel, .device]),
        EventSchema(
            .cart, required: [.eventID, .userID, .sessionID, .productID, .quantity, .ts],
            optional: [.action, .unitPrice, .currency, .channel]),
        EventSchema(
            .wishlist, required: [.eventID, .userID, .productID, .ts, .action], optional: [.sessionID, .channel]),
        EventSchema(
            .purchase, required: [.eventID, .userID, .sessionID, .items, .totalAmount, .currency, .ts],
            optional: [
                .orderID, .discount, .shipping, .tax, .coupon, .paymentMethod, .channel, .storeID, .country, .device,
                .ip, .card, .address, .deviceID,
            ]),
        EventSchema(
            .orderStatus, required: [.eventID, .orderID, .userID, .status, .ts],
            optional: [.previousStatus, .warehouseID, .carrier]),
        EventSchema(
            .stock, required: [.eventID, .productID, .warehouseID, .change, .ts, .reason],
            optional: [.unitCost, .lotID]),
    ]
}

/// The closed lists of words in the contract.
public enum EventWords {
    /// The sales channels.
    public static let channels = ["shopee", "lazada", "tiki", "website", "store"]
    /// The states of an order.
    public static let statuses = ["pending", "paid", "packed", "shipped", "delivered", "cancelled", "returned"]
    /// What a cart event may do; `add` where absent.
    public static let cartActions = ["add", "update", "remove"]
    /// What a wishlist event may do.
    public static let wishlistActions = ["add", "remove"]
}
