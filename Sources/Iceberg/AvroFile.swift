/// An Avro object container file: a schema, metadata, and blocks of values.
package struct AvroFile: Sendable {
    /// How blocks are compressed.
    package enum Codec: String, Sendable {
        case none = "null"
        case deflate
    }

    /// The shape of each value.
    package let schema: AvroSchema
    /// The header's metadata, without the schema and codec.
    package let metadata: [String: [UInt8]]
    /// Every value, in the order of the file.
    package let values: [AvroValue]

    /// Largest sum of a file's blocks after decompression, in bytes.
    package static let contentLimit = 512 << 20

    private static let magic: [UInt8] = [0x4F, 0x62, 0x6A, 1]
    private static let schemaKey = "avro.schema"
    private static let codecKey = "avro.codec"
    private static let markerLength = 16

    /// Reads a whole file.
    /// - Throws: ``IcebergError`` `.malformed`, or `.unsupported` for a codec other than null and deflate.
    package init(parsing bytes: [UInt8]) throws {
        guard bytes.starts(with: Self.magic) else { throw IcebergError(.malformed, "is not an Avro file") }
        var decoder = AvroDecoder(bytes, from: Self.magic.count)
        var header: [String: [UInt8]] = [:]
        try decoder.blocks { decoder in header[try decoder.string()] = try decoder.byteString() }
        let marker = try decoder.take(Self.markerLength)
        guard let schemaText = header.removeValue(forKey: Self.schemaKey) else {
            throw IcebergError(.malformed, "the Avro file has no schema")
        }
        let codecName = header.removeValue(forKey: Self.codecKey).map { String(decoding: $0, as: UTF8.self) } ?? "null"
        guard let codec = Codec(rawValue: codecName) else {
            throw IcebergError(.unsupported, "Avro codec \"\(codecName.prefix(40))\" is not read; null and deflate are")
        }
        schema = try AvroSchema(json: try JSON(parsing: schemaText))
        metadata = header
        values = try Self.values(&decoder, schema: schema, codec: codec, marker: marker)
    }

    private static func values(
        _ decoder: inout AvroDecoder, schema: AvroSchema, codec: Codec, marker: [UInt8]
    ) throws -> [AvroValue] {
        var values: [AvroValue] = []
        var contentLeft = contentLimit
        while decoder.remaining > 0 {
            let count = try decoder.long()
            let stored = try decoder.byteString()
            guard try decoder.take(markerLength) == marker else {
                throw decoder.failure("a block that does not end in the file's marker")
            }
            let content = codec == .none ? stored : try Deflate.decompress(stored, upTo: contentLeft)
            contentLeft -= content.count
            guard contentLeft >= 0, count >= 0 else { throw decoder.failure("a block of \(count) values") }
            var block = AvroDecoder(content)
            for _ in 0..<count { values.append(try block.value(of: schema)) }
            guard block.remaining == 0 else { throw decoder.failure("a block with bytes left over") }
        }
        return values
    }

    /// Writes a file of one block. The schema text goes into the header as it is, with its field ids.
    package static func encode(
        _ values: [AvroValue], schema: AvroSchema, schemaText: [UInt8], metadata: [(String, [UInt8])],
        codec: Codec = .deflate
    ) throws -> [UInt8] {
        var content = AvroEncoder()
        for value in values { try content.write(value, as: schema) }
        var file = AvroEncoder()
        file.append(magic)
        let header = metadata + [(codecKey, Array(codec.rawValue.utf8)), (schemaKey, schemaText)]
        file.write(Int64(header.count))
        for (key, value) in header {
            file.write(key)
            file.write(Int64(value.count))
            file.append(value)
        }
        file.write(0)
        let marker = (0..<markerLength).map { _ in UInt8.random(in: .min ... .max) }
        file.append(marker)
        if !values.isEmpty {
            let stored = codec == .none ? content.bytes : try Deflate.compress(content.bytes)
            file.write(Int64(values.count))
            file.write(Int64(stored.count))
            file.append(stored)
            file.append(marker)
        }
        return file.bytes
    }
}
