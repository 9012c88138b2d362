/// What one event is to its session.
package struct Visit: BitwiseCopyable {
    /// When it happened and where it stands in the log: what the first and the last are told by.
    package struct Place: BitwiseCopyable, Equatable {
        var time: Int64
        var receivedAt: Int64
        var offset: Int64
        var partition: Int32

        static let first = Place(time: .min, receivedAt: .min, offset: .min, partition: .min)
        static let last = Place(time: .max, receivedAt: .max, offset: .max, partition: .max)

        @inline(__always)
        static func < (left: Place, right: Place) -> Bool {
            if left.time != right.time { return left.time < right.time }
            return (left.receivedAt, left.partition, left.offset) < (right.receivedAt, right.partition, right.offset)
        }
    }

    /// What kind of step it is.
    enum Step: UInt8 {
        case other, click, cart, order
    }

    var place: Place
    /// The hash of a click's page.
    var page: UInt64
    var step: UInt8
    var channel: UInt8
}

/// What is known of a session's events.
package struct VisitSum: BitwiseCopyable {
    var entry = Visit.Place.last
    var exit = Visit.Place.first
    /// The pages of the first and the last click; zero where there was none.
    var entryPage: UInt64 = 0
    var exitPage: UInt64 = 0
    var events: Int32 = 0
    var clicks: Int32 = 0
    var carts: Int32 = 0
    /// Counted purchases.
    var orders: Int32 = 0
    var channel: UInt8 = 0
}

/// Sums up the events of a session, in whatever order they come.
struct VisitAggregate: Aggregate {
    typealias Input = Visit
    typealias Partial = VisitSum
    typealias Output = VisitSum

    var empty: VisitSum { VisitSum() }

    @inline(__always)
    func add(_ element: Visit, to partial: inout VisitSum) {
        partial.events &+= 1
        partial.channel = element.channel
        switch element.step {
        case Visit.Step.click.rawValue:
            partial.clicks &+= 1
            if element.place < partial.entry {
                partial.entry = element.place
                partial.entryPage = element.page
            }
            if partial.exit < element.place {
                partial.exit = element.place
                partial.exitPage = element.page
            }
        case Visit.Step.cart.rawValue: partial.carts &+= 1
        case Visit.Step.order.rawValue: partial.orders &+= 1
        default: break
        }
    }

    func merge(_ other: VisitSum, into partial: inout VisitSum) {
        partial.events &+= other.events
        partial.clicks &+= other.clicks
        partial.carts &+= other.carts
        partial.orders &+= other.orders
        if other.events > 0 { partial.channel = other.channel }
        if other.entry < partial.entry {
            partial.entry = other.entry
            partial.entryPage = other.entryPage
        }
        if partial.exit < other.exit {
            partial.exit = other.exit
            partial.exitPage = other.exitPage
        }
    }

    func result(_ partial: VisitSum) -> VisitSum { partial }
}
