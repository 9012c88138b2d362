import Engine
import EventLog
import Events

/// The records of one topic from the log as rows for the engine, up to a cut, file by file: a file ends at a number of
/// rows or at the end of a UTC day, since a bronze file holds one partition.
///
/// Strings are handed over by reference. They stay where they are until the next call of `fill`, by when the engine,
/// which runs the scan and the Parquet writer on one thread, has copied them.
final class BronzeSource: RowSource {
    /// The rows after which a file ends, at the next frame.
    static let fileRows = 400_000

    let columns: [Column]
    let rowCountEstimate: Int? = nil
    /// The offsets after the last frame whose records were all handed over.
    private(set) var offsets: LogOffsets
    /// Rows handed over since `begin`.
    private(set) var rows = 0
    private let table: BronzeTable
    private let consumer: any LogConsumer
    private let cut: LogCut
    private let batch = EventBatch(capacity: BronzeSource.chunkRows)
    private let decoder = EventDecoder()
    private let frame = FrameCopy()
    private var fileDay: Int64?

    /// The most rows handed over at once: the engine's vector size.
    private static let chunkRows = 2_048
    /// The bytes of events after which a chunk is handed over: events may have a megabyte each.
    private static let chunkBytes = 2 << 20

    init(_ table: BronzeTable, _ log: any EventLog, from offsets: LogOffsets, cut: LogCut) throws(LogError) {
        self.table = table
        self.cut = cut
        self.offsets = offsets
        columns = table.columns
        consumer = try log.consumer(of: [table.topic], from: offsets)
    }

    /// Whether there is a record left before the cut; looks for the next frame if need be.
    func hasRows() throws -> Bool {
        while frame.isAtEnd {
            guard try consumer.next(before: cut, { try frame.load($0) }) else { return false }
            // One of which every record was erased is passed over as a whole.
            if frame.isAtEnd { offsets[frame.partition] = frame.offset }
        }
        return true
    }

    /// The UTC day of the next record, which `hasRows` has found, as days since 1970-01-01.
    var nextDay: Int64 { frame.receivedAt / Timestamp.day }

    func begin() throws {
        rows = 0
        fileDay = nil
    }

    func fill(_ chunk: inout ChunkWriter) throws -> Int {
        // A file ends between frames, so that its end is an offset from which a reader can go on.
        if frame.isAtEnd, rows >= BronzeSource.fileRows { return 0 }
        guard try hasRows() else { return 0 }
        let frameDay = frame.receivedAt / Timestamp.day
        if let fileDay, fileDay != frameDay { return 0 }
        fileDay = frameDay
        let filled = table.topic == .quarantine ? try fillRejected(&chunk) : try fillEvents(&chunk)
        rows += filled
        if frame.isAtEnd { offsets[frame.partition] = frame.offset }
        return filled
    }

    // MARK: - Events

    private func fillEvents(_ chunk: inout ChunkWriter) throws -> Int {
        batch.removeAll()
        let partition = Int32(frame.partition.partition)
        let rowsMax = min(BronzeSource.chunkRows, chunk.capacity)
        var bytes = 0
        while !frame.isAtEnd, batch.count < rowsMax, bytes < BronzeSource.chunkBytes {
            try frame.next { offset, raw in
                bytes += raw.count
                if let reason = decoder.decode(raw, into: batch) {
                    throw LogError.undecodable(
                        partition: frame.partition.description, offset: offset, what: reason.description)
                }
                batch.setPosition(receivedAt: frame.receivedAt, partition: partition, offset: offset)
            }
        }
        let view = batch.columns
        var index = 0
        for field in table.topic.eventType.map({ EventSchema.of($0).columns }) ?? [] {
            write(field, chunk.column(index), view)
            index += 1
        }
        let raw = chunk.column(index).strings
        for row in 0..<batch.count { raw.reference(row, view.raws[row].start, view.raws[row].count) }
        let receivedAt = chunk.column(index + 1).values(as: Int64.self)
        let partitions = chunk.column(index + 2).values(as: Int32.self)
        let offsets = chunk.column(index + 3).values(as: Int64.self)
        for row in 0..<batch.count {
            receivedAt[row] = view.receivedAts[row]
            partitions[row] = view.partitions[row]
            offsets[row] = view.offsets[row]
        }
        return batch.count
    }

