/// An Avro object container file: a schema, metadata, and blocks of values.
package struct AvroFile: Sendable {
    /// How blocks are compressed.
    package enum Codec: String, Sendable {
        case none = "null"
        case deflate
        /// Only read.
        case snappy
        /// Only read.
        case zstandard
    }

    /// The shape of each value.
    package let schema: AvroSchema
    /// The schema as the header holds it.
    package let schemaText: [UInt8]
    /// The header's metadata, without the schema and codec.
    package let metadata: [String: [UInt8]]
    /// Every value, in the order of the file.
    package let values: [AvroValue]

    /// Largest sum of a file's blocks after decompression, in bytes.
    package static let contentLimit = 512 << 20
    /// Most values of the top level in a file (entries of a manifest).
    package static let recordLimit = 5_000_000

    static let magic: [UInt8] = [0x4F, 0x62, 0x6A, 1]
    static let schemaKey = "avro.schema"
    static let codecKey = "avro.codec"
    static let markerLength = 16

    /// Reads a whole file.
    /// - Throws: ``IcebergError`` `.malformed`, or `.unsupported` for a codec that is not read.
    package init(parsing bytes: [UInt8]) throws {
        var reader = try AvroReader(bytes)
        var values: [AvroValue] = []
        try reader.forEach { values.append($0) }
        schema = reader.schema
        schemaText = reader.schemaText
        metadata = reader.metadata
        self.values = values
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
            let stored: [UInt8]
            switch codec {
            case .none: stored = content.bytes
            case .deflate: stored = try Deflate.compress(content.bytes)
            case .snappy, .zstandard:
                throw IcebergError(.unsupported, "Avro files are written with deflate or null, not \(codec.rawValue)")
            }
            file.write(Int64(values.count))
            file.write(Int64(stored.count))
            file.append(stored)
            file.append(marker)
        }
        return file.bytes
    }
}
