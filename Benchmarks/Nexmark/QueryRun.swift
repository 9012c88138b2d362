package import Streaming

/// What events a query is run over. Of one type, whichever it is: the compiler specialises a function only when it knows
/// all types in it.
package enum EventSource: ~Copyable {
    /// From the generator, up to so many.
    case generator(NexmarkGenerator, limit: Int)
    /// From a file.
    case file(EventFile.Reader)

    /// Fills the batch with the next events; false where there are none.
    mutating func fill(_ batch: inout EventBatch) throws -> Bool {
        switch consume self {
        case .generator(var generator, let limit):
            generator.fill(&batch, limit: limit - Int(generator.made))
            self = .generator(generator, limit: limit)
            return batch.count > 0
        case .file(var reader):
            let isFilled: Bool
            do {
                isFilled = try reader.fill(&batch)
            } catch {
                self = .file(reader)
                throw error
            }
            self = .file(reader)
            return isFilled
        }
    }
}

/// What a run came to.
package struct QueryOutcome: Sendable {
    package var events = 0
    package var results = 0
    package var digest: UInt64 = 0
    /// Processor nanoseconds of the query alone, without making or reading the events.
    package var queryNanoseconds: UInt64 = 0
    /// And of making or reading them.
    package var sourceNanoseconds: UInt64 = 0
    /// What the query's steps held in the end, before the watermark's last rise.
    package var state: [StateUsage] = []
}

