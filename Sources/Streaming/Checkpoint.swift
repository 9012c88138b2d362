import CBytes
public import EventLog
import Events
import Foundation

/// Why a checkpoint could not be used; the state is then rebuilt from the log.
public struct CheckpointError: Error, CustomStringConvertible {
    /// One line.
    public let description: String
}

/// A stream's state in files (``CheckpointStore``), with the offsets that it covers: either both are there or neither.
///
/// The event ids of the duplicate filter are not in it: they are read again from the log, from where the older generation
/// began.
public enum Checkpoint {
    static let magic: UInt32 = 0x5347_5443
    /// The version of the one file that held everything.
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

    /// Writes a checkpoint that holds everything and takes the place of all those before it, atomically and durably.
    ///
    /// - Parameter path: of the file that version 1 had; the folder is beside it.
    public static func save(_ stream: ShopStream, _ position: Position, to path: String) throws {
        let writer = try CheckpointWriter(path: path)
        writer.begin([stream], position)
        try writer.finish()
    }

    /// Reads a file of version 1 into an empty stream; nil when there is none.
    ///
    /// - Throws: `CheckpointError` when the file is damaged, of another version, or of another time zone or another
    ///   number of partitions. The stream must then not be used.
    package static func loadVersion1(_ stream: ShopStream, from path: String, partitions: Int) throws -> Position? {
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
        stream.state.pointee.sales.restoreUnkept(try reader.raw(Int64.self))
        try reader.rows { key, totals in stream.state.pointee.sales.restoreDay(key, totals) }
        try reader.rows { key, totals in stream.state.pointee.sales.restoreMinute(key, totals) }
        for _ in 0..<(try reader.count()) {
            let day = try reader.raw(Int64.self)
            stream.state.pointee.funnel.add(day: Int32(truncatingIfNeeded: day), try reader.raw(FunnelTotals.self))
        }
        stream.state.pointee.funnel.restoreForgotten(try reader.raw(Int64.self))
        try reader.rows { key, session in stream.state.pointee.funnel.restore(key, session, young: false) }
        try reader.rows { key, session in stream.state.pointee.funnel.restore(key, session, young: true) }
        for _ in 0..<(try reader.count()) {
            let isYoung = try reader.raw(Int32.self) == 1
            let rest = try reader.raw(UInt32.self)
            let key = try reader.raw(UInt64.self)
            guard key != 0 else { throw reader.damaged("a key is zero") }
            _ = try reader.raw(UInt32.self)
            stream.state.pointee.orders.restore(young: isYoung, IDKey(high: key, rest: rest), ShopStream.Known())
        }
        let day = Int32(truncatingIfNeeded: try reader.raw(Int64.self))
        for _ in 0..<(try reader.count()) {
            let id = try reader.text()
            stream.state.pointee.products.restore(day: day, id, try reader.raw(ProductTotals.self))
        }
        try reader.sections { name, section in
            if name == "anomalies" { try stream.anomalies.restore(section.rest, path) }
        }
        stream.lacksJobs = true
        return Position(
            commit: commit, offsets: offsets, filterOffsets: filterOffsets, youngFilterOffsets: youngFilterOffsets)
    }
}
