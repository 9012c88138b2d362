import Engine
import Iceberg
import Synchronization
import Telemetry
import Warehouse

/// Keeps the warehouse up to the lake: after runs of the models, on their thread.
final class WarehouseService: Sendable {
    /// What the service says of itself.
    struct Status: Sendable {
        /// Why the last load failed, if it did.
        var failure: String?
        /// How long the last load took.
        var seconds = 0.0
        fileprivate var next = ContinuousClock.now
    }

    let warehouse: Warehouse
    private let everySeconds: Double
    private let status = Mutex(Status())
    private let rows: Counter
    private let days: Counter
    private let report: @Sendable (String) -> Void

    /// The service, where the settings name a warehouse.
    init?(
        _ settings: Settings, catalog: any Catalog, metrics: Metrics, report: @escaping @Sendable (String) -> Void
    ) throws {
        guard let text = settings.warehouse else { return nil }
        warehouse = Warehouse(
            try WarehouseAddress(text), catalog: catalog,
            settings: .init(timeZone: settings.timezone, currency: settings.currency))
        everySeconds = settings.warehouseSeconds
        self.report = report
        rows = metrics.counter("cartograph_warehouse_rows_total", help: "Rows sent to the warehouse.")
        days = metrics.counter("cartograph_warehouse_days_total", help: "Business days loaded into the warehouse.")
    }

    /// How it is.
    var current: Status { status.withLock { $0 } }

    /// Stops what goes on, for good.
    func cancel() { warehouse.cancel() }

    /// Loads what changed, unless it did so a moment ago. A warehouse that cannot be reached holds nothing up: the next
    /// load carries on.
    /// - Returns: what was loaded; nil when nothing was tried or it failed.
    func loadIfDue(_ connection: Connection, now isNow: Bool = false) -> LoadReport? {
        guard isNow || ContinuousClock.now >= current.next else { return nil }
        defer { status.withLock { $0.next = .now + .seconds(everySeconds) } }
        do {
            let loaded = try warehouse.load(connection)
            rows.add(Int64(loaded.rows))
            days.add(Int64(loaded.days.count))
            status.withLock {
                $0.failure = nil
                $0.seconds = loaded.seconds
            }
            return loaded
        } catch {
            if let error = error as? WarehouseError, error.kind == .cancelled { return nil }
            let text = "\(error)"
            let isNews = status.withLock { status in
                defer { status.failure = text }
                return status.failure != text
            }
            if isNews { report("the warehouse was not loaded: \(text)") }
            return nil
        }
    }
}
