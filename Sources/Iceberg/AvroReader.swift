import CZlib

/// Reads an Avro object container file one value at a time: a schema, metadata, and blocks of values.
package struct AvroReader {
    /// The shape of each value.
    package let schema: AvroSchema
    /// The schema as the header holds it.
    package let schemaText: [UInt8]
    /// The header's metadata, without the schema and codec.
    package let metadata: [String: [UInt8]]

    private var decoder: AvroDecoder
    private let codec: AvroFile.Codec
    private let marker: [UInt8]

    /// Reads the header.
    /// - Throws: ``IcebergError`` `.malformed`, or `.unsupported` for a codec that is not read.
    package init(_ bytes: [UInt8]) throws {
        guard bytes.starts(with: AvroFile.magic) else { throw IcebergError(.malformed, "is not an Avro file") }
        decoder = AvroDecoder(bytes, from: AvroFile.magic.count)
        var header: [String: [UInt8]] = [:]
        try decoder.blocks { decoder in
            let key = try decoder.string()
            guard header.updateValue(try decoder.byteString(), forKey: key) == nil else {
                throw decoder.failure("the header has \"\(key.prefix(80))\" twice")
            }
        }
        marker = try decoder.take(AvroFile.markerLength)
        guard let schemaText = header.removeValue(forKey: AvroFile.schemaKey) else {
            throw IcebergError(.malformed, "the Avro file has no schema")
        }
        let name = header.removeValue(forKey: AvroFile.codecKey).map { String(decoding: $0, as: UTF8.self) } ?? "null"
        guard let codec = AvroFile.Codec(rawValue: name) else {
            throw IcebergError(
                .unsupported,
                "Avro codec \"\(name.prefix(40))\" is not read; null, deflate, snappy and zstandard are")
        }
        self.codec = codec
        self.schemaText = schemaText
        metadata = header
        schema = try locating("the Avro file's schema") { try AvroSchema(json: try JSON(parsing: schemaText)) }
    }

    /// Hands every value of the file to `body`, in the order of the file.
    /// - Throws: ``IcebergError`` `.malformed`, or what `body` throws.
    package mutating func forEach(_ body: (AvroValue) throws -> Void) throws {
        var contentLeft = AvroFile.contentLimit
        var recordsLeft = AvroFile.recordLimit
        var freeValues = AvroDecoder.freeValues
        while decoder.remaining > 0 {
            let count = try decoder.long()
            let stored = try decoder.byteString()
            guard try decoder.take(AvroFile.markerLength) == marker else {
                throw decoder.failure("a block that does not end in the file's marker")
            }
            guard (0...Int64(recordsLeft)).contains(count) else {
                throw decoder.failure("a block of \(count) values, of \(AvroFile.recordLimit) for a file")
            }
            recordsLeft -= Int(count)
            let content = try codec.decompress(stored, upTo: contentLeft)
            contentLeft -= content.count
            guard contentLeft >= 0 else { throw decoder.failure("over \(AvroFile.contentLimit) bytes in its blocks") }
            var block = AvroDecoder(content, freeValues: freeValues)
            for _ in 0..<count { try body(try block.record(of: schema)) }
            guard block.remaining == 0 else { throw decoder.failure("a block with bytes left over") }
            freeValues = min(freeValues, block.valuesLeft)
        }
    }
}

extension AvroFile.Codec {
    /// A block's content.
    fileprivate func decompress(_ stored: [UInt8], upTo limit: Int) throws -> [UInt8] {
        switch self {
        case .none: return stored
        case .deflate: return try Deflate.decompress(stored, upTo: limit)
        case .zstandard: return try Zstandard.decompress(stored, upTo: limit)
        case .snappy:
            // Avro puts the content's CRC-32 behind it, most significant byte first.
            guard stored.count >= 4 else { throw IcebergError(.malformed, "a snappy block has no checksum") }
            let content = try Snappy.decompress(stored.dropLast(4), upTo: limit)
            let expected = stored.suffix(4).reduce(0) { $0 << 8 | UInt($1) }
            guard crc32_z(0, content, content.count) == expected else {
                throw IcebergError(.malformed, "a snappy block does not have its checksum")
            }
            return content
        }
    }
}
