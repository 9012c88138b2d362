/// The kinds of event that the simulated shop sends.
public enum SimulatedKind: UInt8, CaseIterable, Sendable {
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
}

/// Where the simulated shop sells.
public enum SimulatedChannel: UInt8, CaseIterable, Sendable {
    case shopee, lazada, tiki, website, store

    /// The word in an event's `channel` field.
    public var name: String {
        switch self {
        case .shopee: "shopee"
        case .lazada: "lazada"
        case .tiki: "tiki"
        case .website: "website"
        case .store: "store"
        }
    }
}

/// What is wrong with a malformed line.
public enum MalformedKind: UInt8, CaseIterable, Sendable {
    case truncated, unknownType, missingUser, numericProduct, badTimestamp, badMoney, badCurrency, emptyItems
    case badQuantity, badUTF8

    /// The reason for which the contract has it rejected.
    public var reason: String {
        switch self {
        case .truncated: "not_json"
        case .unknownType: "unknown_type"
        case .missingUser: "missing_field:user_id"
        case .numericProduct: "wrong_type:product_id"
        case .badTimestamp: "bad_timestamp"
        case .badMoney: "bad_money"
        case .badCurrency: "bad_currency"
        case .emptyItems: "empty_items"
        case .badQuantity: "bad_quantity"
        case .badUTF8: "bad_utf8"
        }
    }
}

/// What one channel sold.
public struct ChannelTotals: Equatable, Sendable {
    /// Events that name the channel: clicks, searches, carts, wishlists, purchases.
    public internal(set) var events = 0
    /// Orders.
    public internal(set) var orders = 0
    /// Pieces sold.
    public internal(set) var units = 0
    /// What customers paid, in cents.
    public internal(set) var revenueCents: Int64 = 0
}

/// The truth about the lines written so far, for whoever checks a platform's numbers: exact, in cents.
public struct SimulationTotals: Equatable, Sendable {
    /// Lines of every sort: `events` + `duplicates` + `malformed`.
    public internal(set) var lines = 0
    /// Distinct, well-formed events.
    public internal(set) var events = 0
    /// Sessions whose first event was written.
    public internal(set) var sessions = 0
    /// Orders, which is purchases.
    public internal(set) var orders = 0
    /// Pieces sold.
    public internal(set) var units = 0
    /// Σ quantity × unit price, in cents: the gross merchandise value.
    public internal(set) var itemsCents: Int64 = 0
    /// Σ discount, in cents.
    public internal(set) var discountCents: Int64 = 0
    /// Σ shipping, in cents.
    public internal(set) var shippingCents: Int64 = 0
    /// Σ tax, in cents.
    public internal(set) var taxCents: Int64 = 0
    /// Σ total_amount, in cents: items − discount + shipping + tax. Cancelled and returned orders are in it.
    public internal(set) var revenueCents: Int64 = 0
    /// Copies of events written before, with the same bytes.
    public internal(set) var duplicates = 0
    /// Events among `events` that were written `lateBy` after their time.
    public internal(set) var late = 0
    /// Lines that must be rejected.
    public internal(set) var malformed = 0

    private var byKind = [Int](repeating: 0, count: SimulatedKind.allCases.count)
    private var byChannel = [ChannelTotals](repeating: ChannelTotals(), count: SimulatedChannel.allCases.count)
    private var byMalformedKind = [Int](repeating: 0, count: MalformedKind.allCases.count)

    /// Distinct, well-formed events of one kind.
    public subscript(_ kind: SimulatedKind) -> Int { byKind[Int(kind.rawValue)] }
    /// What one channel sold.
    public subscript(_ channel: SimulatedChannel) -> ChannelTotals { byChannel[Int(channel.rawValue)] }
    /// Malformed lines of one kind.
    public subscript(_ kind: MalformedKind) -> Int { byMalformedKind[Int(kind.rawValue)] }

    // MARK: - Counting

    @inline(__always)
    mutating func count(_ facts: LineFacts) {
        lines += 1
        events += 1
        byKind[Int(facts.kind.rawValue)] += 1
        if facts.opensSession { sessions += 1 }
        if let channel = facts.channel { byChannel[Int(channel.rawValue)].events += 1 }
        if facts.kind == .purchase { count(facts.bill, facts.channel) }
    }

    private mutating func count(_ bill: Bill, _ channel: SimulatedChannel?) {
        orders += 1
        units += bill.units
        itemsCents += bill.items
        discountCents += bill.discount
        shippingCents += bill.shipping
        taxCents += bill.tax
        revenueCents += bill.total
        guard let channel else { return }
        byChannel[Int(channel.rawValue)].orders += 1
        byChannel[Int(channel.rawValue)].units += bill.units
        byChannel[Int(channel.rawValue)].revenueCents += bill.total
    }

    mutating func countDuplicate() {
        lines += 1
        duplicates += 1
    }

    mutating func count(_ kind: MalformedKind) {
        lines += 1
        malformed += 1
        byMalformedKind[Int(kind.rawValue)] += 1
    }
}

/// What a purchase comes to, in cents.
struct Bill: Sendable, Equatable {
    var units = 0
    var items: Int64 = 0
    var discount: Int64 = 0
    var shipping: Int64 = 0
    var tax: Int64 = 0
    /// What the customer pays.
    var total: Int64 { items - discount + shipping + tax }
}

/// What the totals need to know of a line.
struct LineFacts: Sendable {
    var kind: SimulatedKind
    var channel: SimulatedChannel?
    var opensSession = false
    var bill = Bill()
}
