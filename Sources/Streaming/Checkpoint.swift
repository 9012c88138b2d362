import CBytes
public import EventLog
import Events
import Foundation

/// Why a checkpoint could not be used; the state is then rebuilt from the log.
public struct CheckpointError: Error, CustomStringConvertible {
    /// One line.
    public let description: String
}

/// A stream's state in a file, with the offsets that it covers: either both are there or neither.
///
/// The file is `"CTGS"`, a version, a CRC-32C of the rest, then sections of fixed-size rows. The event ids
/// of the duplicate filter are not in it: they are read again from the log, from where the older generation began.
public enum Checkpoint {
    static let magic: UInt32 = 0x5347_5443
    static let version: UInt32 = 1
    /// The largest file that is read.
    static let fileBytes = 1 << 30

    /// Where a stream stood: what the next reader continues from.
    public struct Position: Sendable, Equatable {
        /// The last commit applied whole.
        public var commit: Int64
        /// The offsets after it.
        public var offsets: LogOffsets
        /// Where the older generation of the duplicate filter begins: from here ids must be remembered again.
        public var filterOffsets: LogOffsets
        /// Where the younger generation begins.
        public var youngFilterOffsets: LogOffsets

        /// A position; the younger generation begins with the older one unless said otherwise.
        public init(
            commit: Int64, offsets: LogOffsets, filterOffsets: LogOffsets, youngFilterOffsets: LogOffsets? = nil
        ) {
            self.commit = commit
            self.offsets = offsets
            self.filterOffsets = filterOffsets
            self.youngFilterOffsets = youngFilterOffsets ?? filterOffsets
        }
    }

    /// Writes a checkpoint in place of the one before, atomically and durably.
    public static func save(_ stream: ShopStream, _ position: Position, to path: String) throws {
        var body = ByteWriter()
        body.text(position.offsets.description)
        body.text(position.filterOffsets.description)
        body.text(position.youngFilterOffsets.description)
        body.text(stream.calendar.name)
        body.put(position.commit)
        body.raw(stream.counters)
        body.put(stream.sales.unkept)
        body.table(stream.sales.days)
        body.table(stream.sales.minutes)
        body.put(Int64(stream.funnel.days.count))
        for (day, totals) in stream.funnel.days.sorted(by: { $0.key < $1.key }) {
            body.put(Int64(day))
            body.raw(totals)
        }
        body.put(stream.funnel.forgotten)
        body.table(stream.funnel.old)
        body.table(stream.funnel.young)
        body.put(Int64(stream.orders.count))
        stream.orders.forEach { isYoung, key, rest, content in
            body.raw(isYoung ? Int32(1) : 0)
            body.raw(rest)
            body.raw(key)
            body.raw(content)
        }
        body.put(Int64(stream.products.day))
        body.put(Int64(stream.products.table.count))
        stream.products.table.forEach { _, totals in
            body.text(stream.products.names[Int(totals.pointee.name)])
            body.raw(totals.pointee)
        }
        body.section("anomalies", stream.anomalies.saved())
        body.section("fraud", stream.fraud.saved())
        var head = ByteWriter()
        head.raw(magic)
        head.raw(version)
        head.raw(body.bytes.withUnsafeBytes { cbytes_crc32c(0, $0.baseAddress, $0.count) })
        let file = URL(fileURLWithPath: path)
        let folder = file.deletingLastPathComponent().path
        try SystemFolder.create(folder)
        try SystemFile.replace(folder, file.lastPathComponent, with: head.bytes + body.bytes)
    }

