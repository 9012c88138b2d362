import Access
import Collector
import NIOCore
import Synchronization
import Telemetry

/// What all connections of the server share.
final class Door: Sendable {
    let collector: Collector
    let access: WriteAccess
    let limits: DoorLimits
    let metrics: DoorMetrics
    let inFlight: InFlightBytes
    let dates = HTTPDate()

    init(collector: Collector, access: WriteAccess, limits: DoorLimits, metrics: Metrics) {
        self.collector = collector
        self.access = access
        self.limits = limits
        self.metrics = DoorMetrics(metrics)
        inFlight = InFlightBytes(limit: limits.inFlightBytes)
    }
}

/// The bytes of request bodies that are held at this moment, over all connections.
final class InFlightBytes: Sendable {
    private let held = Atomic<Int>(0)
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Counts bytes in; false when that would pass the limit, and then they are not counted.
    func take(_ bytes: Int) -> Bool {
        let after = held.add(bytes, ordering: .relaxed).newValue
        if after <= limit { return true }
        give(back: bytes)
        return false
    }

    func give(back bytes: Int) { held.subtract(bytes, ordering: .relaxed) }

    /// How many bytes are held.
    var current: Int { held.load(ordering: .relaxed) }
}

extension Door {
    /// Counts what came of a request's events, on whatever thread learns of it.
    func settle(_ outcome: Result<CollectResult, CollectError>, _ grant: WriteGrant, _ began: NIODeadline) {
        guard case .success(let result) = outcome else {
            grant.settle(events: 0)
            return
        }
        metrics.acknowledgement.observe(Double((NIODeadline.now() - began).nanoseconds) / 1e9)
        grant.settle(events: result.isRepeat ? 0 : result.accepted + result.rejectedCount)
        if !result.isRepeat { metrics.accepted(result.accepted, key: grant.keyID) }
    }
}
