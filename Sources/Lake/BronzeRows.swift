import EventLog
import Events
import Foundation
import Iceberg
import Storage

/// Records of one topic on their way into bronze files: copied from the log's frames, decoded into batches of columns,
/// encoded. A file ends at its row or byte target, or when the UTC day of its records ends, since it holds one partition.
final class BronzeRows {
    /// The rows that are decoded before they are encoded: few, so that they stay in the processor's cache although the
    /// log goes from topic to topic.
    private static let batchRows = 256
    /// The bytes of events that are held until then, unless one event alone has more.
    private static let stagingBytes = 128 << 10

    let layout: BronzeLayout
    /// The files that are complete, with the partition value that they have.
    private(set) var files: [BronzeFile] = []
    /// Compressed bytes of all files that were begun.
    var bytes: Int { files.reduce(builder.bytes) { $0 + $1.body.count } }
    /// Rows since the files were taken.
    private(set) var rows = 0

    private let table: Table
    private let limits: BronzeWriter.Limits
    private let builder: ParquetFileBuilder
    private let batch: EventBatch
    private let decoder = EventDecoder()
    private let members: EventMembers?
    /// Events as a plain page has them: each after its length in four bytes.
    private let staging = ByteRoom(capacity: BronzeRows.stagingBytes)
    private var day: Int64?
    private let numbers = UnsafeMutablePointer<Int64>.allocate(capacity: BronzeRows.batchRows)
    private let none = UnsafeMutablePointer<FieldSet>.allocate(capacity: BronzeRows.batchRows)
    // The inside of lists.
    private var itemStrings: [StringRef] = []
    private var itemNumbers: [Int64] = []
    private let repetitions = ByteRoom()
    private let definitions = ByteRoom()
    // The quarantine's columns.
    private var rejected: [RejectedRow] = []

    private struct RejectedRow {
        var reason: StringRef
        var source: StringRef
        var raw: StringRef
        var receivedAt: Int64
        var partition: Int32
        var offset: Int64
    }

    init(_ table: Table, _ layout: BronzeLayout, _ limits: BronzeWriter.Limits, _ rooms: FileRooms) throws {
        precondition(EventLimits.padding <= ByteRoom.slack, "the decoder reads past what is staged")
        self.table = table
        self.layout = layout
        self.limits = limits
        batch = EventBatch(capacity: BronzeRows.batchRows)
        members = layout.members.isEmpty ? nil : EventMembers(layout.members, capacity: BronzeRows.batchRows)
        builder = try ParquetFileBuilder(
            layout.fields, manyValues: ["event_id", "raw", "log_offset"], unbounded: ["raw", "items"],
            level: limits.compression.level(for: table), json: ["raw"], rooms)
        none.initialize(repeating: 0, count: BronzeRows.batchRows)
    }

    deinit {
        numbers.deallocate()
        none.deallocate()
    }

    /// Whether files made here are right for the table as it is now.
    func isFor(_ table: Table, _ layout: BronzeLayout) -> Bool {
        layout == self.layout && table.spec == self.table.spec && table.dataLocation == self.table.dataLocation
    }

    /// Takes in the records of a frame.
    /// - Throws: `LogError.undecodable` and `.damaged`; what was taken in since the last `takeFiles` is to be discarded.
    func add(_ frame: borrowing Frame) throws {
        let frameDay = frame.header.receivedAt / Timestamp.day
        if let day, day != frameDay { try endFile() }
        day = frameDay
        let receivedAt = frame.header.receivedAt
        let partition = frame.partition
        try frame.forEachRecord { offset, record in
            if isFull(with: record.count) { try encode() }
            if layout.topic == .quarantine {
                try addRejected(record, receivedAt, partition, offset)
            } else {
                let event = stage(event: record)
                if let reason = decoder.decode(event, count: record.count, into: batch) {
                    throw LogError.undecodable(
                        partition: partition.description, offset: offset, what: reason.description)
                }
                batch.setPosition(receivedAt: receivedAt, partition: Int32(partition.partition), offset: offset)
            }
        }
        if builder.rows >= limits.fileRows || builder.bytes >= limits.fileBytes { try endFile() }
    }

