package import Streaming

/// What a bid's price is called in the reports.
struct PriceRank: Classifying {
    /// Bit 0 for all, and 1 to 3 for below 100, below 10,000, and from there on.
    func classes(_ bid: Bid) -> UInt8 { bid.price < 10_000 ? 3 : bid.price < 1_000_000 ? 5 : 9 }
}

/// The same of a bid that was marked once.
struct MarkedPriceRank: Classifying {
    func classes(_ bid: Marked<Bid>) -> UInt8 { PriceRank().classes(bid.value) }
}

struct DayAndBidder: Mapping {
    func map(_ bid: Bid) -> Pair<Int64, Int64> { Pair(bid.dateTime / Queries.dayMilliseconds, bid.bidder) }
}

struct DayAndAuction: Mapping {
    func map(_ bid: Marked<Bid>) -> Pair<Int64, Int64> {
        Pair(bid.value.dateTime / Queries.dayMilliseconds, bid.value.auction)
    }
}

struct DayOfMarked: Mapping {
    func map(_ bid: Marked<Marked<Bid>>) -> Int64 { bid.value.value.dateTime / Queries.dayMilliseconds }
}

/// Counts of four kinds: all, and three ranks of price.
struct RankCounts: BitwiseCopyable, Equatable {
    private var counts = SIMD4<Int64>()

    @inline(__always)
    mutating func add(_ classes: UInt8) {
        let bits = Int64(classes)
        counts &+= SIMD4(bits & 1, bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 1)
    }

    @inline(__always)
    mutating func add(_ other: RankCounts) { counts &+= other.counts }

    @inline(__always)
    func put<Fields: FieldWriter>(into fields: inout Fields) {
        for index in 0..<4 { fields.put(counts[index]) }
    }
}

/// The numbers of q15 and q16.
package struct BidReport: BitwiseCopyable, Equatable {
    var bids = RankCounts()
    var bidders = RankCounts()
    var auctions = RankCounts()
    /// The latest minute of the day with a bid.
    var minute: Int64 = 0

    @inline(__always)
    func put<Fields: FieldWriter>(into fields: inout Fields) {
        bids.put(into: &fields)
        bidders.put(into: &fields)
        auctions.put(into: &fields)
    }
}

struct BidReports: Aggregate {
    var empty: BidReport { BidReport() }

    @inline(__always)
    func add(_ marked: Marked<Marked<Bid>>, to report: inout BidReport) {
        let bid = marked.value.value
        report.bids.add(PriceRank().classes(bid))
        report.bidders.add(marked.value.firsts)
        report.auctions.add(marked.firsts)
        report.minute = max(report.minute, bid.dateTime % Queries.dayMilliseconds / 60_000)
    }

    func merge(_ other: BidReport, into report: inout BidReport) {
        report.bids.add(other.bids)
        report.bidders.add(other.bidders)
        report.auctions.add(other.auctions)
        report.minute = max(report.minute, other.minute)
    }

    @inline(__always)
    func result(_ report: BidReport) -> BidReport { report }
}

/// A day's report; the day is counted from 1970-01-01.
package struct DayReport: ResultRow {
    var day: Int64
    var report: BidReport

    package static var keyFields: Int { 1 }
    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(day)
        report.put(into: &fields)
    }
}

struct ToDayReport: Mapping {
    func map(_ change: RunningChange<Int64, Marked<Marked<Bid>>, BidReport>) -> DayReport {
        DayReport(day: change.key, report: change.revision.new)
    }
}

typealias ChannelDay = Pair<TextKey, Int64>

struct ChannelDayAndBidder: Mapping {
    func map(_ bid: Bid) -> Pair<ChannelDay, Int64> {
        Pair(Pair(TextKey(bid.channel), bid.dateTime / Queries.dayMilliseconds), bid.bidder)
    }
}

struct ChannelDayAndAuction: Mapping {
    func map(_ bid: Marked<Bid>) -> Pair<ChannelDay, Int64> {
        Pair(Pair(TextKey(bid.value.channel), bid.value.dateTime / Queries.dayMilliseconds), bid.value.auction)
    }
}

struct ChannelDayOfMarked: Mapping {
    func map(_ bid: Marked<Marked<Bid>>) -> ChannelDay {
        Pair(TextKey(bid.value.value.channel), bid.value.value.dateTime / Queries.dayMilliseconds)
    }
}

/// A channel's report of a day.
package struct ChannelReport: ResultRow {
    var channel: TextRef
    var day: Int64
    var report: BidReport

    package static var keyFields: Int { 2 }
    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(channel)
        fields.put(day)
        fields.put(report.minute)
        report.put(into: &fields)
    }
}

struct ToChannelReport: Mapping {
    func map(_ change: RunningChange<ChannelDay, Marked<Marked<Bid>>, BidReport>) -> ChannelReport {
        ChannelReport(channel: change.cause.value.value.channel, day: change.key.b, report: change.revision.new)
    }
}

struct AuctionDay: Mapping {
    func map(_ bid: Bid) -> Pair<Int64, Int64> { Pair(bid.auction, bid.dateTime / Queries.dayMilliseconds) }
}

/// The numbers of q17.
package struct AuctionStatistics: BitwiseCopyable, Equatable {
    var bids = RankCounts()
    var count: Int64 = 0
    var smallest = Int64.max
    var largest = Int64.min
    var sum: Int64 = 0
}

