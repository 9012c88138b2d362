package import Streaming

/// A seller, as q3 shows him.
struct Seller: Row {
    var name: TextRef
    var city: TextRef
    var state: TextRef

    @inline(__always)
    mutating func forEachText(_ body: (inout TextRef) -> Void) {
        body(&name)
        body(&city)
        body(&state)
    }
}

/// A seller of the states asked for, and what he sells.
package struct LocalItem: ResultRow {
    var seller: Seller
    var auction: Int64

    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(seller.name)
        fields.put(seller.city)
        fields.put(seller.state)
        fields.put(auction)
    }
}

/// Auctions of category 10 by seller, and the people of Oregon, Idaho and California.
struct LocalSides: FlatMapping {
    typealias Input = NexmarkEvent
    typealias Output = Either<Keyed<Int64, Int64>, Keyed<Int64, Seller>>

    func flatMap<Next: Receiver<Output> & ~Copyable>(
        _ event: NexmarkEvent, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        switch event {
        case .auction(let auction) where auction.category == 10:
            try next.receive(.left(Keyed(auction.seller, auction.id)), at: time)
        case .person(let person) where isLocal(person.state):
            let seller = Seller(name: person.name, city: person.city, state: person.state)
            try next.receive(.right(Keyed(person.id, seller)), at: time)
        default: break
        }
    }

    private func isLocal(_ state: TextRef) -> Bool {
        guard state.count == 2 else { return false }
        let letters = UInt16(state.base[0]) << 8 | UInt16(state.base[1])
        return letters == 0x4f52 || letters == 0x4944 || letters == 0x4341  // OR, ID, CA
    }
}

struct ToLocalItem: Mapping {
    func map(_ pair: Joined<Int64, Seller>) -> LocalItem { LocalItem(seller: pair.right, auction: pair.left) }
}

/// A bid's part in q4.
struct Offer: Row {
    var price: Int64
    var time: Int64
}

/// An auction's part in q4.
struct Sale: Row {
    var auction: Int64
    var category: Int64
    var from: Int64
    var to: Int64
}

struct OffersAndSales: FlatMapping {
    typealias Input = NexmarkEvent
    typealias Output = Either<Keyed<Int64, Offer>, Keyed<Int64, Sale>>

    func flatMap<Next: Receiver<Output> & ~Copyable>(
        _ event: NexmarkEvent, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        switch event {
        case .bid(let bid):
            try next.receive(.left(Keyed(bid.auction, Offer(price: bid.price, time: bid.dateTime))), at: time)
        case .auction(let auction):
            let sale = Sale(
                auction: auction.id, category: auction.category, from: auction.dateTime, to: auction.expires)
            try next.receive(.right(Keyed(auction.id, sale)), at: time)
        case .person: break
        }
    }
}

struct WhileOpen: Predicate {
    func isKept(_ pair: Joined<Offer, Sale>) -> Bool {
        pair.left.time >= pair.right.from && pair.left.time <= pair.right.to
    }
}

struct SoldAuction: Mapping {
    func map(_ pair: Joined<Offer, Sale>) -> Int64 { pair.right.auction }
}

struct OfferedPrice: Mapping {
    func map(_ pair: Joined<Offer, Sale>) -> Int64 { pair.left.price }
}

struct FinalByCategory: Mapping {
    func map(_ change: RunningChange<Int64, Joined<Offer, Sale>, Int64>) -> Keyed<Int64, Revision<Int64>> {
        Keyed(change.cause.right.category, change.revision)
    }
}

/// A category's mean price.
package struct CategoryMean: ResultRow {
    var category: Int64
    var mean: Int64

    package static var keyFields: Int { 1 }
    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(category)
        fields.put(mean)
    }
}

struct ToCategoryMean: Mapping {
    func map(_ mean: Keyed<Int64, Mean>) -> CategoryMean {
        CategoryMean(category: mean.key, mean: mean.value.whole)
    }
}

/// A bid with its auction.
package struct ExpandedBid: ResultRow {
    var bid: Bid
    var auction: Auction

    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(bid.auction)
        fields.put(bid.bidder)
        fields.put(bid.price)
        fields.put(bid.channel)
        fields.put(bid.url)
        fields.put(bid.dateTime)
        fields.put(bid.extra)
        fields.put(auction.itemName)
        fields.put(auction.description)
        fields.put(auction.initialBid)
        fields.put(auction.reserve)
        fields.put(auction.dateTime)
        fields.put(auction.expires)
        fields.put(auction.seller)
        fields.put(auction.category)
        fields.put(auction.extra)
    }
}

/// Bids by auction, and auctions; those of other categories without their texts, since only their category is looked at.
struct BidsAndAuctions: FlatMapping {
    typealias Input = NexmarkEvent
    typealias Output = Either<Keyed<Int64, Bid>, Keyed<Int64, Auction>>

    func flatMap<Next: Receiver<Output> & ~Copyable>(
        _ event: NexmarkEvent, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        switch event {
        case .bid(let bid): try next.receive(.left(Keyed(bid.auction, bid)), at: time)
        case .auction(var auction):
            if auction.category != 10 {
                auction.itemName = .none
                auction.description = .none
                auction.extra = .none
            }
            try next.receive(.right(Keyed(auction.id, auction)), at: time)
        case .person: break
        }
    }
}

struct OfCategory10: Predicate {
    func isKept(_ pair: Joined<Bid, Auction>) -> Bool { pair.right.category == 10 }
}

struct ToExpandedBid: Mapping {
    func map(_ pair: Joined<Bid, Auction>) -> ExpandedBid { ExpandedBid(bid: pair.left, auction: pair.right) }
}

extension Queries {
    /// q3, local item suggestion: who sells in three states, and what of category 10.
    package static func q3<Sink: Receiver<LocalItem> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, LocalItem> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .flatMap(LocalSides())
            .joinTable()
            .map(ToLocalItem())
            .into(sink)
    }

    /// q4, average price for a category: of the highest bids while their auctions were open.
    package static func q4<Sink: Receiver<CategoryMean> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, CategoryMean> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .flatMap(OffersAndSales())
            .joinTable()
            .filter(WhileOpen())
            .keyBy(SoldAuction())
            .running(Maximum(OfferedPrice()))
            .map(FinalByCategory())
            .revised(Average(Itself()))
            .map(ToCategoryMean())
            .into(sink)
    }

    /// q20, expand bid with auction: bids on auctions of category 10.
    package static func q20<Sink: Receiver<ExpandedBid> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, ExpandedBid> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .flatMap(BidsAndAuctions())
            .joinTable(limitBytes: 4 << 30)
            .filter(OfCategory10())
            .map(ToExpandedBid())
            .into(sink)
    }
}
