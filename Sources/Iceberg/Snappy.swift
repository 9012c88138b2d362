/// Snappy's raw format, which Avro blocks may be compressed with. Only read: our own files use deflate.
///
/// A length, then elements: literal bytes, or copies of bytes that came before (google/snappy, format_description.txt).
enum Snappy {
    /// - Throws: ``IcebergError`` `.malformed` when the bytes are not snappy, or make more than `limit` bytes.
    static func decompress(_ bytes: ArraySlice<UInt8>, upTo limit: Int) throws -> [UInt8] {
        var reader = SnappyReader(bytes: bytes)
        let length = try reader.length()
        guard length <= limit else { throw failure("holds more than \(limit) bytes") }
        var output: [UInt8] = []
        // What is claimed is not believed further than its bytes can reach: 64 bytes for each copy of three.
        output.reserveCapacity(min(length, bytes.count * 32))
        while let tag = reader.byte() {
            if tag & 3 == 0 {
                try reader.literal(tag, into: &output)
            } else {
                try reader.copy(tag, into: &output)
            }
            guard output.count <= length else { throw failure("holds more than the \(length) bytes it says") }
        }
        guard output.count == length else { throw failure("holds \(output.count) bytes and says \(length)") }
        return output
    }

    fileprivate static func failure(_ what: String) -> IcebergError {
        IcebergError(.malformed, "a snappy block \(what)")
    }
}

/// Where a snappy block is read.
private struct SnappyReader {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    mutating func byte() -> UInt8? {
        guard position < bytes.endIndex else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    /// The length of the content: seven bits a byte, the lowest first, at most 32.
    mutating func length() throws -> Int {
        var length = 0
        for shift in stride(from: 0, to: 35, by: 7) {
            guard let byte = byte() else { throw Snappy.failure("ends inside its length") }
            length |= Int(byte & 0x7F) << shift
            if byte & 0x80 == 0 {
                guard length <= Int(UInt32.max) else { break }
                return length
            }
        }
        throw Snappy.failure("has a length beyond 32 bits")
    }

    /// A literal: lengths up to 60 are in the tag, longer ones in one to four bytes behind it.
    mutating func literal(_ tag: UInt8, into output: inout [UInt8]) throws {
        var count = Int(tag >> 2) + 1
        if count > 60 { count = try number(bytes: count - 60) + 1 }
        guard count <= bytes.endIndex - position else { throw Snappy.failure("ends inside a literal") }
        output.append(contentsOf: bytes[position..<position + count])
        position += count
    }

    /// A copy of what is already there. It may reach into itself: then it repeats.
    mutating func copy(_ tag: UInt8, into output: inout [UInt8]) throws {
        let count: Int
        let offset: Int
        switch tag & 3 {
        case 1:
            count = Int(tag >> 2 & 7) + 4
            offset = Int(tag >> 5) << 8 | (try number(bytes: 1))
        case 2:
            count = Int(tag >> 2) + 1
            offset = try number(bytes: 2)
        default:
            count = Int(tag >> 2) + 1
            offset = try number(bytes: 4)
        }
        guard offset > 0, offset <= output.count else { throw Snappy.failure("copies from before its start") }
        for _ in 0..<count { output.append(output[output.count - offset]) }
    }

    private mutating func number(bytes count: Int) throws -> Int {
        var number = 0
        for shift in 0..<count {
            guard let byte = byte() else { throw Snappy.failure("ends inside a length or an offset") }
            number |= Int(byte) << (8 * shift)
        }
        return number
    }
}
