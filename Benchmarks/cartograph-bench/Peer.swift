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
