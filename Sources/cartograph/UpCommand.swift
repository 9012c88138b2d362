import Access
import ArgumentParser
import Collector
import EventLog
import Events
import Foundation
import Iceberg
import Lake
import Logging
import Rates
import Server
import Simulator
import Storage
import Streaming
import Telemetry

/// `cartograph up`: everything in one process.
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Take events, keep them, count them, and show them: everything in one process.")

    @OptionGroup var options: ShopOptions
    @Option(name: .long, help: "The port to listen on (default 8080; 0 for any that is free).") var port: Int?
    @Option(name: .long, help: "The address to listen on (default 127.0.0.1).") var host: String?
    @Option(name: .long, help: "Send this many simulated events a second to itself.") var simulate: Int?
    @Option(name: .long, help: "The seed of the simulated shop.") var seed: UInt64 = 1
    @Option(name: .long, help: "The scenario of the simulated shop: normal or fraud.") var scenario = "normal"
    @Flag(
        name: .long,
        help: "Only take events and keep them; the live view, the lake and the models catch up at the next start.")
    var doorOnly = false

    func validate() throws {
        if let port, !(0...65_535).contains(port) { throw ValidationError("--port must be 0 to 65535") }
        guard ScenarioName(rawValue: scenario) != nil else {
            throw ValidationError("--scenario must be normal or fraud, not '\(scenario)'")
        }
        if let simulate, simulate < 1 || simulate > 10_000_000 {
            throw ValidationError("--simulate must be 1 to 10000000 events a second")
        }
    }

    func run() async throws {
        let began = ContinuousClock.now
        let startedAt = EmbeddedLog.wallClock()
        let settings = try options.settings()
        let logger = options.logger("cartograph")
        let report = options.reporter()
        let shop = try Shop.open(
            try DataFolder.open(settings.data), settings, engineBytes: BatchService.engineBytes, report: report,
            alarm: options.alarm())
        let runner = StreamRunner(
            log: shop.log, settings: shop.stream,
            freshness: { [lake = shop.lake, batch = shop.batch] in
                LiveView.Freshness(
                    lakeLagSeconds: lake.lagSeconds(now: EmbeddedLog.wallClock()),
                    lastBatchAt: batch.current.lastRunAt, bronzeRows: lake.current.rows)
            }, report: report)
        let operations = Operations(shop: shop, runner: runner, startedAt: startedAt)
        var configuration = ServerConfiguration(webFolder: shop.home.web, version: Cartograph.version)
        configuration.host = host ?? settings.host
        configuration.port = port ?? settings.port
        configuration.token = settings.token
        configuration.corsOrigins = settings.corsOrigins
        // The simulator of this process comes in by the door like everybody, also where only keys open it.
        configuration.ownToken = WriteKey.generate().secret
        var sharing = CatalogSettings()
        sharing.fedNamespace = BronzeTable.namespace
        sharing.offsetsKey = SnapshotState.offsets
        if let s3 = settings.lake.s3 { sharing.tableConfiguration = Self.hints(s3) }
        if settings.lake.vendsKeys, let store = shop.objectStore { sharing.tableKeys = { try Self.keys(of: store) } }
        let server: CartographServer
        let keys: KeyStore
        do {
            keys = try KeyStore(folder: KeyFile.folder(inData: shop.folder.path), report: report)
            server = try CartographServer(
                configuration, collector: Collector(log: shop.log, metrics: shop.metrics, erased: shop.erased),
                keys: keys, feed: runner.feed, metrics: shop.metrics, operations: operations,
                // A catalog that is elsewhere is served there.
                catalog: (shop.catalog as? SQLiteCatalog).map { CatalogService($0, sharing, metrics: shop.metrics) },
                logger: logger)
        } catch {
            shop.close()
            throw error
        }
        keys.start()
        if doorOnly {
            shop.batch.refuseAll(CommandError("this server only takes events (--door-only)"))
        } else {
            runner.start()
            shop.lake.start()
            shop.batch.start()
        }
        let gauges = OperationalGauges(shop: shop, runner: runner, report: report)
        let retention =
            settings.retention == LogRetention() || doorOnly
            ? nil
            : RetentionService(
                log: shop.log, lake: shop.lake, runner: runner, policy: settings.retention, report: report)
        let rates = try doorOnly ? nil : Self.ratesService(shop, report)
        rates?.start()
        let failure = await serve(server, shop, configuration, gauges, retention, began)
        rates?.stop()
        do {
            try keys.close()
        } catch {
            report("what the write keys have used today is not kept: \(error)")
        }
        do {
            try stop(shop, runner, logger)
        } catch {
            // Why it could not serve comes before what went wrong afterwards.
            throw failure ?? error
        }
        if let failure { throw failure }
    }

    /// What fetches exchange rates, where the configuration says from where.
    private static func ratesService(
        _ shop: Shop, _ report: @escaping @Sendable (String) -> Void
    ) throws -> RatesService? {
        guard let url = shop.settings.ratesURL else { return nil }
        return RatesService(
            book: shop.rates, source: try RatesSource(url: url), seconds: shop.settings.ratesSeconds,
            objectStore: shop.engineObjectStore, metrics: shop.metrics, report: report)
    }

    /// What engines need to reach the object store, but for the keys, which each has of its own.
    private static func hints(_ s3: S3Settings) -> [String: String] {
        var hints: [String: String] = [:]
        if let endpoint = s3.endpoint { hints["s3.endpoint"] = endpoint }
        if let region = s3.region {
            // Java reads the second.
            hints["s3.region"] = region
            hints["client.region"] = region
        }
        if let style = s3.style { hints["s3.path-style-access"] = style == .path ? "true" : "false" }
        return hints
    }

    /// The keys of the object store, under the names of the REST API.
    private static func keys(of store: S3Storage) throws -> [String: String] {
        let access = try store.access()
        let keys = access.credentials
        // Clients that look for the region by themselves ask AWS, which knows nothing of other stores.
        var words = ["s3.region": access.region, "client.region": access.region]
        words["s3.access-key-id"] = keys.accessKey
        words["s3.secret-access-key"] = keys.secretKey
        words["s3.session-token"] = keys.sessionToken
        words["s3.session-token-expires-at-ms"] = keys.expiresAt.map { String(Int64($0 * 1_000)) }
        return words
    }

    /// Serves until a signal comes; returns why it could not, if it could not.
    private func serve(
        _ server: CartographServer, _ shop: Shop, _ configuration: ServerConfiguration, _ gauges: OperationalGauges,
        _ retention: RetentionService?, _ began: ContinuousClock.Instant
    ) async -> (any Error)? {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                let (ports, announce) = AsyncStream.makeStream(of: Int.self)
                group.addTask { try await server.run { announce.yield($0) } }
                group.addTask { await gauges.run() }
                if let retention { group.addTask { await retention.run() } }
                if let simulate {
                    group.addTask { try await runSimulator(ports, simulate, configuration, shop, began) }
                } else {
                    group.addTask {
                        for await port in ports { announceAddress(configuration, port, shop, began) }
                    }
                }
                // The server ends first, on a signal or because it cannot listen.
                try await group.next()
                group.cancelAll()
            }
            return nil
        } catch {
            return error is CancellationError ? nil : error
        }
    }

    private struct Hello: Encodable {
        let address: String
        let data: String
        let seconds: Double
    }

    private func announceAddress(
        _ configuration: ServerConfiguration, _ port: Int, _ shop: Shop, _ began: ContinuousClock.Instant
    ) {
        let address = "http://\(configuration.urlHost):\(port)"
        shop.lock.describe(Owner(process: getpid(), address: address).text)
        let took = ContinuousClock.now - began
        let seconds = took.inSeconds
        if options.json {
            let hello = Hello(address: address + "/", data: shop.folder.path, seconds: seconds)
            // Two texts and a number always encode.
            if let text = try? JSONEncoder().encode(hello) { print(String(decoding: text, as: UTF8.self)) }
        } else {
            print(
                """
                Cartograph \(Cartograph.version) is up after \(seconds.rounded(to: 2)) s
                  dashboard   \(address)/
                  send events curl -X POST \(address)/v1/events -H 'content-type: application/json' -d '{...}'
                  catalog     \(shop.settings.lake.catalog ?? address + "/iceberg") (Iceberg REST)
                  data        \(shop.folder.path)
                Ctrl-C stops it; starting again carries on where it was.
                """)
        }
        // Whoever waits for the address reads it through a pipe as often as on a terminal.
        fflush(nil)
    }

    private func runSimulator(
        _ ports: AsyncStream<Int>, _ rate: Int, _ configuration: ServerConfiguration, _ shop: Shop,
        _ began: ContinuousClock.Instant
    ) async throws {
        for await port in ports {
            announceAddress(configuration, port, shop, began)
            // The second in which it starts numbers the run, so that a restart sends other events.
            let run = UInt32(truncatingIfNeeded: EmbeddedLog.wallClock() / 1_000_000)
            let settings = SimulationSettings(
                seed: seed, run: run, rate: rate, start: EmbeddedLog.wallClock(),
                scenario: ScenarioName(rawValue: scenario) ?? .normal)
            if !doorOnly {
                do {
                    _ = try ProductsBook(shop).add(try ShopSimulator(settings).products, seed: seed)
                } catch {
                    options.reporter()("the simulated shop's products were not taken in: \(error)")
                }
            }
            let feed = try SimulationFeed(settings, rate: rate, events: nil, seconds: nil)
            // Listening on every address, it is reached on this machine's own.
            let anywhere = ["0.0.0.0": "127.0.0.1", "::": "[::1]"][configuration.host]
            let address = try CollectorAddress(
                "http://\(anywhere ?? configuration.urlHost):\(port)", token: configuration.ownToken)
            do {
                _ = try await SimulationSender(address: address, feed: feed).run()
            } catch {
                // The shop goes on without made-up customers.
                options.reporter()("the simulator stopped: \(error)")
                try await Task.sleep(for: .seconds(1 << 30))
            }
        }
    }

    private func stop(_ shop: Shop, _ runner: StreamRunner, _ logger: Logger) throws {
        logger.info("stopping")
        guard !doorOnly else {
            shop.close()
            return
        }
        shop.batch.stop()
        runner.stop()
        var failure: (any Error)?
        do { try shop.lake.stop() } catch { failure = error }
        shop.close()
        if let failure { throw failure }
    }
}
