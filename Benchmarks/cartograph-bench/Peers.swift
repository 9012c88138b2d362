import EventLog
import Foundation

/// A system that takes the same events, with the same load generator, on the same machine.
protocol Peer: AnyObject {
    /// What it is, in a few words.
    var name: String { get }
    /// Makes it ready for a run on an empty store.
    func prepare() throws
    /// Sends over so many connections, and returns the processor seconds that the server's processes spent meanwhile.
    func load(connections: Int, seconds: Double, events: Int) throws -> (result: LoadResult, cpu: Double)
    /// Throws unless it holds what it accepted since `prepare`.
    func check(_ events: Int) throws
    /// Checks what can only be checked at the end of everything.
    func finish() throws
    /// Ends it and removes its data; harmless when it was done before.
    func discard()
}

/// The script that installs and starts other systems.
enum PeerScript {
    static func path() throws -> String {
        let program = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        for start in [program.path, FileManager.default.currentDirectoryPath] {
            var folder = URL(fileURLWithPath: start)
            while folder.path != "/" {
                let script = folder.path + "/scripts/bench-peers"
                if FileManager.default.isExecutableFile(atPath: script) { return script }
                folder.deleteLastPathComponent()
            }
        }
        throw BenchError("scripts/bench-peers was not found: run the program from the checkout")
    }

    /// Calls `attempt` until it succeeds or the server has ended, at most 30 seconds.
    static func wait<Result>(
        for server: ServerProcess, in folder: String, _ attempt: () throws -> Result
    ) throws -> Result {
        let deadline = Clocks.now() + 30_000_000_000
        while true {
            do {
                return try attempt()
            } catch {
                guard server.isRunning, Clocks.now() < deadline else {
                    let log = (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? ""
                    throw BenchError("\(server.name) did not start: \(error)\n\(log.suffix(1_000))")
                }
                usleep(20_000)
            }
        }
    }
}

/// Our own door in the same test.
final class CartographPeer: Peer {
    let name = "Cartograph, the door alone"
    private let server: CartographServer
    private let ring: RequestRing
    private var sent = 0

    init?(_ events: SimulatedEvents, batch: Int) throws {
        guard let server = try CartographServer(.door) else { return nil }
        self.server = server
        ring = try RequestRing(events, batch: batch, HTTPFormat(port: server.port), PassNumbers())
    }

    func prepare() {}

    func load(connections: Int, seconds: Double, events: Int) throws -> (result: LoadResult, cpu: Double) {
        let sockets = try Connect.tcp(port: server.port, count: connections)
        let generator = try LoadGenerator(sockets) { HTTPAnswers() }
        let before = try server.process.cpuSeconds()
        let result = try generator.run(ring, seconds: seconds, events: events)
        sent += result.events
        return (result, try server.process.cpuSeconds() - before)
    }

    func check(_ events: Int) {}

    /// The books are checked once, over all runs.
    func finish() throws { try server.verify(sent) }

    func discard() { server.discard() }
}

/// Redis: a stream for each type of event, each batch a pipeline of XADD.
final class RedisPeer: Peer {
    /// When the append-only file is synced.
    enum Sync: String { case everysec, always }

    let name: String
    private let sync: Sync
    private let ring: RequestRing
    private var server: ServerProcess?
    private var folder = ""
    private var port = 0

    init(_ events: SimulatedEvents, batch: Int, _ sync: Sync) throws {
        self.sync = sync
        name = "Redis Streams, appendfsync \(sync.rawValue)"
        ring = try RequestRing(events, batch: batch, RedisFormat(), PassNumbers())
    }

    /// A new server on an empty folder: its memory holds all events of a run.
    func prepare() throws {
        discard()
        folder = try WorkFolder.make()
        port = try Connect.freePort()
        let server = try ServerProcess(
            try PeerScript.path(), ["redis", folder, String(port), sync.rawValue], name: "Redis")
        self.server = server
        let answer = try PeerScript.wait(for: server, in: folder) { try command("PING") }
        guard answer == "+PONG" else { throw BenchError("Redis answered \(answer)") }
    }

    private func command(_ text: String) throws -> String {
        let connection = try PlainConnection(port: port)
        try connection.send(text + "\r\n")
        guard let line = connection.line() else { throw BenchError("Redis gave no answer") }
        return line.trimmingCharacters(in: .newlines)
    }

