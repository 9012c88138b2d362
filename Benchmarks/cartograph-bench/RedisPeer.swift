import Foundation

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
