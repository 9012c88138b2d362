import Engine

/// Rows of the engine's as PostgreSQL's binary COPY format wants them (PostgreSQL documentation, COPY, Binary Format; the
/// values as the types' receive functions read them): lengths and numbers in network order.
struct BinaryRows: ~Copyable {
    /// Bytes that are gathered before they are sent.
    static let sendBytes = 256 << 10
    /// Microseconds and days from 1970-01-01 to PostgreSQL's epoch, 2000-01-01.
    static let (epochMicroseconds, epochDays): (Int64, Int32) = (946_684_800_000_000, 10_957)
    /// Most bytes of a value that is no text, with its length: a number of ten digits of ten thousand.
    private static let valueBytesMax = 4 + 8 + 2 * 10

    private var bytes: UnsafeMutableRawBufferPointer
    private var count = 0
    private(set) var rowCount = 0

    init() {
        bytes = .allocate(byteCount: Self.sendBytes + (64 << 10), alignment: 16)
        let signature: [UInt8] = [0x50, 0x47, 0x43, 0x4F, 0x50, 0x59, 0x0A, 0xFF, 0x0D, 0x0A, 0x00]
        bytes.copyBytes(from: signature)
        count = signature.count
        // No flags, no extension of the header.
        put(Int64(0))
    }

    deinit { bytes.deallocate() }

    /// Adds the rows of a chunk.
    /// - Parameter types: what each column is in the table.
    mutating func append(
        _ chunk: ResultChunk, as types: [StarSchema.ColumnType], send: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        precondition(chunk.columns.count == types.count, "a statement of other columns than its table")
        let forms = try zip(chunk.columns, types).map { try Form($0, $1) }
        let cells = chunk.columns.map(\.cells)
        let rowBytesMax = 2 + forms.count * Self.valueBytesMax
        for row in 0..<chunk.rowCount {
            reserve(rowBytesMax)
            put(Int16(forms.count))
            for index in forms.indices { try append(cells[index], row, forms[index], rowBytesMax) }
            if count >= Self.sendBytes { try flush(send) }
        }
        rowCount += chunk.rowCount
    }

    /// Ends the data.
    mutating func finish(send: (UnsafeRawBufferPointer) throws -> Void) throws {
        reserve(2)
        put(Int16(-1))
        try flush(send)
    }

    private mutating func flush(_ send: (UnsafeRawBufferPointer) throws -> Void) throws {
        try send(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        count = 0
    }

    /// Makes room for so many bytes more, which ``put(_:)`` does not look after.
    private mutating func reserve(_ more: Int) {
        guard count + more > bytes.count else { return }
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * (count + more), alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        bytes.deallocate()
        bytes = larger
    }

    private mutating func put<Number: FixedWidthInteger & BitwiseCopyable>(_ value: Number) {
        bytes.storeBytes(of: value.bigEndian, toByteOffset: count, as: Number.self)
        count &+= MemoryLayout<Number>.size
    }

    // MARK: - Values

    /// How the cells of a column are read and written; found once for a chunk and not once for a cell.
    private enum Form: BitwiseCopyable {
        case integer, smallint, bigint, boolean, date, instant, text
        /// Decimals of so many bytes in the engine's memory, and of so many places.
        case decimal(bytes: Int, scale: Int)

        init(_ column: ResultColumn, _ type: StarSchema.ColumnType) throws {
            switch (type, column.type) {
            case (.integer, .int32): self = .integer
            case (.smallint, .int32): self = .smallint
            case (.bigint, .int64): self = .bigint
            case (.boolean, .bool): self = .boolean
            case (.date, .date): self = .date
            case (.instant, .timestamptz): self = .instant
            case (.text, .string): self = .text
            case (.decimal, .decimal(let width, let scale)):
                self = .decimal(bytes: width <= 4 ? 2 : width <= 9 ? 4 : width <= 18 ? 8 : 16, scale: Int(scale))
            default:
                throw WarehouseError(
                    .statement, "the lake's column \(column.name) is \(column.type), the warehouse's \(type)")
            }
        }
    }

    private mutating func append(_ column: ResultCells, _ row: Int, _ form: Form, _ rowBytesMax: Int) throws {
        guard !column.isNull(row) else { return put(Int32(-1)) }
        switch form {
        case .integer:
            put(Int32(4))
            put(column.load(row, as: Int32.self))
        case .smallint:
            put(Int32(2))
            put(Int16(truncatingIfNeeded: column.load(row, as: Int32.self)))
        case .bigint:
            put(Int32(8))
            put(column.load(row, as: Int64.self))
        case .boolean:
            put(Int32(1))
            put(column.load(row, as: UInt8.self))
        case .date:
            put(Int32(4))
            put(column.load(row, as: Int32.self) &- Self.epochDays)
        case .instant:
            put(Int32(8))
            put(column.load(row, as: Int64.self) &- Self.epochMicroseconds)
        case .text: putText(column.bytes(row), rowBytesMax)
        case .decimal(let size, let scale):
            let unscaled: Int128 =
                switch size {
                case 2: Int128(column.load(row, as: Int16.self))
                case 4: Int128(column.load(row, as: Int32.self))
                case 8: Int128(column.load(row, as: Int64.self))
                default: column.load(row, as: Int128.self)
                }
            try putNumeric(unscaled, scale: scale)
        }
    }

    /// Text; PostgreSQL's cannot hold a zero, for which its picture, U+2400, is written.
    /// - Parameter rowBytesMax: what the rest of the row may need.
    private mutating func putText(_ text: UnsafeRawBufferPointer, _ rowBytesMax: Int) {
        reserve(4 + 3 * text.count + rowBytesMax)
        guard text.contains(0) else {
            put(Int32(truncatingIfNeeded: text.count))
            UnsafeMutableRawBufferPointer(rebasing: bytes[count...]).copyMemory(from: text)
            count += text.count
            return
        }
        let zeroes = text.reduce(0) { $1 == 0 ? $0 + 1 : $0 }
        put(Int32(truncatingIfNeeded: text.count + 2 * zeroes))
        for byte in text {
            guard byte == 0 else {
                put(byte)
                continue
            }
            for part: UInt8 in [0xE2, 0x90, 0x80] { put(part) }
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
}
