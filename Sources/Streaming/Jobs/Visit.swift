/// What one event is to its session.
package struct Visit: BitwiseCopyable {
    /// When it happened and where it stands in its partition: what the first and the last are told by. A user's events are
    /// in one partition.
    package struct Place: BitwiseCopyable, Equatable {
        var time: Int64
        var offset: Int64

        @inline(__always)
        static func < (left: Place, right: Place) -> Bool {
            left.time != right.time ? left.time < right.time : left.offset < right.offset
        }
    }

    /// What kind of step it is.
    enum Step: UInt8 {
        case other, click, cart, order
    }

    var place: Place
    /// The hash of a click's page.
    var page: UInt64
    /// What an order paid in the reporting currency, in ten-thousandths.
    var amount: Int64
    var step: UInt8
    var channel: UInt8
}

/// What is known of a session's events.
package struct VisitSum: BitwiseCopyable {
    /// A page of the session and the click that it is of; no page (zero) where there was no click.
    struct Landing: BitwiseCopyable {
        var place: Visit.Place
        var page: UInt64 = 0
    }

    // What most events change comes first, in one cache line with the session's times.
    /// The last click's.
    var exit = Landing(place: Visit.Place(time: .min, offset: .min))
    var events: Int32 = 0
    var channel: UInt8 = 0
    var carts: Int32 = 0
    /// Counted purchases.
    var orders: Int32 = 0
    /// The first click's.
    var entry = Landing(place: Visit.Place(time: .max, offset: .max))
    /// What counted purchases paid in the reporting currency, in ten-thousandths.
    var revenue: Int64 = 0

    @inline(__always)
    fileprivate mutating func land(_ landing: Landing) {
        if exit.place < landing.place {
            // The first click of all is both.
            if exit.place.time == .min { entry = landing }
            exit = landing
        } else if landing.place < entry.place {
            entry = landing
        }
    }
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
        case Visit.Step.click.rawValue: partial.land(VisitSum.Landing(place: element.place, page: element.page))
        case Visit.Step.cart.rawValue: partial.carts &+= 1
        case Visit.Step.order.rawValue:
            partial.orders &+= 1
            partial.revenue = partial.revenue.addingSaturated(element.amount)
        default: break
        }
    }

    func merge(_ other: VisitSum, into partial: inout VisitSum) {
        partial.events &+= other.events
        partial.carts &+= other.carts
        partial.orders &+= other.orders
        partial.revenue = partial.revenue.addingSaturated(other.revenue)
        if other.events > 0 { partial.channel = other.channel }
        if other.entry.place < partial.entry.place { partial.entry = other.entry }
        if partial.exit.place < other.exit.place { partial.exit = other.exit }
    }

    func result(_ partial: VisitSum) -> VisitSum { partial }
}
