/// Reads Avro's binary encoding, trusting nothing: every length is held against the bytes that are left, and the
/// number of values against the bytes there were, so that a few bytes cannot ask for much memory or time.
package struct AvroDecoder {
    private let bytes: [UInt8]
    private(set) var position: Int
    /// Values that may still be read, in all and in the record at hand.
    private(set) var valuesLeft: Int
    private var recordValuesLeft = Self.recordLimit

    /// Values that may be read beyond those that the bytes account for (empty records, nulls), in one file.
    static let freeValues = 4096
    /// Values that each byte accounts for: a union of a null takes one byte and makes two values.
    static let valuesPerByte = 8
    /// Most values in one value of the top level (one entry of a manifest).
    package static let recordLimit = 4_000_000

    package init(_ bytes: [UInt8], from position: Int = 0, freeValues: Int = Self.freeValues) {
        self.bytes = bytes
        self.position = position
        valuesLeft = freeValues + Self.valuesPerByte * (bytes.count - position)
    }

    var remaining: Int { bytes.count - position }

    /// One value of the given shape. Its depth is the schema's, which is bounded.
    package mutating func value(of schema: AvroSchema) throws -> AvroValue {
        try count()
        switch schema {
        case .null: return .null
        case .boolean: return .boolean(try boolean())
        case .int:
            guard let number = Int32(exactly: try long()) else { throw failure("an int beyond 32 bits") }
            return .int(number)
        case .long: return .long(try long())
        case .float: return .float(Float(bitPattern: UInt32(truncatingIfNeeded: try littleEndian(4))))
        case .double: return .double(Double(bitPattern: try littleEndian(8)))
        case .bytes: return .bytes(try byteString())
        case .string: return .string(try string())
        case .fixed(let size): return .bytes(try take(size))
        case .enumeration(let count): return .enumeration(try index(below: count, of: "an enum symbol"))
        case .union(let branches):
            return try value(of: branches[try index(below: branches.count, of: "a union branch")])
        case .record(let fields): return .record(try fields.map { field in try value(of: field.schema) })
        case .array(let items):
            var elements: [AvroValue] = []
            try blocks { decoder in elements.append(try decoder.value(of: items)) }
            return .array(elements)
        case .map(let values):
            var entries: [AvroEntry] = []
            try blocks { decoder in
                entries.append(AvroEntry(key: try decoder.string(), value: try decoder.value(of: values)))
            }
            return .map(entries)
        }
    }

    /// One value of the top level.
    mutating func record(of schema: AvroSchema) throws -> AvroValue {
        recordValuesLeft = Self.recordLimit
        return try value(of: schema)
    }

    private mutating func count() throws {
        valuesLeft -= 1
        recordValuesLeft -= 1
        guard valuesLeft >= 0 else { throw failure("more values than its bytes can hold") }
        guard recordValuesLeft >= 0 else { throw failure("more than \(Self.recordLimit) values in one record") }
    }

    /// A variable-length, zig-zag coded integer.
    mutating func long() throws -> Int64 {
        var coded: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard position < bytes.count else { throw failure("the end inside an integer") }
            let byte = bytes[position]
            position += 1
            guard shift < 63 || byte <= 1 else { throw failure("an integer beyond 64 bits") }
            coded |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { break }
            shift += 7
        }
        return Int64(bitPattern: coded >> 1) ^ -Int64(bitPattern: coded & 1)
    }

    mutating func string() throws -> String {
        let length = try length()
        defer { position += length }
        guard let text = String(validating: bytes[position..<position + length], as: UTF8.self) else {
            throw failure("a string that is not UTF-8")
        }
        return text
    }

    /// The length of a string or bytes, held against the bytes that are left.
    private mutating func length() throws -> Int {
        let length = try long()
        guard length >= 0, length <= Int64(remaining) else { throw failure("a length of \(length) bytes") }
        return Int(length)
    }

    mutating func byteString() throws -> [UInt8] {
        try take(try length())
    }

    mutating func take(_ count: Int) throws -> [UInt8] {
        guard count <= remaining else { throw failure("the end inside a value") }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    private mutating func boolean() throws -> Bool {
        switch try take(1)[0] {
        case 0: return false
        case 1: return true
        default: throw failure("a boolean that is neither 0 nor 1")
        }
    }

    private mutating func littleEndian(_ count: Int) throws -> UInt64 {
        guard count <= remaining else { throw failure("the end inside a value") }
        defer { position += count }
        return bytes[position..<position + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func index(below count: Int, of what: String) throws -> Int {
        let index = try long()
        guard index >= 0, index < Int64(count) else { throw failure("\(what) of \(index), of \(count)") }
        return Int(index)
    }

    /// Runs `item` for every item of an array or map: blocks of counted items, ended by an empty one. A negative
    /// count is followed by the block's size in bytes, which skipping readers use and we do not need.
    mutating func blocks(_ item: (inout AvroDecoder) throws -> Void) throws {
        while true {
            var count = try long()
            if count == 0 { return }
            if count < 0 {
                guard count != .min else { throw failure("a block of \(count) items") }
                count = -count
                let size = try long()
                guard size >= 0, size <= Int64(remaining) else { throw failure("a block of \(size) bytes") }
            }
            guard count <= Int64(valuesLeft) else { throw failure("a block of \(count) items") }
            for _ in 0..<count {
                try self.count()
                try item(&self)
            }
        }
    }

    func failure(_ what: String) -> IcebergError {
        IcebergError(.malformed, "Avro data, byte \(position): \(what)")
    }
}