/// Runs queries over events.
package enum QueryRun {
    /// How much earlier than the highest time so far an event may come, as in the public benchmark's tables.
    package static let outOfOrder: Int64 = 4_000

    /// Gives a query the events of a batch, and then the watermark.
    @inline(__always)
    static func feed<Steps: Operator & ~Copyable, Sink: Receiver & ~Copyable>(
        _ batch: borrowing EventBatch, to query: inout Query<Steps, Sink>, highest: inout Int64, byArrival: Bool
    ) throws(StreamError) where Steps.Input == NexmarkEvent {
        var top = highest
        var entry = batch.entries
        for _ in 0..<batch.count {
            let time = byArrival ? entry.pointee.arrival : entry.pointee.time
            try query.receive(entry.pointee.event, at: time)
            top = max(top, time)
            entry += 1
        }
        highest = top
        // Arrivals are in order: nothing is waited for.
        try query.advance(to: byArrival ? top : top &- outOfOrder)
    }

    @inline(never)
    private static func timed<Steps: Operator & ~Copyable, R: ResultRow>(
        _ query: consuming Query<Steps, Digest<R>>, _ source: inout EventSource, _ batch: inout EventBatch,
        _ clock: () -> UInt64, byArrival: Bool = false
    ) throws -> QueryOutcome where Steps.Input == NexmarkEvent {
        var outcome = QueryOutcome()
        var highest = Int64.min / 2
        var at = clock()
        while try source.fill(&batch) {
            let filled = clock()
            outcome.sourceNanoseconds += filled - at
            try feed(batch, to: &query, highest: &highest, byArrival: byArrival)
            outcome.events += batch.count
            at = clock()
            outcome.queryNanoseconds += at - filled
        }
        outcome.state = query.stateUsage
        at = clock()
        try query.finish()
        outcome.queryNanoseconds += clock() - at
        outcome.results = query.sink.count
        outcome.digest = query.sink.digest
        return outcome
    }

    /// Runs a query over all events of a source, with a clock of processor nanoseconds.
    package static func measure(
        _ name: QueryName, _ source: inout EventSource, batch: inout EventBatch, clock: () -> UInt64
    ) throws -> QueryOutcome {
        switch name {
        case .q0: try timed(Queries.q0(Digest()), &source, &batch, clock)
        case .q1: try timed(Queries.q1(Digest()), &source, &batch, clock)
        case .q2: try timed(Queries.q2(Digest()), &source, &batch, clock)
        case .q3: try timed(Queries.q3(Digest()), &source, &batch, clock)
        case .q4: try timed(Queries.q4(Digest()), &source, &batch, clock)
        case .q5: try timed(Queries.q5(Digest()), &source, &batch, clock)
        case .q7: try timed(Queries.q7(Digest()), &source, &batch, clock)
        case .q8: try timed(Queries.q8(Digest()), &source, &batch, clock)
        case .q11: try timed(Queries.q11(Digest()), &source, &batch, clock)
        case .q12: try timed(Queries.q12(Digest()), &source, &batch, clock, byArrival: true)
        case .q15: try timed(Queries.q15(Digest()), &source, &batch, clock)
        case .q16: try timed(Queries.q16(Digest()), &source, &batch, clock)
        case .q17: try timed(Queries.q17(Digest()), &source, &batch, clock)
        case .q18: try timed(Queries.q18(Digest()), &source, &batch, clock)
        case .q19: try timed(Queries.q19(Digest()), &source, &batch, clock)
        case .q20: try timed(Queries.q20(Digest()), &source, &batch, clock)
        case .q22: try timed(Queries.q22(Digest()), &source, &batch, clock)
        }
    }

    /// Runs a query over the events of a batch, the watermark rising after every `step` of them, and gives its results
    /// as sorted lines. After each of the events `stops`, the query is thrown away, and another goes on from its snapshot.
    ///
    /// - Parameter shards: on how many shards the first query runs, the next, and so on, over and over. More than one
    ///   only for queries whose state has one key (``QueryName/hasOneKey``).
    package static func lines(
        of name: QueryName, _ batch: borrowing EventBatch, step: Int, stops: [Int] = [], shards: [Int] = [1]
    ) throws -> [String] {
        precondition(shards == [1] || name.hasOneKey)
        let table = ResultTable()
        let lives = Lives(name: name, step: step, ends: stops.map { $0 + 1 }.sorted(), shards: shards)
        switch name {
        case .q0: try keep(batch, lives) { Queries.q0(Keep(table)) }
        case .q1: try keep(batch, lives) { Queries.q1(Keep(table)) }
        case .q2: try keep(batch, lives) { Queries.q2(Keep(table)) }
        case .q3: try keep(batch, lives) { Queries.q3(Keep(table)) }
        case .q4: try keep(batch, lives) { Queries.q4(Keep(table)) }
        case .q5: try keep(batch, lives) { Queries.q5(Keep(table)) }
        case .q7: try keep(batch, lives) { Queries.q7(Keep(table)) }
        case .q8: try keep(batch, lives) { Queries.q8(Keep(table)) }
        case .q11: try keep(batch, lives) { Queries.q11(Keep(table)) }
        case .q12: try keep(batch, lives) { Queries.q12(Keep(table)) }
        case .q15: try keep(batch, lives) { Queries.q15(Keep(table)) }
        case .q16: try keep(batch, lives) { Queries.q16(Keep(table)) }
        case .q17: try keep(batch, lives) { Queries.q17(Keep(table)) }
        case .q18: try keep(batch, lives) { Queries.q18(Keep(table)) }
        case .q19: try keep(batch, lives) { Queries.q19(Keep(table)) }
        case .q20: try keep(batch, lives) { Queries.q20(Keep(table)) }
        case .q22: try keep(batch, lives) { Queries.q22(Keep(table)) }
        }
        return table.lines
    }

    /// How a query's run is cut into lives.
    private struct Lives {
        var name: QueryName
        var step: Int
        /// Behind the last event of each life but the last.
        var ends: [Int]
        var shards: [Int]
    }

    private static func keep<Steps: Operator & ~Copyable, R: ResultRow>(
        _ batch: borrowing EventBatch, _ lives: Lives, _ make: () -> Query<Steps, Keep<R>>
    ) throws where Steps.Input == NexmarkEvent {
        // Arrivals are in order: nothing is waited for.
        let byArrival = lives.name == .q12
        var snapshots: [[UInt8]] = []
        var (start, highest) = (0, Int64.min / 2)
        for (life, end) in (lives.ends + [batch.count]).enumerated() {
            let shards = lives.shards[life % lives.shards.count]
            var taken: [[UInt8]] = []
            var top = highest
            for shard in 0..<shards {
                let groups = KeyGroup.range(of: shard, shards: shards)
                var query = make()
                for snapshot in snapshots { try query.restore(snapshot, groups: groups) }
                top = highest
                for index in start..<end {
                    let entry = batch.entries[index]
                    let time = byArrival ? entry.arrival : entry.time
                    if shards == 1 || groups.contains(lives.name.keyGroup(entry.event)) {
                        try query.receive(entry.event, at: time)
                    }
                    top = max(top, time)
                    if index % lives.step == lives.step - 1 {
                        try query.advance(to: byArrival ? top : top - outOfOrder)
                    }
                }
                if end == batch.count { try query.finish() } else { taken.append(query.snapshot(groups: groups)) }
            }
            (start, highest, snapshots) = (end, top, taken)
        }
    }
}

extension QueryName {
    /// Whether all that the query remembers is kept by one key, or it remembers nothing: a shard of it then needs
    /// nothing from the others. The other queries have several keys one after the other, or one result of all.
    package var hasOneKey: Bool {
        switch self {
        case .q0, .q1, .q2, .q3, .q11, .q12, .q17, .q18, .q19, .q20, .q22: true
        case .q4, .q5, .q7, .q8, .q15, .q16: false
        }
    }

    /// The group of the event's key; any, where the query does not look at the event.
    func keyGroup(_ event: NexmarkEvent) -> Int {
        switch event {
        case .person(let person): KeyGroup.of(person.id)
        case .auction(let auction): KeyGroup.of(self == .q3 ? auction.seller : auction.id)
        case .bid(let bid):
            switch self {
            case .q11, .q12: KeyGroup.of(bid.bidder)
            case .q17: KeyGroup.of(AuctionDay().map(bid))
            case .q18: KeyGroup.of(BidderAndAuction().map(bid))
            default: KeyGroup.of(bid.auction)
            }
        }
    }
}
