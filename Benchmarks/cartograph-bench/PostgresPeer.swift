import Foundation

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
        let format = PostgresFormat(
            table: "events_\(column.rawValue)", receivedAt: Date.now.ISO8601Format(.iso8601))
        ring = try RequestRing(events, batch: batch, format, PassNumbers())
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
