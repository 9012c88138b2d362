import Streaming
import Testing

/// An element of the operators' tests.
struct Click: Row, Equatable {
    var key: Int64
    var value: Int64
    var time: Int64
}

struct KeyOfClick: Mapping {
    func map(_ click: Click) -> Int64 { click.key }
}

struct ValueOfClick: Mapping {
    func map(_ click: Click) -> Int64 { click.value }
}

/// Keeps what comes, for a test to look at.
final class Kept<Element: BitwiseCopyable> {
    var elements: [Element] = []
    var times: [Int64] = []
}

/// Puts what comes where a test sees it.
struct Collect<Element: BitwiseCopyable>: Receiver {
    typealias Input = Element
    let kept: Kept<Element>

    init(_ kept: Kept<Element>) { self.kept = kept }

    mutating func receive(_ element: Element, at time: Int64) throws(StreamError) {
        kept.elements.append(element)
        kept.times.append(time)
    }
}

/// One thing that a stream brings.
enum Arrival {
    case click(Click)
    case watermark(Int64)
}

/// Streams to try operators on; the same for the same seed.
struct StreamCase: CustomTestStringConvertible {
    var seed: UInt64
    var events = 4_000
    var keys: Int64 = 50
    /// How much of a stream has one key, in hundredths.
    var hotPercent: UInt64 = 0
    /// How much earlier than one before it an event may be.
    var disorder: Int64 = 0
    /// How many of a hundred events come far later than that.
    var latePercent: UInt64 = 0
    /// How many of a hundred events come twice.
    var duplicatePercent: UInt64 = 0
    /// How much time passes from an event to the next, on average.
    var step: UInt64 = 20

    var testDescription: String { "seed \(seed)" }

    static let all = [
        StreamCase(seed: 1), StreamCase(seed: 2, disorder: 500), StreamCase(seed: 3, disorder: 500, latePercent: 5),
        StreamCase(seed: 4, hotPercent: 95, disorder: 300), StreamCase(seed: 5, disorder: 300, duplicatePercent: 20),
        StreamCase(seed: 6, keys: 3, disorder: 2_000, latePercent: 10, duplicatePercent: 10, step: 200),
    ]

    /// The events as they arrive, watermarks among them that follow the highest time by the disorder.
    func arrivals() -> [Arrival] {
        var random = SplitMix(seed: seed)
        var time: Int64 = 1_000_000
        var clicks: [(Int64, Click)] = []
        for _ in 0..<events {
            time += Int64(random.next() % (2 * step))
            // Key zero is the one that marks empty slots.
            let key = random.next() % 100 < hotPercent ? 7 : Int64(random.next() % UInt64(keys))
            let click = Click(key: key, value: Int64(random.next() % 1_000) - 200, time: time)
            var arrival = time + (disorder > 0 ? Int64(random.next() % UInt64(disorder)) : 0)
            if random.next() % 100 < latePercent { arrival += disorder * 3 + Int64(random.next() % 10_000) }
            clicks.append((arrival, click))
            if random.next() % 100 < duplicatePercent {
                clicks.append((time + Int64(random.next() % UInt64(max(1, disorder))), click))
            }
        }
        var arrivals: [Arrival] = []
        var highest = Int64.min
        for (index, click) in clicks.sorted(by: { $0.0 < $1.0 }).enumerated() {
            arrivals.append(.click(click.1))
            highest = max(highest, click.1.time)
            if index % 37 == 36 { arrivals.append(.watermark(highest - disorder)) }
        }
        return arrivals
    }
}

extension Query where Steps: ~Copyable, Sink: ~Copyable, Steps.Input == Click {
    /// Takes arrivals, and the end of the input with them where it is the end.
    mutating func take(_ arrivals: some Sequence<Arrival>, isEnd: Bool = true) throws {
        for arrival in arrivals {
            switch arrival {
            case .click(let click): try receive(click, at: click.time)
            case .watermark(let watermark): try advance(to: watermark)
            }
        }
        if isEnd { try finish() }
    }
}

/// Runs a query whole, and then in parts: two shards by key group, whose snapshots are taken at a random place and taken
/// up by four others. The lines of both.
func wholeAndSharded<Steps: Operator<Click, Result> & ~Copyable, Result: BitwiseCopyable>(
    _ stream: StreamCase, line: (Result) -> String, _ make: (Kept<Result>) -> Query<Steps, Collect<Result>>
) throws -> (whole: [String], sharded: [String]) {
    let arrivals = stream.arrivals()
    let whole = Kept<Result>()
    var query = make(whole)
    try query.take(arrivals)

    var random = SplitMix(seed: stream.seed ^ 0xabc)
    let cut = Int(random.next() % UInt64(arrivals.count))
    let sharded = Kept<Result>()
    func shard(_ arrivals: ArraySlice<Arrival>, _ groups: Range<Int>) -> [Arrival] {
        arrivals.filter {
            guard case .click(let click) = $0 else { return true }
            return groups.contains(KeyGroup.of(click.key))
        }
    }
    var snapshots: [[UInt8]] = []
    for index in 0..<2 {
        var query = make(sharded)
        try query.take(shard(arrivals[..<cut], KeyGroup.range(of: index, shards: 2)), isEnd: false)
        snapshots.append(query.snapshot())
    }
    for index in 0..<4 {
        let groups = KeyGroup.range(of: index, shards: 4)
        var query = make(sharded)
        for snapshot in snapshots { try query.restore(snapshot, groups: groups) }
        try query.take(shard(arrivals[cut...], groups))
    }
    return (whole.elements.map(line).sorted(), sharded.elements.map(line).sorted())
}
