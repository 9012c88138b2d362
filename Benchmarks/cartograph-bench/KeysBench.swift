import EventLog
import Events
import Streaming

/// The memory of a state that has ten million keys: every event is of another user, session and order.
struct KeysBench {
    static let keys = 10_000_000

    func measures() throws -> [Measure] {
        guard let calendar = BusinessCalendar(zoneNamed: "UTC"), let currency = CurrencyCode("USD") else {
            throw BenchError("no UTC")
        }
        let now = EmbeddedLog.wallClock()
        let stream = ShopStream(calendar: calendar, reportingCurrency: currency, clock: { now })
        let lines = StreamLines()
        var number = 0
        func keys() -> Int { stream.stateUsage.reduce(0) { $0 + $1.entries } }
        while keys() < KeysBench.keys {
            // Nothing is forgotten by time: all of it happens within a minute.
            for _ in 0..<100_000 {
                try lines.apply(Array(KeysBench.line(number, now).utf8), stream)
                number += 1
            }
            guard number <= 2 * KeysBench.keys else { throw BenchError("the state stopped growing at \(keys()) keys") }
        }
        let unkept = stream.stateUsage.filter { $0.bytes > $0.limitBytes }
        guard unkept.isEmpty else { throw BenchError("\(unkept[0].name) holds more than it may") }
        func measure(_ name: String, _ value: Double, _ unit: String) -> Measure {
            Measure(bench: "keys", measure: name, value: value, unit: unit)
        }
        let largest = stream.stateUsage.sorted { $0.bytes > $1.bytes }.prefix(5)
        return [
            measure("keys", Double(keys()), "keys"), measure("events", Double(number), "events"),
            measure("state", Double(stream.byteCount) / 1e6, "MB"),
            measure("bytes for each", Double(stream.byteCount) / Double(keys()), "B"),
            measure("most resident memory", Double(try ServerProcess.mostResident(of: "self")) / 1e6, "MB"),
        ] + largest.map { measure($0.name, Double($0.bytes) / 1e6, "MB, \($0.entries) keys") }
    }

    private static func line(_ number: Int, _ now: Int64) -> String {
        let ids =
            "\"event_id\":\"e\(number)\",\"user_id\":\"u\(number)\",\"session_id\":\"s\(number)\",\"ts\":\"\(Timestamp.text(now))\""
        guard number % 4 == 0 else {
            return "{\"type\":\"click\",\(ids),\"product_id\":\"p\(number % 5_000)\",\"page\":\"/p\",\"referrer\":\"\"}"
        }
        return
            "{\"type\":\"purchase\",\(ids),\"order_id\":\"o\(number)\",\"currency\":\"USD\",\"total_amount\":\"9.90\","
            + "\"items\":[{\"product_id\":\"p\(number % 5_000)\",\"quantity\":1,\"unit_price\":\"9.90\"}]}"
    }
}