    private func write(_ field: EventField, _ column: ColumnVector, _ view: EventBatch.Columns) {
        let nulls = column.nulls
        let bit = field.bit
        switch field.kind {
        case .id, .text, .word, .currency, .type:
            let cells = column.strings
            let values = view.strings(field)
            for row in 0..<batch.count {
                guard view.presence[row] & bit != 0 else {
                    nulls.setNull(row)
                    continue
                }
                cells.reference(row, values[row].start, values[row].count)
            }
        case .integer:
            let values = view.integers(field)
            if field == .dwellMS {
                copy(values, to: column.values(as: Int64.self), nulls, bit, view) { $0 }
            } else {
                copy(values, to: column.values(as: Int32.self), nulls, bit, view) { Int32(truncatingIfNeeded: $0) }
            }
        case .money:
            copy(view.moneys(field), to: column.values(as: Int64.self), nulls, bit, view) { $0 }
        case .timestamp:
            copy(view.timestamps, to: column.values(as: Int64.self), nulls, bit, view) { $0 }
        case .items:
            writeItems(column, view)
        }
    }

    private func copy<T: BitwiseCopyable>(
        _ values: UnsafePointer<Int64>, to cells: UnsafeMutablePointer<T>, _ nulls: NullCells, _ bit: FieldSet,
        _ view: EventBatch.Columns, _ convert: (Int64) -> T
    ) {
        for row in 0..<batch.count {
            if view.presence[row] & bit != 0 { cells[row] = convert(values[row]) } else { nulls.setNull(row) }
        }
    }

    private func writeItems(_ column: ColumnVector, _ view: EventBatch.Columns) {
        var total = 0
        for row in 0..<batch.count { total += batch.items(row).count }
        column.reserveChildren(total)
        column.setChildCount(total)
        let lists = column.lists
        let products = column.children.field(0).strings
        let quantities = column.children.field(1).values(as: Int32.self)
        let prices = column.children.field(2).values(as: Int64.self)
        var at = 0
        for row in 0..<batch.count {
            let items = batch.items(row)
            lists[row] = ListEntry(offset: at, count: items.count)
            for item in items {
                products.reference(at, view.itemProducts[item].start, view.itemProducts[item].count)
                quantities[at] = view.itemQuantities[item]
                prices[at] = view.itemPrices[item]
                at += 1
            }
        }
    }

    // MARK: - The quarantine

    private func fillRejected(_ chunk: inout ChunkWriter) throws -> Int {
        let reasons = chunk.column(0)
        let sources = chunk.column(1)
        let raws = chunk.column(2)
        let receivedAt = chunk.column(3).values(as: Int64.self)
        let partitions = chunk.column(4).values(as: Int32.self)
        let offsets = chunk.column(5).values(as: Int64.self)
        var row = 0
        var size = 0
        while !frame.isAtEnd, row < chunk.capacity, size < BronzeSource.chunkBytes {
            try frame.next { offset, bytes in
                size += bytes.count
                guard let (record, raw) = QuarantineRecord.decode(bytes) else {
                    throw LogError.damaged(
                        path: frame.partition.description, at: offset, what: "not a record of the quarantine")
                }
                BronzeSource.copy(record.reason, to: reasons, row)
                BronzeSource.copy(record.source, to: sources, row)
                let start = raw.assumingMemoryBound(to: UInt8.self).baseAddress
                if let start { raws.copyString(row, start, raw.count) } else { BronzeSource.copy("", to: raws, row) }
                receivedAt[row] = frame.receivedAt
                partitions[row] = Int32(frame.partition.partition)
                offsets[row] = offset
            }
            row += 1
        }
        return row
    }

    private static func copy(_ text: String, to column: ColumnVector, _ row: Int) {
        var text = text
        text.withUTF8 { bytes in
            if let start = bytes.baseAddress {
                column.copyString(row, start, bytes.count)
            } else {
                withUnsafePointer(to: 0 as UInt8) { column.copyString(row, $0, 0) }
            }
        }
    }
}
