import Access
import Collector
import EventLog
import Events
import Foundation
import Iceberg
import Logging
import Server
import ServiceLifecycle
import Storage
import Streaming
import Synchronization
import Telemetry

/// A server on a free port of this machine, before a log in a folder of its own.
final class TestServer: Sendable {
    let folder: String
    let log: EmbeddedLog
    let keys: KeyStore
    let metrics = Metrics()
    let port: Int
    /// The catalog that it serves, where one was asked for.
    let catalog: SQLiteCatalog?
    private let group: ServiceGroup
    private let running: Task<Void, any Error>

    /// Starts one, with what `change` does to its bounds.
    static func start(
        token: String? = nil, origins: [String] = [], keys: [KeyRecord] = [], sharing: Sharing? = nil,
        _ change: (inout DoorLimits) -> Void = { _ in }
    ) async throws -> TestServer {
        let folder = NSTemporaryDirectory() + "cartograph-server-" + UUID().uuidString
        for part in ["/web/tracker", "/access"] {
            try FileManager.default.createDirectory(atPath: folder + part, withIntermediateDirectories: true)
        }
        try Data("// tracker".utf8).write(to: URL(fileURLWithPath: folder + "/web/tracker/tracker.js"))
        try Data("<html>".utf8).write(to: URL(fileURLWithPath: folder + "/web/index.html"))
        var configuration = ServerConfiguration(webFolder: folder + "/web", version: "test")
        configuration.port = 0
        configuration.token = token
        configuration.corsOrigins = origins
        change(&configuration.limits)
        if !keys.isEmpty { try KeyFile(folder: folder + "/access").change { $0 = keys } }
        return try await TestServer(configuration, folder, sharing)
    }

    private init(_ configuration: ServerConfiguration, _ folder: String, _ sharing: Sharing?) async throws {
        self.folder = folder
        let shared = try sharing.map {
            try SQLiteCatalog(path: folder + "/lake/catalog.sqlite", warehouse: folder + "/lake", storage: $0.storage)
        }
        catalog = shared
        log = try EmbeddedLog(folder: folder + "/log")
        keys = try KeyStore(folder: folder + "/access") { _ in }
        var logger = Logger(label: "test") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .error
        let server = try CartographServer(
            configuration, collector: Collector(log: log, metrics: metrics), keys: keys, feed: LiveFeed(),
            metrics: metrics, operations: NothingBehind(),
            catalog: shared.map { [metrics] in
                CatalogService($0, sharing?.settings ?? CatalogSettings(), metrics: metrics)
            },
            logger: logger)
        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        let service = ServerService { try await server.run { announce.yield($0) } }
        group = ServiceGroup(services: [service], logger: logger)
        running = Task { [group] in
            defer { announce.finish() }
            try await group.run()
        }
        guard let port = await ports.first(where: { _ in true }) else {
            try await running.value
            throw ServerError("the server ended without a port")
        }
        self.port = port
    }

    private struct ServerService: Service {
        let body: @Sendable () async throws -> Void
        func run() async throws { try await body() }
    }

    /// How a catalog is served.
    struct Sharing {
        var settings = CatalogSettings()
        var storage: any ObjectStorage = LocalStorage()
    }

    /// Asks it to stop, and waits until it has.
    func stop() async throws {
        await group.triggerGracefulShutdown()
        try await running.value
        log.close()
        try keys.close()
        try FileManager.default.removeItem(atPath: folder)
    }

    func askToStop() async { await group.triggerGracefulShutdown() }
    func waitUntilStopped() async throws { try await running.value }

    /// Runs a test against a server, and stops it.
    static func with(
        token: String? = nil, origins: [String] = [], keys: [KeyRecord] = [], sharing: Sharing? = nil,
        limits change: (inout DoorLimits) -> Void = { _ in },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let server = try await start(token: token, origins: origins, keys: keys, sharing: sharing, change)
        do {
            try await body(server)
        } catch {
            try await server.stop()
            throw error
        }
        try await server.stop()
    }

    /// The value of a metric, as `/metrics` writes it.
    func metric(_ name: String) -> Double? {
        metrics.text().split(separator: "\n").first { $0.hasPrefix(name + " ") }.flatMap {
            Double($0.dropFirst(name.count + 1))
        }
    }
}

/// The platform behind the read API, of which these tests ask nothing.
private struct NothingBehind: ShopOperations {
    func label(_ said: [(orderID: String, isFraud: Bool)]) async throws {}
    func erase(
        _ people: People, dryRun: Bool, progress: @escaping @Sendable ([UInt8]) -> Void
    ) async throws -> [UInt8] {
        progress(Array("{\"progress\":{}}".utf8))
        return Array("{\"certificate\":{\"dry_run\":\(dryRun)}}".utf8)
    }

    struct Nothing: Error {}
    func dailySales(days: Int) async throws -> [UInt8] { throw Nothing() }
    func rebuild(select: [String], exclude: [String], fullRefresh: Bool) async throws -> [UInt8] { throw Nothing() }
    func verify() async throws -> [UInt8] { throw Nothing() }
    func status() async throws -> [UInt8] { Array("{}".utf8) }
    func quarantine(limit: Int) async throws -> [UInt8] { throw Nothing() }
    func unreadiness() -> String? { nil }
}

/// Runs what blocks on a thread of its own: the tasks' threads are few, and the server needs them. It stays the same
/// task, so that what fails in it is known to be the test's.
func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withTaskExecutorPreference(ThreadExecutor()) { try body() }
}

/// Runs each job on a new thread.
private final class ThreadExecutor: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }.start()
    }
}

/// A valid event, told apart by its id.
func search(_ id: String) -> String {
    #"{"type":"search","event_id":"\#(id)","user_id":"u","session_id":"s","ts":"2026-01-02T03:04:05Z","query":"a"}"#
}
