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
    /// as sorted lines. At each of the events `stops`, the query is thrown away, and another goes on from its snapshot.
    package static func lines(
        of name: QueryName, _ batch: borrowing EventBatch, step: Int, stops: [Int] = []
    ) throws -> [String] {
        let table = ResultTable()
        switch name {
        case .q0: try keep(batch, step, stops) { Queries.q0(Keep(table)) }
        case .q1: try keep(batch, step, stops) { Queries.q1(Keep(table)) }
        case .q2: try keep(batch, step, stops) { Queries.q2(Keep(table)) }
        case .q3: try keep(batch, step, stops) { Queries.q3(Keep(table)) }
        case .q4: try keep(batch, step, stops) { Queries.q4(Keep(table)) }
        case .q5: try keep(batch, step, stops) { Queries.q5(Keep(table)) }
        case .q7: try keep(batch, step, stops) { Queries.q7(Keep(table)) }
        case .q8: try keep(batch, step, stops) { Queries.q8(Keep(table)) }
        case .q11: try keep(batch, step, stops) { Queries.q11(Keep(table)) }
        case .q12: try keep(batch, step, stops, byArrival: true) { Queries.q12(Keep(table)) }
        case .q15: try keep(batch, step, stops) { Queries.q15(Keep(table)) }
        case .q16: try keep(batch, step, stops) { Queries.q16(Keep(table)) }
        case .q17: try keep(batch, step, stops) { Queries.q17(Keep(table)) }
        case .q18: try keep(batch, step, stops) { Queries.q18(Keep(table)) }
        case .q19: try keep(batch, step, stops) { Queries.q19(Keep(table)) }
        case .q20: try keep(batch, step, stops) { Queries.q20(Keep(table)) }
        case .q22: try keep(batch, step, stops) { Queries.q22(Keep(table)) }
        }
        return table.lines
    }

    private static func keep<Steps: Operator & ~Copyable, R: ResultRow>(
        _ batch: borrowing EventBatch, _ step: Int, _ stops: [Int], byArrival: Bool = false,
        _ make: () -> Query<Steps, Keep<R>>
    ) throws where Steps.Input == NexmarkEvent {
        var query = make()
        var highest = Int64.min / 2
        for index in 0..<batch.count {
            let entry = batch.entries[index]
            let time = byArrival ? entry.arrival : entry.time
            try query.receive(entry.event, at: time)
            highest = max(highest, time)
            if index % step == step - 1 { try query.advance(to: byArrival ? highest : highest - outOfOrder) }
            if stops.contains(index) {
                let snapshot = query.snapshot()
                query = make()
                try query.restore(snapshot)
            }
        }
        try query.finish()
    }
}
