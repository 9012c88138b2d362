import EventLog
import Events
import Foundation
import Testing

/// A folder for one test's log, removed with the test, and its files as bytes that a test may tamper with.
final class LogFolder {
    let path: String

    /// Where folders are made: in memory where there is such a place, since these tests ask what is in the files, not
    /// what a disk keeps.
    static let memory =
        FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm/" : NSTemporaryDirectory()

    init(in parent: String = LogFolder.memory) throws {
        path = parent + "cartograph-log-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Opens the log, lets `body` use it and closes it.
    @discardableResult
    func open<Result>(
        partitions: Int = 2, segmentBytes: Int64 = 64 << 20, clock: Int64? = nil,
        _ body: (EmbeddedLog) throws -> Result
    ) throws -> Result {
        let log = try EmbeddedLog(
            folder: path, partitions: partitions, segmentBytes: segmentBytes,
            clock: { clock ?? EmbeddedLog.wallClock() })
        defer { withExtendedLifetime(self) { log.close() } }
        return try body(log)
    }

    /// The segment files, oldest first.
    func segments() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/segments").filter { $0.hasSuffix(".log") }
            .sorted().map { "segments/" + $0 }
    }

    /// The newest segment file.
    func newest() throws -> String { try #require(try segments().last) }

    func read(_ file: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path + "/" + file))) }

    func write(_ bytes: some Sequence<UInt8>, to file: String) throws {
        let file = URL(fileURLWithPath: path + "/" + file)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
    }

    func remove(_ file: String) throws { try FileManager.default.removeItem(atPath: path + "/" + file) }

    /// All files and their bytes.
    func contents() throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for case let name as String in FileManager.default.enumerator(atPath: path) ?? .init() {
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: path + "/" + name, isDirectory: &isFolder)
            if !isFolder.boolValue { files[name] = try read(name) }
        }
        return files
    }

    /// Puts back what `contents` gave, and removes what came after it.
    func restore(_ files: [String: [UInt8]]) throws {
        for name in try contents().keys where files[name] == nil { try remove(name) }
        for (name, bytes) in files { try write(bytes, to: name) }
    }

    /// Another folder with the files as they are now: what a machine that stops here leaves behind.
    func copied() throws -> LogFolder {
        let copy = try LogFolder()
        for (name, bytes) in try contents() { try copy.write(bytes, to: name) }
        return copy
    }

    /// The frames of a file.
    func frames(_ file: String) throws -> [StoredFrame] { StoredFrame.all(in: try read(file)) }
}

/// A record as a consumer sees it.
struct Stored: Equatable {
    var partition: TopicPartition
    var offset: Int64
    var commit: Int64
    var receivedAt: Int64
    var text: String
}

extension EventLog {
    /// All records before the cut, in a consumer's order.
    func everything(_ topics: [Topic] = Topic.allCases, before cut: LogCut? = nil) throws -> [Stored] {
        let consumer = try consumer(of: topics, from: LogOffsets(partitions: partitions))
        return try consumer.rest(before: cut ?? self.cut())
    }
}

extension LogConsumer {
    /// The records from here to a cut. Holds the frames against the order that is promised: by commit, and within one by
    /// topic and partition.
    func rest(before cut: LogCut) throws -> [Stored] {
        var found: [Stored] = []
        var last: (Int64, UInt8, Int) = (0, 0, -1)
        while try next(
            before: cut,
            { frame in
                let header = frame.header
                let partition = frame.partition
                let place = (header.commit, partition.topic.rawValue, partition.partition)
                #expect(last < place, "a frame of \(place) behind one of \(last)")
                last = place
                #expect(frame.recordCount > 0)
                let count = found.count
                try frame.forEachRecord { offset, raw in
                    #expect(offset == frame.firstOffset + Int64(found.count - count))
                    found.append(
                        Stored(
                            partition: partition, offset: offset, commit: header.commit,
                            receivedAt: header.receivedAt, text: String(decoding: raw, as: UTF8.self)))
                }
                #expect(found.count - count == frame.recordCount)
            })
        {}
        return found
    }
}

extension AppendBatch {
    /// A batch of texts, each its own key.
    convenience init(
        _ texts: [String], topic: Topic = .clicks, partitions: Int = 2, stamp: ProducerStamp? = nil
    ) {
        self.init(partitions: partitions)
        for text in texts { add(text, to: topic) }
        self.stamp = stamp
    }

    func add(_ text: String, to topic: Topic) {
        Array(text.utf8).withUnsafeBytes { add($0, to: topic, key: KeyHash(text)) }
        received += 1
    }

    /// Adds an event to a partition of the test's choice.
    func add(_ bytes: [UInt8], to topic: Topic, partition: Int) {
        let key = (0...).lazy.map { KeyHash("\($0)") }.first { $0.partition(of: partitions) == partition }
        bytes.withUnsafeBytes { add($0, to: topic, key: key ?? KeyHash("")) }
        received += 1
    }

    func quarantine(_ bytes: [UInt8], reason: String = "not_json", source: String = "test") {
        bytes.withUnsafeBytes { quarantine($0, reason: reason, source: source) }
        received += 1
    }
}

/// The error that `body` throws, as the log's own.
func logError(_ body: () throws -> Void) throws -> LogError {
    do {
        try body()
    } catch {
        return try #require(error as? LogError, "not one of the log's own errors: \(error)")
    }
    Issue.record("nothing was thrown")
    throw LogError.closed
}

/// Numbers that a seed reproduces (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    mutating func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &self) == 0 }
}

/// Runs work on threads of its own at the same time, for callers that block: tasks and queues share too few threads for
/// that.
func onThreads(_ works: [@Sendable () throws -> Void]) throws {
    let errors = Errors()
    let ended = DispatchSemaphore(value: 0)
    for work in works {
        let thread = Thread {
            do { try work() } catch { errors.add(error) }
            ended.signal()
        }
        thread.start()
    }
    for _ in works { ended.wait() }
    if let first = errors.first { throw first }
}

/// The errors of several threads.
private final class Errors: Sendable {
    private let lock = NSLock()
    // Guarded by the lock.
    nonisolated(unsafe) private var errors: [any Error] = []

    func add(_ error: any Error) { lock.withLock { errors.append(error) } }
    var first: (any Error)? { lock.withLock { errors.first } }
}
