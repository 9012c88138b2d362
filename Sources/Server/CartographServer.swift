public import Access
public import Collector
import Foundation
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import ServiceLifecycle
public import Streaming
public import Telemetry
import UnixSignals

/// The platform's one HTTP server: the door for events, the read API, the live dashboard, metrics and health.
public struct CartographServer: Sendable {
    private let configuration: ServerConfiguration
    private let door: Door
    private let tracker: TrackerRoute
    private let feed: LiveFeed
    private let metrics: Metrics
    private let operations: any ShopOperations
    private let catalog: CatalogService?
    private let logger: Logger

    /// A server, not yet listening.
    ///
    /// - Parameters:
    ///   - keys: the write keys, which the caller starts and closes.
    ///   - catalog: the Iceberg REST catalog; nil for none.
    /// - Throws: `ServerError` when it would listen beyond this machine without a token, or has no tracker script.
    public init(
        _ configuration: ServerConfiguration, collector: Collector, keys: KeyStore, feed: LiveFeed,
        metrics: Metrics, operations: any ShopOperations, catalog: CatalogService? = nil, logger: Logger
    ) throws(ServerError) {
        guard configuration.isLoopback || configuration.token?.isEmpty == false else {
            throw ServerError(
                "listening on \(configuration.host) would let other machines in: set a token "
                    + "(token: in cartograph.yaml, or CARTOGRAPH_TOKEN), or listen on 127.0.0.1")
        }
        self.configuration = configuration
        let access = WriteAccess(
            token: configuration.token, ownToken: configuration.ownToken, keys: keys,
            origins: configuration.corsOrigins)
        door = Door(collector: collector, access: access, limits: configuration.limits, metrics: metrics)
        tracker = try TrackerRoute(webFolder: configuration.webFolder)
        self.feed = feed
        self.metrics = metrics
        self.operations = operations
        self.catalog = catalog
        self.logger = logger
    }

    /// Listens until a signal asks to stop or the task is cancelled, then lets running requests finish.
    ///
    /// - Parameter running: called once with the port that was taken, when requests are answered.
    public func run(running: @escaping @Sendable (Int) -> Void) async throws {
        let router = Router()
        router.middlewares.add(SecurityHeaders())
        router.middlewares.add(ErrorBodies())
        router.middlewares.add(TokenGuard(token: configuration.token))
        if let catalog {
            router.middlewares.add(CatalogMiddleware(service: catalog, door: door, token: configuration.token))
        }
        router.middlewares.add(
            FileMiddleware(configuration.webFolder, searchForIndexHtml: true, logger: logger))
        QuarantineRoute(door: door).add(to: router)
        ErasureRoute(operations: operations).add(to: router)
        BatchRoute(operations: operations).add(to: router)
        FraudLabelRoute(operations: operations).add(to: router)
        EventMethods().add(to: router)
        tracker.add(to: router)
        LiveRoute(feed: feed).add(to: router)
        ReadRoutes(door: door, feed: feed, metrics: metrics, operations: operations, version: configuration.version)
            .add(to: router)
        let application = Application(
            router: router,
            server: HTTPServerBuilder { [door] responder in DoorChannel(responder: responder, door: door) },
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), serverName: "cartograph",
                availableConnectionsDelegate: MaximumAvailableConnections(configuration.limits.connections)),
            onServerRunning: { channel in running(channel.localAddress?.port ?? configuration.port) },
            logger: logger)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [feed] in
                    while true {
                        try await Task.sleep(for: .seconds(LiveFeed.keepAliveSeconds))
                        feed.pulse()
                    }
                }
                defer { group.cancelAll() }
                try await application.runService(gracefulShutdownSignals: [.sigterm, .sigint])
            }
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw ServerError(
                "port \(configuration.port) on \(configuration.host) is in use: stop what listens there, or choose "
                    + "another with --port")
        } catch let error as IOError where error.errnoCode == EACCES {
            throw ServerError(
                "port \(configuration.port) may not be opened by this user: choose one above 1023 with --port")
        }
    }
}