    /// Whether the next record needs the batch to be encoded first: strings point into what is staged, which must not move.
    private func isFull(with next: Int) -> Bool {
        let held = layout.topic == .quarantine ? rejected.count : batch.count
        return held == BronzeRows.batchRows || held > 0 && !staging.hasRoom(next * 2 + 4_096)
    }

    /// Copies an event behind those that are staged, with zeros behind it, at which the decoder stops at the latest.
    @inline(__always)
    private func stage(event: UnsafeRawBufferPointer) -> UnsafePointer<UInt8> {
        staging.reserve(event.count + 4)
        let start = staging.end
        UnsafeMutableRawPointer(start).storeBytes(of: UInt32(event.count).littleEndian, as: UInt32.self)
        if let bytes = event.baseAddress {
            UnsafeMutableRawPointer(start + 4).copyMemory(from: bytes, byteCount: event.count)
        }
        (start + 4 + event.count).update(repeating: 0, count: EventLimits.padding)
        staging.count += event.count + 4
        return UnsafePointer(start + 4)
    }

    /// Ends the file that was begun and hands over all that are complete.
    func takeFiles() throws -> [BronzeFile] {
        try endFile()
        defer {
            files = []
            rows = 0
        }
        return files
    }

    /// Forgets everything since the files were taken.
    func discard() {
        builder.discard()
        forgetBatch()
        files = []
        rows = 0
        day = nil
    }

    private func endFile() throws {
        try encode()
        guard builder.rows > 0, let day else { return }
        let built = builder.finish()
        rows += built.rows
        files.append(try BronzeFile(built, of: table, day: Int32(truncatingIfNeeded: day)))
        self.day = nil
    }

    private func forgetBatch() {
        batch.removeAll()
        rejected.removeAll(keepingCapacity: true)
        members?.removeAll()
        staging.removeAll(keeping: BronzeRows.stagingBytes)
    }

    // MARK: - Encoding

    private func encode() throws {
        let count = layout.topic == .quarantine ? rejected.count : batch.count
        guard count > 0 else { return }
        if layout.topic == .quarantine { encodeRejected() } else { encodeEvents() }
        builder.endBatch(rows: count)
        forgetBatch()
    }

    private func encodeEvents() {
        let view = batch.columns
        let count = batch.count
        if let members { for row in 0..<count { members.read(view.raws[row], into: row) } }
        var leaf = 0
        for origin in layout.origins {
            let column = builder.columns[leaf]
            leaf += 1
            switch origin {
            case .field(let field): encode(field, view, to: column)
            case .items(let parts):
                encodeItems(parts, view, first: leaf - 1)
                leaf += parts.count - 1
            case .raw: column.append(plain: staging.start, staging.count, count)
            case .receivedAt: column.append(view.receivedAts, count)
            case .partition:
                for row in 0..<count { numbers[row] = Int64(view.partitions[row]) }
                column.append(numbers, count)
            case .offset: column.append(view.offsets, count)
            case .member(let index): encode(member: index, to: column)
            case .nothing(let leaves):
                encodeNothing(count, leaf - 1, leaves)
                leaf += leaves - 1
            case .reason, .source: preconditionFailure("a column of the quarantine in a table of events")
            }
        }
    }

    private func encode(_ field: EventField, _ view: EventBatch.Columns, to column: ParquetColumn) {
        // Where the table requires the field, every event has it.
        let presence = column.leaf.definitionMax > 0 ? view.presence : nil
        switch field.kind {
        case .id, .text, .word, .currency, .type: column.append(view.strings(field), batch.count, presence, field.bit)
        case .integer: column.append(view.integers(field), batch.count, presence, field.bit)
        case .timestamp: column.append(view.timestamps, batch.count, presence, field.bit)
        case .money: encode(decimals: view.moneys(field), presence, field.bit, to: column)
        case .items: preconditionFailure("items are written part by part")
        }
    }

