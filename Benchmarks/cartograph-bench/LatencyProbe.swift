import Foundation
import Synchronization

/// Sends single events and waits for the live view to hold them: each acknowledgement names its commit, each message of
/// the live view the last commit that it holds whole.
struct LatencyProbe {
    /// The pause between two probes in microseconds: about 15 a second, at no multiple of the views' own pace.
    private static let pause: UInt32 = 67_000

    let port: Int

    /// The delays in seconds from acknowledgement to view, and the bytes of each message of changes.
    func measure(seconds: Double) throws -> (delays: [Double], sizes: [Int]) {
        let waiting = Waiting()
        let views = try PlainConnection(port: port)
        try views.send("GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        let listener = Thread {
            var isWhole = false
            while let line = views.line() {
                if line.hasPrefix("event:") { isWhole = line.hasPrefix("event: live") }
                guard line.hasPrefix("data:") else { continue }
                // Changes without a commit are of the lake or the clock.
                let commit = LatencyProbe.number(in: line, after: "\"commit\":")
                waiting.seen(commit, bytes: line.utf8.count, isWhole: isWhole, at: LatencyProbe.now())
            }
        }
        listener.start()
        let door = try PlainConnection(port: port)
        let end = LatencyProbe.now() + seconds
        while LatencyProbe.now() < end {
            let event =
                "{\"type\":\"click\",\"event_id\":\"\(UUID().uuidString)\",\"user_id\":\"probe\",\"session_id\":\"probe\","
                + "\"product_id\":\"p-00001\",\"ts\":\(Int(Date().timeIntervalSince1970 * 1_000)),\"page\":\"/\","
                + "\"referrer\":\"\"}"
            try door.send(
                "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(event.utf8.count)\r\n\r\n\(event)")
            guard let body = door.answer(), let commit = LatencyProbe.number(in: body, after: "\"commit\":") else {
                throw BenchError("the door gave no answer to a probe")
            }
            waiting.acknowledged(commit, at: LatencyProbe.now())
            usleep(LatencyProbe.pause)
        }
        waiting.waitForAll(seconds: 5)
        return (waiting.delays, waiting.sizes)
    }

    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func number(in text: String, after key: String) -> Int? {
        guard let found = text.range(of: key) else { return nil }
        return Int(text[found.upperBound...].prefix { $0.isNumber })
    }
}

/// Commits that were acknowledged and not yet seen in a view.
private final class Waiting: Sendable {
    private struct State {
        var open: [(commit: Int, at: Double)] = []
        var delays: [Double] = []
        var seen = 0
        var sizes: [Int] = []
    }

    private let condition = NSCondition()
    // Guarded by the condition's lock.
    nonisolated(unsafe) private var state = State()

    func acknowledged(_ commit: Int, at instant: Double) {
        condition.withLock {
            // A view may overtake the acknowledgement: then the event was there at once.
            if commit <= state.seen { state.delays.append(0) } else { state.open.append((commit, instant)) }
        }
    }

    func seen(_ commit: Int?, bytes: Int, isWhole: Bool, at instant: Double) {
        condition.withLock {
            if !isWhole { state.sizes.append(bytes) }
            guard let commit else { return }
            state.seen = max(state.seen, commit)
            state.delays += state.open.filter { $0.commit <= commit }.map { instant - $0.at }
            state.open.removeAll { $0.commit <= commit }
            condition.broadcast()
        }
    }

    func waitForAll(seconds: Double) {
        let deadline = Date(timeIntervalSinceNow: seconds)
        condition.withLock { while !state.open.isEmpty, condition.wait(until: deadline) {} }
    }

    var delays: [Double] { condition.withLock { state.delays } }
    var sizes: [Int] { condition.withLock { state.sizes } }
}
