/// An order from the purchase until nothing more can happen to it.
struct Order: Sendable {
    /// The states of an order, in the order of `Market.statuses`.
    enum Status: UInt8 {
        case pending, paid, packed, shipped, delivered, cancelled, returned
    }

    /// The most orders on their way at a time; past that the oldest are hurried.
    static let countMax = 131_072

    var number: UInt64
    var customer: UInt32
    var cart: Cart
    /// The state it is in; nil before the first.
    var status: Status?
    /// The state it goes to next.
    var next = Status.pending
    var warehouse: UInt8
    var carrier: UInt8
    var isInStore: Bool
    /// What is behind it.
    var kind: FraudKind
}

/// A change of what lies on a shelf.
struct StockMove: Sendable {
    /// Why it changed.
    enum Reason: UInt8 {
        case sale, restock, cancellation, customerReturn
    }

    var product: UInt32
    var change: Int32
    var reason: Reason
}

/// The stock moves that one order causes, written in the turns after it.
struct StockMoves: Sendable {
    private var moves: [StockMove] = []
    private var head = 0

    mutating func add(_ move: StockMove) {
        moves.append(move)
    }

    @inline(__always)
    mutating func takeFirst() -> StockMove? {
        guard head < moves.count else { return nil }
        let move = moves[head]
        head += 1
        if head == moves.count {
            moves.removeAll(keepingCapacity: true)
            head = 0
        }
        return move
    }
}
