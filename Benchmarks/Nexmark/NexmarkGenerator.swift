import Foundation
import Streaming

/// How the auction house's events are made. The names and the standard values are those of the public benchmark's
/// generator (github.com/nexmark/nexmark: NexmarkConfiguration, GeneratorConfig).
package struct NexmarkConfiguration: Sendable {
    /// Of 50 events, how many are persons, auctions and bids.
    package var personProportion: Int64 = 1
    package var auctionProportion: Int64 = 3
    package var bidProportion: Int64 = 46
    /// One in so many bids is for any auction in flight, the others for a hot one; sellers and bidders likewise.
    package var hotAuctionRatio = 2
    package var hotSellersRatio = 4
    package var hotBiddersRatio = 4
    package var numInFlightAuctions: Int64 = 100
    package var numActivePeople: Int64 = 1_000
    /// Events a second of event time.
    package var firstEventRate = 10_000.0
    /// Groups of so many events come in pseudo-random order; 1 is in order.
    package var outOfOrderGroupSize: Int64 = 1
    package var avgPersonByteSize = 200
    package var avgAuctionByteSize = 500
    package var avgBidByteSize = 100
    /// The time of the first event: 2015-07-15 00:00:00 UTC.
    package var baseTime: Int64 = 1_436_918_400_000
    package var seed: UInt64 = 1

    /// The benchmark's standard values.
    package init() {}

    var totalProportion: Int64 { personProportion + auctionProportion + bidProportion }
}

