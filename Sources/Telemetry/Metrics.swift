import Synchronization

/// A number that only rises.
public final class Counter: Sendable {
    private let value = Atomic<Int64>(0)

    init() {}

    /// Adds to it.
    public func add(_ amount: Int64 = 1) { value.wrappingAdd(amount, ordering: .relaxed) }

    /// Its value now.
    public var current: Int64 { value.load(ordering: .relaxed) }
}

/// A number that moves both ways.
public final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)

    init() {}

    /// Sets it.
    public func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    /// Its value now.
    public var current: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// Durations counted into fixed buckets.
public final class Histogram: Sendable {
    /// The buckets' upper bounds in seconds: from 0.5 ms to 10 s.
    public static let bounds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    private struct State {
        var counts = [Int64](repeating: 0, count: Histogram.bounds.count + 1)
        var sum = 0.0
    }

    private let state = Mutex(State())

    init() {}

    /// Counts one duration.
    public func observe(_ seconds: Double) {
        let bucket = Histogram.bounds.firstIndex { seconds <= $0 } ?? Histogram.bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += seconds
        }
    }

    /// The counts for each bound (not cumulative, the last for all above) and the sum of all durations in seconds.
    public var current: (counts: [Int64], sum: Double) {
        state.withLock { ($0.counts, $0.sum) }
    }
}

/// The platform's metrics by name and label, written in the Prometheus text format (version 0.0.4).
public final class Metrics: Sendable {
    private enum Instrument {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)
    }

    private struct Family {
        let help: String
        let kind: String
        var members: [String: Instrument] = [:]
    }

    /// The most label sets of one name; past it a new set shares the last one, so that input cannot grow memory.
    public static let membersPerName = 1_000

    private let families = Mutex<[String: Family]>([:])

    /// An empty registry.
    public init() {}

    /// The counter of that name and labels, made when it is first asked for.
    public func counter(_ name: String, help: String, _ labels: KeyValuePairs<String, String> = [:]) -> Counter {
        let made = member(name, help, "counter", labels) { .counter(Counter()) }
        guard case .counter(let counter) = made else { preconditionFailure("\(name) is not a counter") }
        return counter
    }

    /// The gauge of that name and labels, made when it is first asked for.
    public func gauge(_ name: String, help: String, _ labels: KeyValuePairs<String, String> = [:]) -> Gauge {
        let made = member(name, help, "gauge", labels) { .gauge(Gauge()) }
        guard case .gauge(let gauge) = made else { preconditionFailure("\(name) is not a gauge") }
        return gauge
    }

    /// The histogram of that name and labels, made when it is first asked for.
    public func histogram(_ name: String, help: String, _ labels: KeyValuePairs<String, String> = [:]) -> Histogram {
        let made = member(name, help, "histogram", labels) { .histogram(Histogram()) }
        guard case .histogram(let histogram) = made else { preconditionFailure("\(name) is not a histogram") }
        return histogram
    }

    private func member(
        _ name: String, _ help: String, _ kind: String, _ labels: KeyValuePairs<String, String>,
        _ make: () -> Instrument
    ) -> Instrument {
        let key = labels.map { "\($0.key)=\"\(Metrics.escaped($0.value))\"" }.joined(separator: ",")
        return families.withLock { families in
            var family = families[name] ?? Family(help: help, kind: kind)
            precondition(family.kind == kind, "\(name) is a \(family.kind), not a \(kind)")
            let room = family.members[key] != nil || family.members.count < Metrics.membersPerName
            let slot = room ? key : "overflow=\"true\""
            if let known = family.members[slot] { return known }
            let made = make()
            family.members[slot] = made
            families[name] = family
            return made
        }
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    /// All metrics in the Prometheus text format.
    public func text() -> String {
        let families = families.withLock { $0 }
        var out = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            out += "# HELP \(name) \(family.help)\n# TYPE \(name) \(family.kind)\n"
            for (labels, instrument) in family.members.sorted(by: { $0.key < $1.key }) {
                let suffix = labels.isEmpty ? "" : "{\(labels)}"
                switch instrument {
                case .counter(let counter): out += "\(name)\(suffix) \(counter.current)\n"
                case .gauge(let gauge): out += "\(name)\(suffix) \(gauge.current)\n"
                case .histogram(let histogram): out += Metrics.text(name, labels, histogram)
                }
            }
        }
        return out
    }

    private static func text(_ name: String, _ labels: String, _ histogram: Histogram) -> String {
        let (counts, sum) = histogram.current
        let comma = labels.isEmpty ? "" : labels + ","
        let suffix = labels.isEmpty ? "" : "{\(labels)}"
        var out = ""
        var total: Int64 = 0
        for (bound, count) in zip(Histogram.bounds, counts) {
            total += count
            out += "\(name)_bucket{\(comma)le=\"\(bound)\"} \(total)\n"
        }
        total += counts.last ?? 0
        out += "\(name)_bucket{\(comma)le=\"+Inf\"} \(total)\n"
        return out + "\(name)_sum\(suffix) \(sum)\n\(name)_count\(suffix) \(total)\n"
    }
}
