import Engine
import EventLog
import Foundation
import Rates
import Synchronization
import Telemetry

/// Fetches exchange rates on a timer, on a thread of its own. When there are none to be had, the last known ones stay in
/// force, and that is told.
final class RatesService: Sendable {
    /// Seconds until the next attempt after one that failed, where the timer is slower.
    private static let retrySeconds = 900.0

    private let book: RatesBook
    private let source: RatesSource
    private let seconds: Double
    private let objectStore: (@Sendable () throws -> [ObjectStoreAccess])?
    private let report: @Sendable (String) -> Void
    private let succeeded: Counter
    private let failed: Counter
    private let isOK: Gauge
    private let newestDay: Gauge
    private let stopping = DispatchSemaphore(value: 0)
    private let finished = DispatchSemaphore(value: 0)

    init(
        book: RatesBook, source: RatesSource, seconds: Double,
        objectStore: (@Sendable () throws -> [ObjectStoreAccess])?, metrics: Metrics,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.book = book
        self.source = source
        self.seconds = seconds
        self.objectStore = objectStore
        self.report = report
        let help = "Attempts to fetch exchange rates."
        succeeded = metrics.counter("cartograph_rates_fetches_total", help: help, ["outcome": "ok"])
        failed = metrics.counter("cartograph_rates_fetches_total", help: help, ["outcome": "failed"])
        isOK = metrics.gauge("cartograph_rates_ok", help: "1 when exchange rates were fetched the last time.")
        newestDay = metrics.gauge(
            "cartograph_rates_newest_seconds",
            help: "The day of the newest exchange rate, in seconds since 1970.")
    }

    /// Starts the thread.
    func start() {
        let thread = Thread { [self] in
            ThreadPriority.lower(by: ThreadPriority.upkeep)
            var wait = 0.0
            var lastFailure: String?
            while stopping.wait(timeout: .now() + wait) == .timedOut {
                do {
                    try fetch()
                    if lastFailure != nil { report("exchange rates are fetched again from \(source.url)") }
                    lastFailure = nil
                    wait = seconds
                } catch {
                    failed.add()
                    isOK.set(0)
                    if lastFailure != "\(error)" {
                        report("exchange rates were not fetched, the last known ones stay in force: \(error)")
                    }
                    lastFailure = "\(error)"
                    wait = min(seconds, Self.retrySeconds)
                }
            }
            finished.signal()
        }
        thread.name = "rates"
        thread.stackSize = 8 << 20
        thread.start()
    }

    private func fetch() throws {
        let connection = try RatesBook.connect(objectStore: objectStore)
        try book.addBuiltIn(connection)
        let done = try book.fetch(source, connection)
        succeeded.add()
        isOK.set(1)
        let newest = try RatesTable(book.catalog, connection).latest().map(\.date).max()
        if let day = newest.flatMap({ ExchangeRate.day($0) }) { newestDay.set(Double(day) * 86_400) }
        if done.corrected > 0 { report("\(done.corrected) exchange rates were corrected by \(source.url)") }
    }

    /// Ends the thread, after what it is doing.
    func stop() {
        stopping.signal()
        finished.wait()
    }
}