struct AuctionReports: Aggregate {
    var empty: AuctionStatistics { AuctionStatistics() }

    @inline(__always)
    func add(_ bid: Bid, to statistics: inout AuctionStatistics) {
        statistics.bids.add(PriceRank().classes(bid))
        statistics.count &+= 1
        statistics.smallest = min(statistics.smallest, bid.price)
        statistics.largest = max(statistics.largest, bid.price)
        statistics.sum &+= bid.price
    }

    func merge(_ other: AuctionStatistics, into statistics: inout AuctionStatistics) {
        statistics.bids.add(other.bids)
        statistics.count &+= other.count
        statistics.smallest = min(statistics.smallest, other.smallest)
        statistics.largest = max(statistics.largest, other.largest)
        statistics.sum &+= other.sum
    }

    @inline(__always)
    func result(_ statistics: AuctionStatistics) -> AuctionStatistics { statistics }
}

/// An auction's numbers of a day.
package struct AuctionReport: ResultRow {
    var auction: Int64
    var day: Int64
    var statistics: AuctionStatistics

    package static var keyFields: Int { 2 }
    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(auction)
        fields.put(day)
        statistics.bids.put(into: &fields)
        fields.put(statistics.smallest)
        fields.put(statistics.largest)
        fields.put(statistics.sum / max(1, statistics.count))
        fields.put(statistics.sum)
    }
}

struct ToAuctionReport: Mapping {
    func map(_ change: RunningChange<Pair<Int64, Int64>, Bid, AuctionStatistics>) -> AuctionReport {
        AuctionReport(auction: change.key.a, day: change.key.b, statistics: change.revision.new)
    }
}

/// Somebody's last bid on an auction.
package struct LastBid: ResultRow {
    var bid: Bid

    package static var keyFields: Int { 2 }
    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(bid.auction)
        fields.put(bid.bidder)
        fields.put(bid.price)
        fields.put(bid.channel)
        fields.put(bid.url)
        fields.put(bid.dateTime)
        fields.put(bid.extra)
    }
}

struct BidderAndAuction: Mapping {
    func map(_ bid: Bid) -> Pair<Int64, Int64> { Pair(bid.bidder, bid.auction) }
}

struct ToLastBid: Mapping {
    func map(_ last: Keyed<Pair<Int64, Int64>, Bid>) -> LastBid { LastBid(bid: last.value) }
}

/// One of an auction's highest bids.
package struct RankedBid: ResultRow {
    var rank: Int64
    var bid: Bid

    package static var keyFields: Int { 2 }
    package func put<Fields: FieldWriter>(into fields: inout Fields) {
        fields.put(bid.auction)
        fields.put(rank)
        fields.put(bid.bidder)
        fields.put(bid.price)
        fields.put(bid.channel)
        fields.put(bid.url)
        fields.put(bid.dateTime)
        fields.put(bid.extra)
    }
}

struct PriceOfBid: Mapping {
    func map(_ bid: Bid) -> Int64 { bid.price }
}

struct ToRankedBid: Mapping {
    func map(_ ranked: Ranked<Int64, Bid>) -> RankedBid { RankedBid(rank: ranked.rank, bid: ranked.row) }
}

extension Queries {
    /// q15, bidding statistics: how many bids, bidders and auctions a day has, in all and by rank of price.
    package static func q15<Sink: Receiver<DayReport> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, DayReport> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .bids()
            .keyBy(DayAndBidder())
            .markFirst(PriceRank())
            .keyBy(DayAndAuction())
            .markFirst(MarkedPriceRank())
            .keyBy(DayOfMarked())
            .running(BidReports())
            .map(ToDayReport())
            .into(sink)
    }

    /// q16, channel statistics: the same for each channel.
    package static func q16<Sink: Receiver<ChannelReport> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, ChannelReport> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .bids()
            .keyBy(ChannelDayAndBidder())
            .markFirst(PriceRank(), limitBytes: 4 << 30)
            .keyBy(ChannelDayAndAuction())
            .markFirst(MarkedPriceRank(), limitBytes: 4 << 30)
            .keyBy(ChannelDayOfMarked())
            .running(BidReports())
            .map(ToChannelReport())
            .into(sink)
    }

    /// q17, auction statistics: how many bids an auction has in a day, and their prices.
    package static func q17<Sink: Receiver<AuctionReport> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, AuctionReport> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .bids()
            .keyBy(AuctionDay())
            .running(AuctionReports())
            .map(ToAuctionReport())
            .into(sink)
    }

    /// q18, last bid: of each bidder to each auction.
    package static func q18<Sink: Receiver<LastBid> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, LastBid> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .bids()
            .keyBy(BidderAndAuction())
            .keepLast(limitBytes: 4 << 30)
            .map(ToLastBid())
            .into(sink)
    }

    /// q19, top ten: the highest bids of each auction.
    package static func q19<Sink: Receiver<RankedBid> & ~Copyable>(
        _ sink: consuming Sink
    ) -> Query<some Operator<NexmarkEvent, RankedBid> & ~Copyable, Sink> {
        Source<NexmarkEvent>()
            .bids()
            .keyBy(AuctionOfBid())
            .top(10, by: PriceOfBid(), limitBytes: 8 << 30)
            .map(ToRankedBid())
            .into(sink)
    }
}