    /// Reads a checkpoint into an empty stream; nil when there is none.
    ///
    /// - Throws: `CheckpointError` when the file is damaged, of another version, or of another time zone or another
    ///   number of partitions. The stream must then not be used.
    public static func load(_ stream: ShopStream, from path: String, partitions: Int) throws -> Position? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        guard size <= fileBytes else { throw CheckpointError(description: "\(path) is larger than \(fileBytes) bytes") }
        let file = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        var reader = ByteReader(file, path)
        guard try reader.raw(UInt32.self) == magic else { throw reader.damaged("not a checkpoint") }
        guard try reader.raw(UInt32.self) == version else { throw reader.damaged("another version's checkpoint") }
        let crc = try reader.raw(UInt32.self)
        guard file.withUnsafeBytes({ cbytes_crc32c(0, $0.baseAddress.map { $0 + 12 }, $0.count - 12) }) == crc else {
            throw reader.damaged("its checksum does not hold")
        }
        guard let offsets = LogOffsets(try reader.text()), let filterOffsets = LogOffsets(try reader.text()),
            let youngFilterOffsets = LogOffsets(try reader.text()),
            [offsets, filterOffsets, youngFilterOffsets].allSatisfy({ $0.partitions == partitions })
        else { throw reader.damaged("its offsets are not those of this log") }
        let zone = try reader.text()
        guard zone == stream.calendar.name else {
            throw reader.damaged("it was made for the time zone \(zone)")
        }
        let commit = try reader.raw(Int64.self)
        stream.counters = try reader.raw(ShopStream.Counters.self)
        stream.sales.restoreUnkept(try reader.raw(Int64.self))
        try reader.rows { key, totals in stream.sales.restoreDay(key, totals) }
        try reader.rows { key, totals in stream.sales.restoreMinute(key, totals) }
        for _ in 0..<(try reader.count()) {
            let day = try reader.raw(Int64.self)
            stream.funnel.restore(day: Int32(truncatingIfNeeded: day), try reader.raw(FunnelTotals.self))
        }
        stream.funnel.restoreForgotten(try reader.raw(Int64.self))
        try reader.rows { key, session in stream.funnel.restore(key, session, young: false) }
        try reader.rows { key, session in stream.funnel.restore(key, session, young: true) }
        for _ in 0..<(try reader.count()) {
            let isYoung = try reader.raw(Int32.self) == 1
            let rest = try reader.raw(UInt32.self)
            let key = try reader.raw(UInt64.self)
            guard key != 0 else { throw reader.damaged("a key is zero") }
            stream.orders.restore(young: isYoung, key, rest, try reader.raw(UInt32.self))
        }
        let day = Int32(truncatingIfNeeded: try reader.raw(Int64.self))
        for _ in 0..<(try reader.count()) {
            let id = try reader.text()
            stream.products.restore(day: day, id, try reader.raw(ProductTotals.self))
        }
        try reader.sections { name, section in
            if name == "anomalies" { try stream.anomalies.restore(section, path) }
            if name == "fraud" { try stream.fraud.restore(section) }
        }
        return Position(
            commit: commit, offsets: offsets, filterOffsets: filterOffsets, youngFilterOffsets: youngFilterOffsets)
    }
}

/// Collects plain values as bytes.
struct ByteWriter {
    var bytes: [UInt8] = []

    mutating func put(_ value: Int64) { raw(value) }

    mutating func raw<T: BitwiseCopyable>(_ value: T) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    mutating func text(_ text: String) {
        put(Int64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    /// A part that readers who do not know its name pass over.
    mutating func section(_ name: String, _ content: [UInt8]) {
        text(name)
        put(Int64(content.count))
        bytes.append(contentsOf: content)
    }

    mutating func table<Value: BitwiseCopyable>(_ table: borrowing OpenTable<Value>) {
        put(Int64(table.count))
        table.forEach { key, value in
            raw(key)
            raw(value.pointee)
        }
    }
}

/// Reads back what a `ByteWriter` wrote, minding the end.
struct ByteReader {
    private let bytes: [UInt8]
    private let path: String
    private var at = 0

    init(_ bytes: [UInt8], _ path: String) {
        self.bytes = bytes
        self.path = path
    }

    var isAtEnd: Bool { at == bytes.count }

    func damaged(_ what: String) -> CheckpointError { CheckpointError(description: "\(path): \(what)") }

    mutating func raw<T: BitwiseCopyable>(_ type: T.Type) throws -> T {
        let size = MemoryLayout<T>.size
        guard size <= bytes.count - at else { throw damaged("it ends too early") }
        defer { at += size }
        return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: T.self) }
    }

    mutating func count() throws -> Int {
        let count = try raw(Int64.self)
        guard count >= 0, count <= Int64(bytes.count - at) else { throw damaged("a count is out of bounds") }
        return Int(count)
    }

    mutating func text() throws -> String {
        let length = try count()
        defer { at += length }
        return String(decoding: bytes[at..<(at + length)], as: UTF8.self)
    }

    /// The named parts up to the end.
    mutating func sections(_ body: (String, [UInt8]) throws -> Void) throws {
        while !isAtEnd {
            let name = try text()
            let length = try count()
            try body(name, Array(bytes[at..<(at + length)]))
            at += length
        }
    }

    mutating func rows<Value: BitwiseCopyable>(_ body: (UInt64, Value) -> Void) throws {
        for _ in 0..<(try count()) {
            let key = try raw(UInt64.self)
            guard key != 0 else { throw damaged("a key is zero") }
            body(key, try raw(Value.self))
        }
    }
}
