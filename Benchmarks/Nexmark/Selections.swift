package import Streaming

/// The bids among the events.
struct Bids: FlatMapping {
    typealias Input = NexmarkEvent
    typealias Output = Bid

    func flatMap<Next: Receiver<Bid> & ~Copyable>(
        _ event: NexmarkEvent, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        if case .bid(let bid) = event { try next.receive(bid, at: time) }
    }
}

extension Operator where Self: ~Copyable, Output == NexmarkEvent {
    /// The bids among the events.
    consuming func bids() -> Then<Self, FlatMap<Bids>> { flatMap(Bids()) }
}

/// A bid with its price in another currency, as q0 and q1 give it: thousandths of a cent, exactly.
package struct PricedBid: ResultRow {
    var bid: Bid
    var price: Int64

    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(bid.auction)
        fields.put(bid.bidder)
        fields.put(price)
        fields.put(bid.dateTime)
        fields.put(bid.extra)
    }
}

struct AsItIs: Mapping {
    func map(_ bid: Bid) -> PricedBid { PricedBid(bid: bid, price: bid.price) }
}

struct InEuros: Mapping {
    /// 0.908 euros to the dollar, the query's rate.
    func map(_ bid: Bid) -> PricedBid { PricedBid(bid: bid, price: bid.price &* 908) }
}

struct Every123rdAuction: Predicate {
    func isKept(_ bid: Bid) -> Bool { bid.auction % 123 == 0 }
}

/// An auction and a price.
package struct AuctionPrice: ResultRow {
    var auction: Int64
    var price: Int64

    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(auction)
        fields.put(price)
    }
}

struct ToAuctionPrice: Mapping {
    func map(_ bid: Bid) -> AuctionPrice { AuctionPrice(auction: bid.auction, price: bid.price) }
}

/// A bid with the folders of its address.
package struct BidWithFolders: ResultRow {
    var bid: Bid
    var first: TextRef
    var second: TextRef
    var third: TextRef

    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(bid.auction)
        fields.put(bid.bidder)
        fields.put(bid.price)
        fields.put(bid.channel)
        fields.put(first)
        fields.put(second)
        fields.put(third)
    }
}

struct SplitURL: Mapping {
    func map(_ bid: Bid) -> BidWithFolders {
        // The parts between slashes, counted from 0; https: and nothing and the host come first.
        var parts = PartsOfText(bid.url, separator: UInt8(ascii: "/"))
        parts.skip(3)
        return BidWithFolders(bid: bid, first: parts.next(), second: parts.next(), third: parts.next())
    }
}

/// The parts of a text between separators; nothing where there are no more.
struct PartsOfText {
    private let text: TextRef
    private let separator: UInt8
    private var offset = 0

    init(_ text: TextRef, separator: UInt8) {
        self.text = text
        self.separator = separator
    }

    mutating func skip(_ parts: Int) {
        for _ in 0..<parts { _ = next() }
    }

    mutating func next() -> TextRef {
        guard offset <= text.count else { return .none }
        let start = offset
        while offset < text.count && text.base[offset] != separator { offset += 1 }
        defer { offset += 1 }
        return TextRef(text.base + start, offset - start)
    }
}

extension Queries {
    /// q0, pass through: every bid.
    package static func q0<Sink: Receiver<PricedBid> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, PricedBid> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .bids()
            .map(AsItIs())
            .into(sink)
    }

    /// q1, currency conversion: every bid with its price in euros.
    package static func q1<Sink: Receiver<PricedBid> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, PricedBid> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .bids()
            .map(InEuros())
            .into(sink)
    }

    /// q2, selection: the prices of bids on every 123rd auction.
    package static func q2<Sink: Receiver<AuctionPrice> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, AuctionPrice> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .bids()
            .filter(Every123rdAuction())
            .map(ToAuctionPrice())
            .into(sink)
    }

    /// q22, address folders: every bid with the three folders of its address.
    package static func q22<Sink: Receiver<BidWithFolders> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, BidWithFolders> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .bids()
            .map(SplitURL())
            .into(sink)
    }
}
