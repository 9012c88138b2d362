import Engine

/// Rows of the engine's as PostgreSQL's binary COPY format wants them (PostgreSQL documentation, COPY, Binary Format; the
/// values as the types' receive functions read them): lengths and numbers in network order.
struct BinaryRows: ~Copyable {
    /// Bytes that are gathered before they are sent.
    static let sendBytes = 256 << 10
    /// Microseconds and days from 1970-01-01 to PostgreSQL's epoch, 2000-01-01.
    static let (epochMicroseconds, epochDays): (Int64, Int32) = (946_684_800_000_000, 10_957)

    private var bytes = [UInt8]()
    private(set) var rowCount = 0

    init() {
        bytes.reserveCapacity(Self.sendBytes + (64 << 10))
        bytes += [0x50, 0x47, 0x43, 0x4F, 0x50, 0x59, 0x0A, 0xFF, 0x0D, 0x0A, 0x00]
        // No flags, no extension of the header.
        bytes += [0, 0, 0, 0, 0, 0, 0, 0]
    }

    /// Adds the rows of a chunk.
    /// - Parameter types: what each column is in the table.
    mutating func append(
        _ chunk: ResultChunk, as types: [StarSchema.ColumnType], send: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        precondition(chunk.columns.count == types.count, "a statement of other columns than its table")
        for row in 0..<chunk.rowCount {
            put(Int16(types.count))
            for index in types.indices { try append(chunk.columns[index], row, types[index]) }
            if bytes.count >= Self.sendBytes { try flush(send) }
        }
        rowCount += chunk.rowCount
    }

    /// Ends the data.
    mutating func finish(send: (UnsafeRawBufferPointer) throws -> Void) throws {
        put(Int16(-1))
        try flush(send)
    }

    private mutating func flush(_ send: (UnsafeRawBufferPointer) throws -> Void) throws {
        try bytes.withUnsafeBytes(send)
        bytes.removeAll(keepingCapacity: true)
    }

    // MARK: - Values

    private mutating func append(_ column: ResultColumn, _ row: Int, _ type: StarSchema.ColumnType) throws {
        guard !column.isNull(row) else { return put(Int32(-1)) }
        switch (type, column.type) {
        case (.integer, .int32):
            put(Int32(4))
            put(column.load(row, as: Int32.self))
        case (.smallint, .int32):
            put(Int32(2))
            put(Int16(truncatingIfNeeded: column.load(row, as: Int32.self)))
        case (.bigint, .int64):
            put(Int32(8))
            put(column.load(row, as: Int64.self))
        case (.boolean, .bool):
            put(Int32(1))
            bytes.append(column.load(row, as: UInt8.self))
        case (.date, .date):
            put(Int32(4))
            put(column.load(row, as: Int32.self) &- Self.epochDays)
        case (.instant, .timestamptz):
            put(Int32(8))
            put(column.load(row, as: Int64.self) &- Self.epochMicroseconds)
        case (.text, .string): putText(column.bytes(row))
        case (.decimal, .decimal(let width, let scale)):
            let unscaled: Int128 =
                width <= 4
                ? Int128(column.load(row, as: Int16.self))
                : width <= 9
                    ? Int128(column.load(row, as: Int32.self))
                    : width <= 18 ? Int128(column.load(row, as: Int64.self)) : column.load(row, as: Int128.self)
            try putNumeric(unscaled, scale: Int(scale))
        default:
            throw WarehouseError(
                .statement, "the lake's column \(column.name) is \(column.type), the warehouse's \(type)")
        }
    }

    /// Text; PostgreSQL's cannot hold a zero, for which its picture, U+2400, is written.
    private mutating func putText(_ text: UnsafeRawBufferPointer) {
        guard text.contains(0) else {
            put(Int32(truncatingIfNeeded: text.count))
            bytes.append(contentsOf: text)
            return
        }
        let zeroes = text.reduce(0) { $1 == 0 ? $0 + 1 : $0 }
        put(Int32(truncatingIfNeeded: text.count + 2 * zeroes))
        for byte in text {
            if byte == 0 { bytes += [0xE2, 0x90, 0x80] } else { bytes.append(byte) }
        }
    }

    /// A number as digits of ten thousand: how many, the weight of the first, the sign, the decimals shown, the digits.
    private mutating func putNumeric(_ unscaled: Int128, scale: Int) throws {
        // Decimals in whole digits of ten thousand.
        let groups = (scale + 3) / 4
        var magnitude = unscaled.magnitude
        for _ in scale..<(groups * 4) {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            guard !overflow else { throw WarehouseError(.statement, "a number of the lake is too large for numeric") }
            magnitude = product
        }
        withUnsafeTemporaryAllocation(of: Int16.self, capacity: 10) { digits in
            var count = 0
            if let small = UInt64(exactly: magnitude) {
                var rest = small
                while rest > 0 {
                    digits[count] = Int16(truncatingIfNeeded: rest % 10_000)
                    rest /= 10_000
                    count += 1
                }
            } else {
                while magnitude > 0 {
                    digits[count] = Int16(truncatingIfNeeded: magnitude % 10_000)
                    magnitude /= 10_000
                    count += 1
                }
            }
            // Zeroes at the end are not written.
            var first = 0
            while first < count, digits[first] == 0 { first += 1 }
            let written = count - first
            put(Int32(8 + 2 * written))
            put(Int16(written))
            put(Int16(written == 0 ? 0 : count - 1 - groups))
            put(Int16(bitPattern: unscaled < 0 ? 0x4000 : 0))
            put(Int16(scale))
            for index in stride(from: count - 1, through: first, by: -1) where written > 0 { put(digits[index]) }
        }
    }

    private mutating func put<Number: FixedWidthInteger & BitwiseCopyable>(_ value: Number) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}