    /// Decimals as the column keeps them: somebody may have made it wider than 18 digits.
    private func encode(
        decimals: UnsafePointer<Int64>, _ presence: UnsafePointer<FieldSet>?, _ bit: FieldSet, to column: ParquetColumn
    ) {
        guard case .fixed(16) = column.leaf.physical else {
            return column.append(decimals, batch.count, presence, bit)
        }
        withWide(decimals, batch.count) { column.append($0, batch.count, presence, bit) }
    }

    /// Numbers as 16 bytes each, the highest first.
    private func withWide(_ values: UnsafePointer<Int64>, _ count: Int, _ body: (UnsafePointer<StringRef>) -> Void) {
        var wide = ContiguousArray<Int128>(repeating: 0, count: count + 4)
        for row in 0..<count { wide[row] = Int128(values[row]).bigEndian }
        wide.withUnsafeBytes { bytes in
            guard let start = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return }
            let strings = (0..<count).map { StringRef(start + $0 * 16, 16) }
            strings.withUnsafeBufferPointer { if let first = $0.baseAddress { body(first) } }
        }
    }

    private func encode(member index: Int, to column: ParquetColumn) {
        guard let members else { return }
        let bit: FieldSet = 1 << FieldSet(index)
        switch column.leaf.physical {
        case .bytes, .fixed: column.append(members.strings(index), batch.count, members.presence, bit)
        default: column.append(members.numbers(index), batch.count, members.presence, bit)
        }
    }

    private func encodeNothing(_ count: Int, _ first: Int, _ leaves: Int) {
        for column in builder.columns[first..<(first + leaves)] {
            if column.leaf.repetitionMax > 0 || column.leaf.path.count > 1 {
                repetitions.removeAll()
                definitions.removeAll()
                for _ in 0..<count {
                    if column.leaf.repetitionMax > 0 { repetitions.append(UInt8(0)) }
                    definitions.append(UInt8(0))
                }
                column.addLevels(repetitions: repetitions, definitions: definitions, nulls: count)
            } else {
                column.append(numbers, count, none, 1)
            }
        }
    }

    private func encodeItems(_ parts: [BronzeLayout.ItemPart?], _ view: EventBatch.Columns, first: Int) {
        for (index, part) in parts.enumerated() {
            let column = builder.columns[first + index]
            // Levels of a value, of a null in an item, and of a row without items.
            let full = column.leaf.definitionMax
            let hasOptionalPart = part == nil
            repetitions.removeAll()
            definitions.removeAll()
            itemStrings.removeAll(keepingCapacity: true)
            itemNumbers.removeAll(keepingCapacity: true)
            var nulls = 0
            for row in 0..<batch.count {
                let items = batch.items(row)
                for item in items {
                    repetitions.append(UInt8(item == items.lowerBound ? 0 : 1))
                    definitions.append(hasOptionalPart ? full - 1 : full)
                    switch part {
                    case .product: itemStrings.append(view.itemProducts[item])
                    case .quantity: itemNumbers.append(Int64(view.itemQuantities[item]))
                    case .price: itemNumbers.append(view.itemPrices[item])
                    case nil: nulls += 1
                    }
                }
                if items.isEmpty {
                    repetitions.append(UInt8(0))
                    definitions.append(UInt8(0))
                    nulls += 1
                }
            }
            column.addLevels(repetitions: repetitions, definitions: definitions, nulls: nulls)
            if part == .product {
                itemStrings.withUnsafeBufferPointer {
                    if let first = $0.baseAddress { column.appendInside(first, $0.count) }
                }
            } else if part != nil {
                itemNumbers.withUnsafeBufferPointer { numbers in
                    guard let first = numbers.baseAddress else { return }
                    if case .fixed(16) = column.leaf.physical {
                        withWide(first, numbers.count) { column.appendInside($0, numbers.count) }
                    } else {
                        column.appendInside(first, numbers.count)
                    }
                }
            }
        }
    }

    // MARK: - The quarantine

    private func addRejected(
        _ record: UnsafeRawBufferPointer, _ receivedAt: Int64, _ partition: TopicPartition, _ offset: Int64
    ) throws {
        guard let (words, raw) = QuarantineRecord.decode(record) else {
            throw LogError.damaged(path: partition.description, at: offset, what: "not a record of the quarantine")
        }
        staging.reserve(record.count + 4_096)
        rejected.append(
            RejectedRow(
                reason: stage(words.reason), source: stage(words.source), raw: stage(raw), receivedAt: receivedAt,
                partition: Int32(partition.partition), offset: offset))
    }

    private func stage(_ text: String) -> StringRef {
        var text = text
        return text.withUTF8 { stage(UnsafeRawBufferPointer($0)) }
    }

    private func stage(_ bytes: UnsafeRawBufferPointer) -> StringRef {
        let start = staging.count
        if let first = bytes.baseAddress { staging.append(first, bytes.count) }
        return StringRef(UnsafePointer(staging.start + start), bytes.count)
    }

    private func encodeRejected() {
        func strings(_ value: (RejectedRow) -> StringRef, to column: ParquetColumn) {
            rejected.map(value).withUnsafeBufferPointer {
                if let first = $0.baseAddress { column.append(first, $0.count) }
            }
        }
        func numbers(_ value: (RejectedRow) -> Int64, to column: ParquetColumn) {
            rejected.map(value).withUnsafeBufferPointer {
                if let first = $0.baseAddress { column.append(first, $0.count) }
            }
        }
        var leaf = 0
        for origin in layout.origins {
            let column = builder.columns[leaf]
            leaf += 1
            switch origin {
            case .reason: strings(\.reason, to: column)
            case .source: strings(\.source, to: column)
            case .raw: strings(\.raw, to: column)
            case .receivedAt: numbers(\.receivedAt, to: column)
            case .partition: numbers({ Int64($0.partition) }, to: column)
            case .offset: numbers(\.offset, to: column)
            case .nothing(let leaves):
                encodeNothing(rejected.count, leaf - 1, leaves)
                leaf += leaves - 1
            case .field, .items, .member: preconditionFailure("a column of events in the quarantine")
            }
        }
    }
}

