/// Reads Thrift's compact protocol (the encoding of Parquet's metadata), as far as reading a footer takes. Every count
/// and depth is bounded, and nothing past the end is read.
struct ThriftCompact {
    /// Deepest nesting that is skipped or read.
    static let depthMax = 64

    /// What stands at a place that cannot be read.
    enum Failure: Error {
        /// The bytes end inside of a value.
        case endsEarly
        /// What is there is not the compact protocol.
        case malformed
    }

    /// Types of values as field headers and lists spell them.
    enum Kind: UInt8 {
        case yes = 1
        case no, byte, int16, int32, int64, double, binary, list, set, map, structure, uuid
    }

    private let bytes: [UInt8]
    private(set) var position: Int

    init(_ bytes: [UInt8], from position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    /// Calls `body` with the id and type of each field of a struct; what it does not read it has to skip.
    mutating func fields(depth: Int, _ body: (inout ThriftCompact, _ id: Int, Kind) throws -> Bool) throws {
        guard depth < Self.depthMax else { throw Failure.malformed }
        var id = 0
        while true {
            let header = try byte()
            if header == 0 { return }
            guard let kind = Kind(rawValue: header & 15) else { throw Failure.malformed }
            id = header >> 4 == 0 ? try integer(16) : id + Int(header >> 4)
            guard try body(&self, id, kind) else { return }
        }
    }

    /// The type and number of elements of a list that begins here. An element takes a byte at least.
    mutating func listHeader() throws -> (kind: Kind, count: Int) {
        let header = try byte()
        // In lists, both booleans are spelled 1 or 2.
        guard let kind = Kind(rawValue: header & 15) else { throw Failure.malformed }
        let count = header >> 4 == 15 ? try unsigned() : UInt64(header >> 4)
        guard count <= UInt64(Int32.max) else { throw Failure.malformed }
        guard count <= UInt64(bytes.count - position) else { throw Failure.endsEarly }
        return (kind, Int(count))
    }

    /// A signed integer of up to `bits` bits.
    mutating func integer(_ bits: Int) throws -> Int {
        let raw = try unsigned()
        let number = Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
        guard bits == 64 || (number >> (bits - 1)) == (number < 0 ? -1 : 0) else { throw Failure.malformed }
        return Int(number)
    }

    /// A string.
    mutating func string() throws -> String {
        let range = try binary()
        guard let text = String(validating: bytes[range], as: UTF8.self) else { throw Failure.malformed }
        return text
    }

    /// Passes over one value.
    mutating func skip(_ kind: Kind, depth: Int) throws {
        guard depth < Self.depthMax else { throw Failure.malformed }
        switch kind {
        case .yes, .no: break
        case .byte: _ = try byte()
        case .int16, .int32, .int64: _ = try unsigned()
        case .double: try advance(8)
        case .uuid: try advance(16)
        case .binary: _ = try binary()
        case .list, .set:
            let (kind, count) = try listHeader()
            for _ in 0..<count { try skipElement(kind, depth: depth + 1) }
        case .map:
            let count = try unsigned()
            if count == 0 { return }
            guard count <= UInt64(bytes.count - position) else { throw Failure.endsEarly }
            let kinds = try byte()
            guard let key = Kind(rawValue: kinds >> 4), let value = Kind(rawValue: kinds & 15) else {
                throw Failure.malformed
            }
            for _ in 0..<count {
                try skipElement(key, depth: depth + 1)
                try skipElement(value, depth: depth + 1)
            }
        case .structure:
            try fields(depth: depth + 1) { reader, _, kind in
                try reader.skip(kind, depth: depth + 1)
                return true
            }
        }
    }

    /// Booleans are a byte of their own inside of lists and maps, where in structs the field's type says it all.
    private mutating func skipElement(_ kind: Kind, depth: Int) throws {
        if kind == .yes || kind == .no { try advance(1) } else { try skip(kind, depth: depth) }
    }

    private mutating func binary() throws -> Range<Int> {
        let count = try unsigned()
        guard count <= UInt64(bytes.count - position) else { throw Failure.endsEarly }
        let start = position
        position += Int(count)
        return start..<position
    }

    private mutating func advance(_ count: Int) throws {
        guard count <= bytes.count - position else { throw Failure.endsEarly }
        position += count
    }

    private mutating func byte() throws -> UInt8 {
        guard position < bytes.count else { throw Failure.endsEarly }
        defer { position += 1 }
        return bytes[position]
    }

    /// Seven bits a byte, the lowest first.
    private mutating func unsigned() throws -> UInt64 {
        var number: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            guard shift < 63 || next <= 1 else { throw Failure.malformed }
            number |= UInt64(next & 0x7F) << shift
            if next & 0x80 == 0 { return number }
            shift += 7
        }
    }
}
