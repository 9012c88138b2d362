import Foundation
import Synchronization

/// A server that a benchmark started, in a process of its own.
final class ServerProcess {
    private let process = Process()
    private let output = Pipe()
    let name: String

    /// How long a server may take to end, in nanoseconds.
    private static let patience: UInt64 = 60_000_000_000

    var identifier: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    /// Starts a program.
    init(_ program: String, _ arguments: [String], name: String) throws {
        self.name = name
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = output
        try ServerProcess.start(process)
    }

    /// Starts it with no signal blocked: a child inherits its thread's mask, and the threads of a dispatch queue block
    /// nearly all, the one that ends a server too.
    private static func start(_ process: Process) throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try process.run()
        Started.add(process.processIdentifier)
    }

    /// The first line that it prints; empty when it ended without one.
    func firstLine() -> Data { output.fileHandleForReading.availableData }

    /// Asks it to end, and waits until it has; after a minute ends it by force and says so.
    func stop(signal: Int32 = SIGTERM) {
        if process.isRunning { kill(process.processIdentifier, signal) }
        let deadline = Clocks.now() + ServerProcess.patience
        while process.isRunning, Clocks.now() < deadline { usleep(10_000) }
        if process.isRunning {
            report("  \(name) does not end when asked to: ended by force")
            kill(process.processIdentifier, SIGKILL)
        }
        process.waitUntilExit()
        Started.remove(process.processIdentifier)
    }

    /// Runs a program to its end.
    static func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: Data) {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = output
        try start(process)
        defer { Started.remove(process.processIdentifier) }
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    // MARK: - What it used

    /// Processor seconds of the process.
    func cpuSeconds() throws -> Double { try Clocks.cpuSeconds(of: identifier) }

    /// Processor seconds of the process and all its children, those that ended included.
    func cpuSecondsOfTree() throws -> Double {
        let stat = try ProcessStatus(identifier)
        var sum = try cpuSeconds() + stat.childrenSeconds
        for entry in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
            guard let child = Int32(entry), let status = try? ProcessStatus(child), status.parent == identifier else {
                continue
            }
            // One that ended since was counted by its parent, or is in the next look.
            sum += (try? Clocks.cpuSeconds(of: child)) ?? 0
        }
        return sum
    }

    /// Forgets the most resident memory so far (proc(5), clear_refs).
    func resetPeak() throws {
        let path = "/proc/\(identifier)/clear_refs"
        guard let file = fopen(path, "w"), fputs("5", file) >= 0, fclose(file) == 0 else {
            throw BenchError("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    /// The most resident bytes it had since (proc(5), VmHWM).
    func peakResidentBytes() throws -> Double { try ServerProcess.mostResident(of: "\(identifier)") }

    /// The same of a process by its name in /proc: a number, or `self`.
    static func mostResident(of process: String) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        for line in text.split(separator: "\n") where line.hasPrefix("VmHWM:") {
            if let kilobytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
                .flatMap({ Double($0) })
            {
                return kilobytes * 1_024
            }
        }
        throw BenchError("/proc/\(process)/status has no VmHWM")
    }
}

/// A process's line in proc(5), /proc/PID/stat.
struct ProcessStatus {
    let parent: Int32
    /// Processor seconds of children that ended and were waited for.
    let childrenSeconds: Double

    init(_ process: Int32) throws {
        let text = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        // The second field may hold spaces and parentheses: count from behind its last one.
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        guard fields.count > 15, let parent = Int32(fields[2]), let user = Double(fields[14]),
            let system = Double(fields[15])
        else { throw BenchError("/proc/\(process)/stat is not understood") }
        self.parent = parent
        childrenSeconds = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}

/// What the benchmarks started and made, and what is to end with them: processes and folders.
enum Started {
    private struct State {
        var processes: Set<Int32> = []
        var folders: Set<String> = []
    }

    /// How long the processes may take to end, in microseconds.
    private static let patience: UInt32 = 10_000_000
    private static let state = Mutex(State())
    nonisolated(unsafe) private static var sources: [any DispatchSourceSignal] = []

    static func add(_ process: Int32) { state.withLock { _ = $0.processes.insert(process) } }
    static func remove(_ process: Int32) { state.withLock { _ = $0.processes.remove(process) } }
    static func add(folder: String) { state.withLock { _ = $0.folders.insert(folder) } }
    static func remove(folder: String) { state.withLock { _ = $0.folders.remove(folder) } }

    /// Ends and removes them when somebody ends the benchmark: they do not share its terminal's signals.
    static func endWithThisProcess() {
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                endAll()
                exit(128 + number)
            }
            source.resume()
            return source
        }
    }

    /// Ends what still runs and removes what is still there.
    static func endAll() {
        let left = state.withLock { $0 }
        // SIGINT is what ends PostgreSQL with sessions open.
        for process in left.processes { kill(process, SIGINT) }
        var waited: UInt32 = 0
        while waited < patience, left.processes.contains(where: { kill($0, 0) == 0 }) {
            usleep(10_000)
            waited += 10_000
        }
        for process in left.processes where kill(process, 0) == 0 { kill(process, SIGKILL) }
        for folder in left.folders { WorkFolder.remove(folder) }
    }
}