    func load(connections: Int, seconds: Double, events: Int) throws -> (result: LoadResult, cpu: Double) {
        guard let server else { throw BenchError("Redis is not running") }
        let generator = try LoadGenerator(try Connect.tcp(port: port, count: connections)) { RedisAnswers() }
        let before = try server.cpuSeconds()
        let result = try generator.run(ring, seconds: seconds, events: events)
        return (result, try server.cpuSeconds() - before)
    }

    func check(_ events: Int) throws {
        var held = 0
        for type in ["click", "search", "cart", "wishlist", "purchase", "order_status", "stock"] {
            let answer = try command("XLEN events:\(type)")
            guard answer.hasPrefix(":"), let count = Int(answer.dropFirst()) else {
                throw BenchError("Redis answered \(answer)")
            }
            held += count
        }
        guard held == events else { throw BenchError("Redis holds \(held) of \(events) events") }
    }

    func finish() {}

    func discard() {
        guard let server else { return }
        server.stop()
        self.server = nil
        WorkFolder.remove(folder)
    }
}

/// PostgreSQL: each batch a COPY in a transaction of its own.
final class PostgresPeer: Peer {
    /// The type of the column that holds the event.
    enum Column: String { case jsonb, text }

    let name: String
    private let column: Column
    private let ring: RequestRing
    private let server: PostgresServer
    private var table: String { "events_\(column.rawValue)" }

    init(_ events: SimulatedEvents, batch: Int, _ column: Column, _ server: PostgresServer) throws {
        self.column = column
        self.server = server
        name = "PostgreSQL COPY, \(column.rawValue)"
        if ProcessInfo.processInfo.environment["PGTEXT"] != nil {
        let format = PostgresTextFormat(
            table: "events_\(column.rawValue)", receivedAt: Date.now.ISO8601Format(.iso8601))
        ring = try RequestRing(events, batch: batch, format, PassNumbers())
        } else {
        let format = PostgresFormat(
            table: "events_\(column.rawValue)", column: column, receivedAt: EmbeddedLog.wallClock())
        ring = try RequestRing(events, batch: batch, format, PassNumbers())
        }
        try PostgresSession(port: server.port).run(
            "CREATE TABLE \(table) (received_at timestamptz NOT NULL, topic text NOT NULL, user_id text, "
                + "raw \(column.rawValue) NOT NULL)")
    }

    func prepare() throws {
        let session = try PostgresSession(port: server.port)
        try session.run("TRUNCATE \(table)")
        // So that none begins in the middle of a run.
        try session.run("CHECKPOINT")
    }

    func load(connections: Int, seconds: Double, events: Int) throws -> (result: LoadResult, cpu: Double) {
        let sockets = try (0..<connections).map { _ in try PostgresSession(port: server.port).connection.socket() }
        let generator = try LoadGenerator(sockets) { PostgresAnswers() }
        let before = try server.process.cpuSecondsOfTree()
        let result = try generator.run(ring, seconds: seconds, events: events)
        // The sessions are still open: their processes are counted alive.
        let after = try withExtendedLifetime(generator) { try server.process.cpuSecondsOfTree() }
        return (result, after - before)
    }

    func check(_ events: Int) throws {
        let held = try PostgresSession(port: server.port).run("SELECT count(*) FROM \(table)")
        guard held == String(events) else {
            throw BenchError("PostgreSQL holds \(held ?? "nothing") of \(events) events")
        }
    }

    func finish() {}

    func discard() { server.discard() }
}

/// A PostgreSQL server of the bench's own, in a new folder.
final class PostgresServer {
    let process: ServerProcess
    let port: Int
    private let folder: String
    private var isStopped = false

    init() throws {
        folder = try WorkFolder.make()
        let port = try Connect.freePort()
        self.port = port
        process = try ServerProcess(
            try PeerScript.path(), ["postgres", folder, String(port)], name: "PostgreSQL")
        do {
            _ = try PeerScript.wait(for: process, in: folder) { try PostgresSession(port: port) }
        } catch {
            discard()
            throw error
        }
    }

    /// Ends it, open sessions or not, and removes its data.
    func discard() {
        guard !isStopped else { return }
        isStopped = true
        process.stop(signal: SIGINT)
        WorkFolder.remove(folder)
    }
}

/// The same events into Cartograph, Redis and PostgreSQL, in turn.
struct PeerBench {
    /// Connections at once.
    private static let connections = [2, 8]

