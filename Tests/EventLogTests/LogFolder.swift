import EventLog
import Events
import Foundation
import Testing

/// A folder for one test's log, removed with the test, and its files as bytes that a test may tamper with.
final class LogFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "cartograph-log-" + UUID().uuidString
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

    /// The segment files of a folder such as `clicks/0`, oldest first.
    func segments(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/" + folder).filter { $0.hasSuffix(".log") }
            .sorted()
            .map { folder + "/" + $0 }
    }

    func read(_ file: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path + "/" + file))) }

    func write(_ bytes: some Sequence<UInt8>, to file: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + file))
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

    /// Where the frames of a file stand, by the lengths in their headers.
    func frames(_ file: String) throws -> [Range<Int>] {
        let bytes = try read(file)
        var found: [Range<Int>] = []
        var at = 0
        while at + FrameHeader.size <= bytes.count {
            let payload = (0..<4).reduce(0) { $0 | Int(bytes[at + 8 + $1]) << (8 * $1) }
            found.append(at..<(at + FrameHeader.size + payload))
            at += FrameHeader.size + payload
        }
        return found
    }

    /// Takes the last frame of a file off.
    func dropLastFrame(of file: String) throws {
        let last = try #require(try frames(file).last)
        try write(try read(file).prefix(last.lowerBound), to: file)
    }
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
        let consumer = try LogConsumer(self, topics: topics, from: LogOffsets(partitions: partitions))
        return try consumer.rest(before: cut ?? self.cut())
    }
}

extension LogConsumer {
    func rest(before cut: LogCut) throws -> [Stored] {
        var found: [Stored] = []
        while try next(
            before: cut,
            { frame in
                let header = frame.header
                let partition = frame.partition
                try frame.forEachRecord { offset, raw in
                    found.append(
                        Stored(
                            partition: partition, offset: offset, commit: header.commit,
                            receivedAt: header.receivedAt, text: String(decoding: raw, as: UTF8.self)))
                }
            })
        {}
        return found
    }
}

extension AppendBatch {
    /// A batch of texts, each its own key.
    init(_ texts: [String], topic: Topic = .clicks, partitions: Int = 2, stamp: ProducerStamp? = nil) {
        self.init(partitions: partitions)
        for text in texts { add(text, to: topic) }
        self.stamp = stamp
    }

    mutating func add(_ text: String, to topic: Topic) {
        Array(text.utf8).withUnsafeBytes { add($0, to: topic, key: KeyHash(text)) }
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
