import Streaming
import Testing

struct IsLarge: Predicate {
    func isKept(_ click: Click) -> Bool { click.value >= 100 }
}

struct Doubled: Mapping {
    func map(_ click: Click) -> Click { Click(key: click.key, value: click.value * 2, time: click.time) }
}

struct Twice: FlatMapping {
    typealias Input = Click
    typealias Output = Click

    func flatMap<Next: Receiver<Click> & ~Copyable>(
        _ click: Click, at time: Int64, into next: inout Next
    ) throws(StreamError) {
        for _ in 0..<click.value % 3 { try next.receive(click, at: time) }
    }
}

struct ByTen: Mapping {
    func map(
        _ change: RunningChange<Int64, Click, Int64>
    ) -> Keyed<Int64, Revision<Int64>> { Keyed(change.key / 10, change.revision) }
}

@Suite struct KeyedTests {
    private func clicks(_ stream: StreamCase) -> [Click] {
        stream.arrivals().compactMap { if case .click(let click) = $0 { click } else { nil } }
    }

    @Test("Filter, map, flat map and side output")
    func stateless() throws {
        let stream = StreamCase(seed: 1)
        let kept = Kept<Click>()
        let aside = Kept<Click>()
        var query = Source<Click>().divert(unless: IsLarge(), to: Collect(aside)).map(Doubled()).flatMap(Twice())
            .into(Collect(kept))
        try query.take(stream.arrivals())
        let all = clicks(stream)
        #expect(aside.elements == all.filter { $0.value < 100 })
        #expect(
            kept.elements
                == all.filter { $0.value >= 100 }.flatMap { click in
                    Array(repeating: Doubled().map(click), count: Int(click.value * 2 % 3))
                })
    }

    @Test("The first of each key is kept, whole and across shards", arguments: StreamCase.all)
    func first(_ stream: StreamCase) throws {
        let (whole, sharded) = try wholeAndSharded(stream, line: { (click: Click) in "\(click)" }) { kept in
            Source<Click>().keyBy(KeyOfClick()).keepFirst().into(Collect(kept))
        }
        var seen: Set<Int64> = []
        #expect(whole == clicks(stream).filter { seen.insert($0.key).inserted }.map { "\($0)" }.sorted())
        #expect(whole == sharded)
    }

    @Test("A key is forgotten after the memory of its first time, and its memory freed", arguments: StreamCase.all)
    func forgetting(_ stream: StreamCase) throws {
        let kept = Kept<Click>()
        var query = Source<Click>().keyBy(KeyOfClick()).keepFirst(memory: 1_000).into(Collect(kept))
        try query.take(stream.arrivals(), isEnd: false)
        var times: [Int64: Int64] = [:]
        var watermark = Int64.min
        var expected: [Click] = []
        for arrival in stream.arrivals() {
            switch arrival {
            case .watermark(let mark):
                watermark = max(watermark, mark)
                times = times.filter { $0.value + 1_000 >= watermark }
            case .click(let click):
                if times[click.key] == nil {
                    times[click.key] = click.time
                    expected.append(click)
                }
            }
        }
        #expect(kept.elements == expected)
        #expect(query.stateUsage[0].entries == times.count)
        try query.finish()
        #expect(query.stateUsage[0].entries == 0)
    }

    @Test("The last of each key by time is kept, whole and across shards", arguments: StreamCase.all)
    func last(_ stream: StreamCase) throws {
        let (whole, sharded) = try wholeAndSharded(
            stream, line: { (click: Keyed<Int64, Click>) in "\(click.value)" }
        ) { kept in
            Source<Click>().keyBy(KeyOfClick()).keepLast().into(Collect(kept))
        }
        #expect(whole == sharded)
        var latest: [Int64: Click] = [:]
        var expected: [String] = []
        for click in clicks(stream) where click.time >= latest[click.key]?.time ?? .min {
            latest[click.key] = click
            expected.append("\(click)")
        }
        #expect(whole == expected.sorted())
    }

    @Test("Top rows equal the model, whole and across shards", arguments: StreamCase.all, [1, 3, 10])
    func top(_ stream: StreamCase, _ count: Int) throws {
        let kept = Kept<Ranked<Int64, Click>>()
        var query = Source<Click>().keyBy(KeyOfClick()).top(count, by: ValueOfClick()).into(Collect(kept))
        try query.take(stream.arrivals())
        var table: [String: Click] = [:]
        for ranked in kept.elements { table["\(ranked.key) \(ranked.rank)"] = ranked.row }
        var expected: [String: Click] = [:]
        for (key, clicks) in Dictionary(grouping: clicks(stream), by: \.key) {
            let sorted = clicks.enumerated().sorted { ($1.element.value, $0.offset) < ($0.element.value, $1.offset) }
            for (rank, click) in sorted.prefix(count).enumerated() { expected["\(key) \(rank + 1)"] = click.element }
        }
        #expect(table == expected)
        let (whole, sharded) = try wholeAndSharded(
            stream, line: { (ranked: Ranked<Int64, Click>) in "\(ranked)" }
        ) { kept in
            Source<Click>().keyBy(KeyOfClick()).top(count, by: ValueOfClick()).into(Collect(kept))
        }
        #expect(whole == sharded)
    }

    @Test("A mean of changing maxima is the mean of the newest", arguments: StreamCase.all)
    func revised(_ stream: StreamCase) throws {
        let kept = Kept<Keyed<Int64, Mean>>()
        var query = Source<Click>().keyBy(KeyOfClick()).running(Maximum(ValueOfClick())).map(ByTen())
            .revised(Average(Itself())).into(Collect(kept))
        try query.take(stream.arrivals())
        var means: [Int64: Mean] = [:]
        for mean in kept.elements { means[mean.key] = mean.value }
        var expected: [Int64: Mean] = [:]
        for (key, clicks) in Dictionary(grouping: clicks(stream), by: \.key) {
            let highest = clicks.map(\.value).max() ?? 0
            expected[key / 10, default: Mean()].sum += Int128(highest)
            expected[key / 10, default: Mean()].count += 1
        }
        #expect(means == expected)
    }
}
