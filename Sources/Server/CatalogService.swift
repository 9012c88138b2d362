public import Iceberg
import Storage
public import Telemetry

/// The Iceberg REST catalog over the platform's own catalog: every answer that `/iceberg/v1/…` gives.
///
/// Its work blocks, and is done on ``CatalogWorkers``. It knows nothing of HTTP beyond methods, paths and statuses.
public final class CatalogService: Sendable {
    let catalog: SQLiteCatalog
    let settings: CatalogSettings
    let shield: CatalogGuard
    let metrics: CatalogMetrics
    let workers: CatalogWorkers
    let now: @Sendable () -> Int64

    /// A service over `catalog`.
    ///
    /// - Parameter now: the time in milliseconds since the epoch, UTC.
    public init(
        _ catalog: SQLiteCatalog, _ settings: CatalogSettings, metrics: Metrics,
        now: @escaping @Sendable () -> Int64 = { CommitPolicy.wallClock() }
    ) {
        self.catalog = catalog
        self.settings = settings
        self.metrics = CatalogMetrics(metrics)
        self.now = now
        shield = CatalogGuard(catalog: catalog, settings: settings)
        workers = CatalogWorkers(settings.limits)
    }

    /// Answers a request, on the thread of the caller.
    func answer(_ request: CatalogRequest, _ route: CatalogRoute) -> CatalogAnswer {
        do {
            return try work(request, route)
        } catch {
            return CatalogAnswer(CatalogError(error))
        }
    }

    private func work(_ request: CatalogRequest, _ route: CatalogRoute) throws -> CatalogAnswer {
        switch route {
        case .config: config()
        case .listNamespaces: try listNamespaces(request)
        case .createNamespace: try createNamespace(request)
        case .loadNamespace(let namespace): try loadNamespace(namespace)
        case .namespaceExists(let namespace): try namespaceExists(namespace)
        case .dropNamespace(let namespace): try dropNamespace(namespace)
        case .updateNamespace(let namespace): try updateNamespace(namespace, request)
        case .listTables(let namespace): try listTables(namespace, request)
        case .createTable(let namespace): try createTable(namespace, request)
        case .registerTable(let namespace): try registerTable(namespace, request)
        case .loadTable(let identifier): try loadTable(identifier, request)
        case .tableExists(let identifier): try tableExists(identifier)
        case .commitTable(let identifier): try commitTable(identifier, request)
        case .dropTable(let identifier): try dropTable(identifier, request)
        case .reportMetrics(let identifier): try reportMetrics(identifier, request)
        case .renameTable: try renameTable(request)
        case .commitTransaction: try commitTransaction(request)
        case .listViews(let namespace): try listViews(namespace)
        case .missingView(let namespace, let name):
            throw CatalogError(404, "NoSuchViewException", "there is no view \(namespace).\(name)")
        case .unsupported(let what):
            throw CatalogError.unsupported(
                "\(what): this catalog keeps tables, and clients plan their scans themselves")
        case .wrongMethod(let allowed): throw CatalogError.methodNotAllowed(allowed)
        case .unknown:
            throw CatalogError(
                404, "NotFoundException", "there is no such address: GET /iceberg/v1/config lists what there is")
        }
    }

    /// The part of a listing that was asked for, and where the next one begins. Without a `pageToken` all of it.
    func page<Element>(
        _ all: [Element], _ request: CatalogRequest, by name: (Element) -> String
    ) throws -> (part: [Element], next: String?) {
        guard let token = request.query["pageToken"] else { return (all, nil) }
        let asked = request.query["pageSize"]
        let size = asked.map { Int($0) ?? 0 } ?? settings.limits.pageNames
        guard size > 0 else {
            throw CatalogError.badRequest("pageSize must be a positive number")
        }
        // The token is the last name of the page before, so that a page stays right while names come and go.
        let rest = token.isEmpty ? all[...] : all[(all.firstIndex { name($0) > token } ?? all.endIndex)...]
        let part = rest.prefix(min(size, settings.limits.pageNames))
        return (Array(part), part.count < rest.count ? part.last.map(name) : nil)
    }
}

/// What is counted of the catalog's work.
struct CatalogMetrics: Sendable {
    let commitSeconds: Histogram
    let conflicts: Counter
    let repeats: Counter
    private let metrics: Metrics

    init(_ metrics: Metrics) {
        self.metrics = metrics
        commitSeconds = metrics.histogram(
            "cartograph_catalog_commit_seconds", help: "Commits through the Iceberg REST catalog that were made.")
        conflicts = metrics.counter(
            "cartograph_catalog_conflicts_total", help: "Commits refused because another writer was first.")
        repeats = metrics.counter(
            "cartograph_catalog_repeated_commits_total", help: "Commits that had been made before and were sent again.")
    }

    func answered(_ route: String, _ status: Int) {
        metrics.counter(
            "cartograph_catalog_requests_total", help: "Requests to the Iceberg REST catalog.",
            ["route": route, "status": String(status)]
        ).add()
    }

    func reported(_ type: String) {
        metrics.counter(
            "cartograph_catalog_reports_total", help: "Scan and commit reports that clients sent.", ["type": type]
        ).add()
    }
}
