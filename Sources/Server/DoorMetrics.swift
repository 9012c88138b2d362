import Synchronization
import Telemetry

/// What the HTTP side counts.
final class DoorMetrics: Sendable {
    /// Why a request was refused, as the label of a metric.
    enum Refused: String, CaseIterable {
        case unauthorized, origin, rate, quota
        case tooLarge = "too_large"
        case unsupported, malformed, pressure
        case outOfOrder = "out_of_order"
        case log
        case slowHead = "slow_head"
        case slowBody = "slow_body"
        case stopping
    }

    private let metrics: Metrics
    /// By status, from 100 to 599; made when first needed.
    private let requests = Mutex<[Int: Counter]>([:])
    private let refusals: [Refused: Counter]
    private let open = Atomic<Int>(0)
    let acknowledgement: Histogram

    init(_ metrics: Metrics) {
        self.metrics = metrics
        acknowledgement = metrics.histogram(
            "cartograph_acknowledgement_seconds",
            help: "From a request's head to its events being durable.")
        var refusals: [Refused: Counter] = [:]
        for reason in Refused.allCases {
            refusals[reason] = metrics.counter(
                "cartograph_http_refused_total", help: "Requests and connections that were refused.",
                ["reason": reason.rawValue])
        }
        self.refusals = refusals
    }

    func answered(_ status: Int) {
        let counter = requests.withLock { requests in
            if let known = requests[status] { return known }
            let made = metrics.counter(
                "cartograph_http_requests_total", help: "Requests answered, by status.", ["status": String(status)])
            requests[status] = made
            return made
        }
        counter.add()
    }

    func refused(_ refusal: DoorRefusal) {
        refusals[refusal.reason]?.add()
        guard let key = refusal.limitedKeyID else { return }
        metrics.counter(
            "cartograph_key_limited_total", help: "Requests refused for a write key's rate or quota.", ["key": key]
        ).add()
    }

    func accepted(_ events: Int, key: String?) {
        guard let key, events > 0 else { return }
        metrics.counter(
            "cartograph_key_events_total", help: "Events accepted with a write key.", ["key": key]
        ).add(Int64(events))
    }

    func connectionOpened() { open.add(1, ordering: .relaxed) }
    func connectionClosed() { open.subtract(1, ordering: .relaxed) }

    /// Sets the gauges, for whoever is about to read them.
    func refresh(inFlight: Int) {
        metrics.gauge("cartograph_http_connections", help: "Connections that are open.")
            .set(Double(open.load(ordering: .relaxed)))
        metrics.gauge(
            "cartograph_http_body_bytes", help: "Bytes of request bodies held until their events are durable."
        )
        .set(Double(inFlight))
    }
}