/// Chance that a seed repeats: SplitMix64 (Steele, Lea and Flood, 2014).
struct Chance {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    @inline(__always)
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// A number from 0 up to but not including `bound`.
    @inline(__always)
    mutating func below(_ bound: Int64) -> Int64 {
        Int64(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    @inline(__always)
    mutating func below(_ bound: Int) -> Int { Int(below(Int64(bound))) }

    /// A number from 0 up to but not including 1.
    @inline(__always)
    mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }
}

/// Makes the events of an auction house: the same ones for the same configuration. Ids, proportions, hot keys, prices,
/// lengths of texts and times follow the public generator; the random numbers are others, as theirs differ from run to run.
package struct NexmarkGenerator {
    static let firstAuctionID: Int64 = 1_000
    static let firstPersonID: Int64 = 1_000
    static let firstCategoryID: Int64 = 10
    static let categories: Int64 = 5
    /// Ids that do not exist yet may be used, up to so many ahead.
    static let idLead: Int64 = 10
    /// One of so many sellers, bidders and auctions is hot.
    static let hotRatio: Int64 = 100
    static let channels = 10_000
    static let states = ["AZ", "CA", "ID", "OR", "WA", "WY"]
    static let cities = [
        "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent",
        "Cheyenne",
    ]
    static let firstNames = [
        "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter",
    ]
    static let lastNames = ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"]
    static let hotChannels = ["Google", "Facebook", "Baidu", "Apple"]

    private let configuration: NexmarkConfiguration
    private var chance: Chance
    private let hotURLs: [String]
    private let urls: [String]
    /// How many events were made.
    package private(set) var made: Int64 = 0

    /// A generator at its first event.
    package init(_ configuration: NexmarkConfiguration) {
        precondition(configuration.outOfOrderGroupSize >= 1 && configuration.firstEventRate > 0)
        self.configuration = configuration
        chance = Chance(seed: configuration.seed)
        var chance = Chance(seed: configuration.seed ^ 0x75726c)
        hotURLs = NexmarkGenerator.hotChannels.map { _ in NexmarkGenerator.baseURL(&chance) }
        urls = (0..<NexmarkGenerator.channels).map { channel in
            let url = NexmarkGenerator.baseURL(&chance)
            guard chance.below(10) > 0 else { return url }
            return url + "&channel_id=\(abs(Int64(Int32(truncatingIfNeeded: channel).bitReversed)))"
        }
    }

    private static func baseURL(_ chance: inout Chance) -> String {
        let words = (0..<3).map { _ in word(&chance, 5, space: "_") }
        return "https://www.nexmark.com/" + words.joined(separator: "/") + "/item.htm?query=1"
    }

    private static func word(_ chance: inout Chance, _ maxLength: Int, space: Character) -> String {
        String(
            (0..<3 + chance.below(maxLength - 3)).map { _ in
                chance.below(13) == 0
                    ? space : Character(UnicodeScalar(UInt8(ascii: "a") + UInt8(chance.below(26))))
            })
    }

    /// When the event of a number happens.
    func time(_ number: Int64) -> Int64 {
        configuration.baseTime + Int64(Double(number) * 1_000_000 / configuration.firstEventRate) / 1_000
    }

    /// Fills a batch, up to `limit` events.
    package mutating func fill(_ batch: inout EventBatch, limit: Int = .max) {
        batch.removeAll()
        while !batch.isFull && batch.count < limit { next(into: &batch) }
    }

    private mutating func next(into batch: inout EventBatch) {
        let group = configuration.outOfOrderGroupSize
        let number = made / group * group + made * 953 % group
        let arrival = time(made)
        let time = time(number)
        let rest = number % configuration.totalProportion
        if rest < configuration.personProportion {
            batch.append(.person(person(number, time, &batch)), time: time, arrival: arrival)
        } else if rest < configuration.personProportion + configuration.auctionProportion {
            batch.append(.auction(auction(number, time, &batch)), time: time, arrival: arrival)
        } else {
            batch.append(.bid(bid(number, time, &batch)), time: time, arrival: arrival)
        }
        made += 1
    }

    private mutating func person(_ number: Int64, _ time: Int64, _ batch: inout EventBatch) -> Person {
        let name = batch.put(pick(NexmarkGenerator.firstNames) + " " + pick(NexmarkGenerator.lastNames))
        let email = batch.put(
            NexmarkGenerator.word(&chance, 7, space: " ").trimmed + "@"
                + NexmarkGenerator.word(&chance, 5, space: " ").trimmed + ".com")
        let card = batch.put(
            (0..<4).map { _ in String(10_000 + chance.below(10_000)).dropFirst() }.joined(separator: " "))
        let city = batch.put(pick(NexmarkGenerator.cities))
        let state = batch.put(pick(NexmarkGenerator.states))
        let size = 8 + name.count + email.count + card.count + city.count + state.count
        return Person(
            id: lastPerson(number) + NexmarkGenerator.firstPersonID, name: name, emailAddress: email,
            creditCard: card, city: city, state: state, dateTime: time,
            extra: extra(size, configuration.avgPersonByteSize, &batch))
    }

    private mutating func auction(_ number: Int64, _ time: Int64, _ batch: inout EventBatch) -> Auction {
        let seller =
            chance.below(configuration.hotSellersRatio) > 0
            ? lastPerson(number) / NexmarkGenerator.hotRatio * NexmarkGenerator.hotRatio : anyPerson(number)
        let initialBid = price()
        let name = letters(20, spaces: true, &batch)
        let description = letters(100, spaces: true, &batch)
        return Auction(
            id: lastAuction(number) + NexmarkGenerator.firstAuctionID, itemName: name, description: description,
            initialBid: initialBid, reserve: initialBid + price(), dateTime: time, expires: time + length(time),
            seller: seller + NexmarkGenerator.firstPersonID,
            category: NexmarkGenerator.firstCategoryID + chance.below(NexmarkGenerator.categories),
            extra: extra(8 + name.count + description.count + 40, configuration.avgAuctionByteSize, &batch))
    }

    private mutating func bid(_ number: Int64, _ time: Int64, _ batch: inout EventBatch) -> Bid {
        let auction =
            chance.below(configuration.hotAuctionRatio) > 0
            ? lastAuction(number) / NexmarkGenerator.hotRatio * NexmarkGenerator.hotRatio : anyAuction(number)
        // The second of a hundred, so that hot bidders are not hot sellers.
        let bidder =
            chance.below(configuration.hotBiddersRatio) > 0
            ? lastPerson(number) / NexmarkGenerator.hotRatio * NexmarkGenerator.hotRatio + 1 : anyPerson(number)
        let price = price()
        let channel: TextRef
        let url: TextRef
        if chance.below(2) > 0 {
            let hot = chance.below(NexmarkGenerator.hotChannels.count)
            channel = batch.put(NexmarkGenerator.hotChannels[hot])
            url = batch.put(hotURLs[hot])
        } else {
            let number = chance.below(NexmarkGenerator.channels)
            channel = batch.put("channel-\(number)")
            url = batch.put(urls[number])
        }
        return Bid(
            auction: auction + NexmarkGenerator.firstAuctionID, bidder: bidder + NexmarkGenerator.firstPersonID,
            price: price, dateTime: time, channel: channel, url: url,
            extra: extra(32, configuration.avgBidByteSize, &batch))
    }

    /// Of the newest person so far, counted from 0.
    private func lastPerson(_ number: Int64) -> Int64 {
        let offset = min(number % configuration.totalProportion, configuration.personProportion - 1)
        return number / configuration.totalProportion * configuration.personProportion + offset
    }

    /// Of the newest auction so far, counted from 0.
    private func lastAuction(_ number: Int64) -> Int64 {
        var epoch = number / configuration.totalProportion
        var offset = number % configuration.totalProportion
        if offset < configuration.personProportion {
            epoch -= 1
            offset = configuration.auctionProportion - 1
        } else {
            offset = min(offset - configuration.personProportion, configuration.auctionProportion - 1)
        }
        return epoch * configuration.auctionProportion + offset
    }

    private mutating func anyPerson(_ number: Int64) -> Int64 {
        let people = lastPerson(number) + 1
        let active = min(people, configuration.numActivePeople)
        return people - active + chance.below(active + NexmarkGenerator.idLead)
    }

    private mutating func anyAuction(_ number: Int64) -> Int64 {
        let last = lastAuction(number)
        let first = max(last - configuration.numInFlightAuctions, 0)
        return first + chance.below(last - first + 1 + NexmarkGenerator.idLead)
    }

    /// From a dollar to a million, as many of each magnitude.
    private mutating func price() -> Int64 { Int64((pow(10, chance.fraction() * 6) * 100).rounded()) }

    /// How long an auction goes: on average until as many more as are in flight were made.
    private mutating func length(_ time: Int64) -> Int64 {
        let events = configuration.numInFlightAuctions * configuration.totalProportion / configuration.auctionProportion
        let horizon = self.time(made + events) - self.time(made)
        return 1 + chance.below(max(horizon * 2, 1))
    }

    private mutating func pick(_ list: [String]) -> String { list[chance.below(list.count)] }

    /// From 3 letters up to `maxLength`.
    private mutating func letters(_ maxLength: Int, spaces: Bool, _ batch: inout EventBatch) -> TextRef {
        let count = 3 + chance.below(maxLength - 3)
        let room = batch.room(count)
        for index in 0..<count {
            // Not at the ends, which the original trims.
            let isSpace = spaces && index > 0 && index < count - 1 && chance.below(13) == 0
            room[index] = isSpace ? UInt8(ascii: " ") : UInt8(ascii: "a") + UInt8(chance.below(26))
        }
        return batch.text(count)
    }

    /// Letters so that an event is as large as it is on average.
    private mutating func extra(_ size: Int, _ average: Int, _ batch: inout EventBatch) -> TextRef {
        guard size <= average else { return batch.put("") }
        let delta = Int((Double(average - size) * 0.2).rounded())
        let count = average - size - delta + (delta == 0 ? 0 : chance.below(2 * delta))
        let room = batch.room(count + 12)
        var index = 0
        while index < count {
            // Twelve letters of one number: 26¹² < 2⁵⁷.
            var bits = chance.next()
            for _ in 0..<12 {
                let product = bits.multipliedFullWidth(by: 26)
                room[index] = UInt8(ascii: "a") + UInt8(truncatingIfNeeded: product.high)
                bits = product.low
                index += 1
            }
        }
        return batch.text(count)
    }
}

extension EventBatch {
    /// Copies a text into the batch.
    mutating func put(_ string: String) -> TextRef {
        var string = string
        return string.withUTF8 { utf8 in
            let room = room(utf8.count)
            if let base = utf8.baseAddress { room.update(from: base, count: utf8.count) }
            return text(utf8.count)
        }
    }
}

extension String {
    var trimmed: String { trimmingCharacters(in: .whitespaces) }
}

extension Int32 {
    var bitReversed: Int32 {
        var bits = UInt32(bitPattern: self)
        var reversed: UInt32 = 0
        for _ in 0..<32 {
            reversed = reversed << 1 | bits & 1
            bits >>= 1
        }
        return Int32(bitPattern: reversed)
    }
}