/// A bronze file that is complete, and not yet written.
struct BronzeFile {
    /// Where it is written to.
    let location: String
    /// Its bytes; whoever has written them may use their room again.
    let body: BlockBytes
    /// The table's entry for it.
    let entry: DataFile

    fileprivate init(_ built: ParquetFileBuilder.Built, of table: Table, day: Int32) throws {
        location = FileChecksum.location(
            Location.join(table.dataLocation, "data-\(UUID().uuidString.lowercased())"), of: built.file.checksum)
        body = built.file.block
        var entry = DataFile(
            location: location, partition: table.spec.fields.isEmpty ? [] : [.date(day)],
            recordCount: Int64(built.rows), fileSizeInBytes: Int64(body.count))
        entry.specID = table.spec.specID
        entry.splitOffsets = built.splitOffsets
        for (leaf, bytes, statistics) in built.columns {
            entry.columnSizes[leaf.fieldID] = Int64(bytes)
            entry.valueCounts[leaf.fieldID] = Int64(statistics.values)
            entry.nullValueCounts[leaf.fieldID] = Int64(statistics.nulls)
            // Bounds are for skipping files by plain columns; those inside of lists help nobody.
            guard leaf.path.count == 1, let bounds = statistics.bounds(leaf.type) else { continue }
            entry.lowerBounds[leaf.fieldID] = SingleValue.lowerBound(bounds.lower)
            entry.upperBounds[leaf.fieldID] = SingleValue.upperBound(bounds.upper)
        }
        self.entry = entry
    }
}
