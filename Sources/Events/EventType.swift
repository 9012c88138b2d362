/// The kinds of event a shop can send, named by the `type` field of the JSON object.
public enum EventType: UInt8, CaseIterable, Sendable {
    case click, search, cart, wishlist, purchase, orderStatus, stock

    /// The word in the event's `type` field.
    public var name: String {
        switch self {
        case .click: "click"
        case .search: "search"
        case .cart: "cart"
        case .wishlist: "wishlist"
        case .purchase: "purchase"
        case .orderStatus: "order_status"
        case .stock: "stock"
        }
    }

    /// The topic of the log, and the bronze table, that holds events of this type.
    public var topic: Topic {
        switch self {
        case .click: .clicks
        case .search: .searches
        case .cart: .carts
        case .wishlist: .wishlists
        case .purchase: .purchases
        case .orderStatus: .orders
        case .stock: .stock
        }
    }
}

/// The topics of the log: one for each event type, and one for what was rejected.
public enum Topic: UInt8, CaseIterable, Sendable, Hashable {
    case clicks, searches, carts, wishlists, purchases, orders, stock, quarantine

    /// The topic's name, as it appears in folders, tables and metrics.
    public var name: String {
        switch self {
        case .clicks: "clicks"
        case .searches: "searches"
        case .carts: "carts"
        case .wishlists: "wishlists"
        case .purchases: "purchases"
        case .orders: "orders"
        case .stock: "stock"
        case .quarantine: "quarantine"
        }
    }

    /// The type of the events in this topic; nil for the quarantine.
    public var eventType: EventType? {
        switch self {
        case .clicks: .click
        case .searches: .search
        case .carts: .cart
        case .wishlists: .wishlist
        case .purchases: .purchase
        case .orders: .orderStatus
        case .stock: .stock
        case .quarantine: nil
        }
    }

    /// The topics that hold accepted events.
    public static let events: [Topic] = allCases.filter { $0 != .quarantine }

    /// The topic of that name, if there is one.
    public init?(name: String) {
        guard let topic = Topic.allCases.first(where: { $0.name == name }) else { return nil }
        self = topic
    }
}