    let settings: LoadSettings
    let batch: Int

    func run() throws -> Findings {
        let events = try SimulatedEvents(events: LoadSettings.corpusEvents, start: EmbeddedLog.wallClock())
        var peers: [any Peer] = []
        defer { for peer in peers { peer.discard() } }
        guard let ours = try CartographPeer(events, batch: batch) else {
            throw BenchError("peers compares the door alone: it needs a binary with `up --door-only`")
        }
        peers.append(ours)
        peers.append(try RedisPeer(events, batch: batch, .always))
        peers.append(try RedisPeer(events, batch: batch, .everysec))
        let postgres = try PostgresServer()
        defer { postgres.discard() }
        peers.append(try PostgresPeer(events, batch: batch, .jsonb, postgres))
        peers.append(try PostgresPeer(events, batch: batch, .text, postgres))
        var runs = [[LoadRuns]](
            repeating: Array(repeating: LoadRuns(), count: Self.connections.count), count: peers.count)
        for run in 0...settings.runs {
            for (place, connections) in Self.connections.enumerated() {
                for (index, peer) in peers.enumerated() {
                    let found = try measure(peer, connections, isWarmUp: run == 0)
                    guard run > 0 else { continue }
                    runs[index][place].add(found.result, serverCPU: found.cpu, others: found.others)
                    let rate = Measure.text(Double(found.result.events) / found.cpu)
                    report("  run \(run) of \(settings.runs), \(connections) connections, \(peer.name): \(rate) events/cpu-s")
                }
            }
        }
        for peer in peers { try peer.finish() }
        return findings(peers.map(\.name), runs)
    }

    private func measure(
        _ peer: any Peer, _ connections: Int, isWarmUp: Bool
    ) throws -> (result: LoadResult, cpu: Double, others: Double) {
        try peer.prepare()
        let machine = try MachineTime()
        let (result, cpu) = try peer.load(
            connections: connections, seconds: settings.window,
            events: isWarmUp ? LoadSettings.warmUpEvents : settings.events)
        let others = try MachineTime().others(since: machine, ours: cpu + result.generatorCPU)
        try peer.check(result.events)
        return (result, cpu, others)
    }

    private func findings(_ names: [String], _ runs: [[LoadRuns]]) -> Findings {
        var findings = Findings()
        var table = TextTable(
            "peers: batches of \(batch) events, the first of each pair over \(Self.connections[0]) connections, then over "
                + "\(Self.connections[1])",
            ["", "events/s", "events/server cpu-s", "ours ×", "p50 ms", "p99 ms", "client cpu"])
        for (place, connections) in Self.connections.enumerated() {
            // How much cheaper ours is than each of the others.
            var versus: [String: Double] = [:]
            let ours = Spread(runs[0][place].perServerCPU).median
            for (index, name) in names.enumerated().dropFirst() {
                versus[name] = ours / Spread(runs[index][place].perServerCPU).median
            }
            for (index, name) in names.enumerated() {
                let found = runs[index][place]
                found.warn("\(name), \(connections) connections")
                findings.measures += [
                    Measure(
                        bench: "peers", measure: "\(name) × \(connections)", Spread(found.perServerCPU),
                        unit: "events/cpu-s", versus: index == 0 ? versus : nil),
                    Measure(
                        bench: "peers", measure: "\(name) × \(connections) wall", Spread(found.wall), unit: "events/s"),
                ]
            }
        }
        for (index, name) in names.enumerated() {
            for (place, connections) in Self.connections.enumerated() {
                let found = runs[index][place]
                let cost = Spread(found.perServerCPU).median
                let times = Percentiles(found.latencies)
                table.add([
                    "\(name) × \(connections)", Measure.text(Spread(found.wall).median), Measure.text(cost),
                    Measure.text(Spread(runs[0][place].perServerCPU).median / cost),
                    Measure.text(times.milliseconds(0.5)), Measure.text(times.milliseconds(0.99)),
                    String(format: "%.0f %%", found.generatorBusy * 100),
                ])
            }
        }
        findings.hold(table)
        findings.notes = [
            "Only Cartograph judges events; PostgreSQL checks that jsonb is JSON. Redis answers before its sync with",
            "everysec. What the kernel does for a server outside of its processes is counted for nobody.",
        ]
        return findings
    }
}
