package import Streaming

struct AuctionOfBid: Mapping {
    func map(_ bid: Bid) -> Int64 { bid.auction }
}

struct BidderOfBid: Mapping {
    func map(_ bid: Bid) -> Int64 { bid.bidder }
}

/// How many bids an auction had in a window.
package struct HotItem: ResultRow {
    var auction: Int64
    var bids: Int64
    var start: Int64

    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(auction)
        fields.put(bids)
        fields.put(start)
    }
}

struct ByCount: Mapping {
    func map(_ result: WindowResult<Int64, Int64>) -> WindowTopRow<WindowResult<Int64, Int64>> {
        WindowTopRow(result, WindowScore(start: result.start, end: result.end, score: result.value))
    }
}

struct ToHotItem: Mapping {
    func map(_ row: WindowTopRow<WindowResult<Int64, Int64>>) -> HotItem {
        HotItem(auction: row.row.key, bids: row.row.value, start: row.score.start)
    }
}

/// The highest bid of a window.
package struct HighestBid: ResultRow {
    var bid: Bid

    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(bid.auction)
        fields.put(bid.bidder)
        fields.put(bid.price)
        fields.put(bid.dateTime)
        fields.put(bid.extra)
    }
}

/// A bid in its window of ten seconds. The query's BETWEEN takes in a window's end, so that a bid of that very moment is
/// also given where it equals the highest of the window before, whose highest it does not change.
struct ByPrice: FlatMapping {
    typealias Input = Bid
    typealias Output = WindowTopRow<Bid>

    func flatMap<Next: Receiver<Output> & ~Copyable>(
        _ bid: Bid, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        let span = WindowSpan.tumbling(Queries.tenSeconds)
        let start = span.lastStart(bid.dateTime)
        let score = WindowScore(start: start, end: start &+ span.size, score: bid.price)
        try next.receive(WindowTopRow(bid, score), at: time)
        if bid.dateTime == start {
            let before = WindowScore(start: start &- span.size, end: start, score: bid.price, counts: false)
            try next.receive(WindowTopRow(bid, before), at: time)
        }
    }
}

struct ToHighestBid: Mapping {
    func map(_ row: WindowTopRow<Bid>) -> HighestBid { HighestBid(bid: row.row) }
}

/// A person's part in q8.
struct NewPerson: Row {
    var id: Int64
    var name: TextRef
    var time: Int64

    @inline(__always)
    mutating func forEachText(_ body: (inout TextRef) -> Void) { body(&name) }
}

/// Somebody who came and sold something in the same window.
package struct NewSeller: ResultRow {
    var id: Int64
    var name: TextRef
    var start: Int64

    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(id)
        fields.put(name)
        fields.put(start)
    }
}

typealias PersonOrSale = Either<Keyed<Int64, NewPerson>, Keyed<Int64, Int64>>

/// People by id, and the times of auctions by seller.
struct PeopleAndSales: FlatMapping {
    typealias Input = NexmarkEvent
    typealias Output = PersonOrSale

    func flatMap<Next: Receiver<Output> & ~Copyable>(
        _ event: NexmarkEvent, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        switch event {
        case .person(let person):
            let new = NewPerson(id: person.id, name: person.name, time: person.dateTime)
            try next.receive(.left(Keyed(person.id, new)), at: time)
        case .auction(let auction):
            try next.receive(.right(Keyed(auction.seller, auction.dateTime)), at: time)
        case .bid: break
        }
    }
}

/// Once for each side, id and window.
struct SideAndWindow: Mapping {
    func map(_ element: PersonOrSale) -> Pair<Int64, Int64> {
        let span = WindowSpan.tumbling(Queries.tenSeconds)
        // Window starts are multiples of ten: the lowest digit tells the sides apart.
        return switch element {
        case .left(let person): Pair(person.key, span.lastStart(person.value.time))
        case .right(let sale): Pair(sale.key, span.lastStart(sale.value) &+ 1)
        }
    }
}

struct ToNewSeller: Mapping {
    func map(_ pair: Joined<NewPerson, Int64>) -> NewSeller {
        let span = WindowSpan.tumbling(Queries.tenSeconds)
        return NewSeller(id: pair.left.id, name: pair.left.name, start: span.lastStart(pair.left.time))
    }
}

/// How many bids somebody made in a session or a window.
package struct BidderCount: ResultRow {
    var bidder: Int64
    var bids: Int64
    var start: Int64
    var end: Int64

    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(bidder)
        fields.put(bids)
        fields.put(start)
        fields.put(end)
    }
}

struct SessionToCount: Mapping {
    func map(_ session: SessionResult<Int64, Int64>) -> BidderCount {
        BidderCount(
            bidder: session.key, bids: session.value, start: session.first, end: session.last &+ Queries.tenSeconds)
    }
}

struct WindowToCount: Mapping {
    func map(_ window: WindowResult<Int64, Int64>) -> BidderCount {
        BidderCount(bidder: window.key, bids: window.value, start: window.start, end: window.end)
    }
}

extension Queries {
    /// q5, hot items: the auctions with the most bids in the last 10 seconds, every 2 seconds.
    package static func q5<Sink: Receiver<HotItem> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, HotItem> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .bids()
            .keyBy(AuctionOfBid())
            .window(.hopping(size: tenSeconds, slide: 2_000), Count())
            .map(ByCount())
            .topOfWindow()
            .map(ToHotItem())
            .into(sink)
    }

    /// q7, highest bid: of each 10 seconds.
    package static func q7<Sink: Receiver<HighestBid> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, HighestBid> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .bids()
            .flatMap(ByPrice())
            .topOfWindow(grace: 1)
            .map(ToHighestBid())
            .into(sink)
    }

    /// q8, monitor new users: who came and sold something in the same 10 seconds.
    package static func q8<Sink: Receiver<NewSeller> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, NewSeller> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .flatMap(PeopleAndSales())
            .keyBy(SideAndWindow())
            .keepFirst(memory: tenSeconds)
            .join(in: .tumbling(tenSeconds))
            .map(ToNewSeller())
            .into(sink)
    }

    /// q11, user sessions: how many bids somebody makes without a pause of more than 10 seconds.
    package static func q11<Sink: Receiver<BidderCount> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, BidderCount> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .bids()
            .keyBy(BidderOfBid())
            .sessions(gap: tenSeconds, Count())
            .map(SessionToCount())
            .into(sink)
    }

    /// q12, processing time windows: how many bids somebody makes in each 10 seconds of arrival. Who runs it gives the
    /// arrival's time in the place of the event's.
    package static func q12<Sink: Receiver<BidderCount> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, BidderCount> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .bids()
            .keyBy(BidderOfBid())
            .window(.tumbling(tenSeconds), Count())
            .map(WindowToCount())
            .into(sink)
    }
}
