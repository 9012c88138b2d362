import CZlib
import Iceberg

/// An Avro object container file taken apart, so that a part can be changed and the rest still fits around it.
struct AvroParts {
    var schema: [UInt8]
    var metadata: [(key: String, value: [UInt8])]
    var count: Int64
    /// The values of its one block, not compressed.
    var content: [UInt8]
    /// The same as values, where they were read from a whole file.
    private(set) var values: (schema: AvroSchema, all: [AvroValue])?

    static let codecs = ["null", "deflate", "snappy", "zstandard"]

    init(schema: [UInt8], metadata: [(key: String, value: [UInt8])], count: Int64, content: [UInt8]) {
        (self.schema, self.metadata, self.count, self.content) = (schema, metadata, count, content)
    }

    /// The parts of a whole file.
    init(_ bytes: [UInt8]) throws {
        let file = try AvroFile(parsing: bytes)
        schema = file.schemaText
        metadata = file.metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        count = Int64(file.values.count)
        var encoder = AvroEncoder()
        for value in file.values { try encoder.write(value, as: file.schema) }
        content = encoder.bytes
        values = (file.schema, file.values)
    }

    /// The same file with other values.
    func with(_ values: [AvroValue]) throws -> AvroParts {
        guard let schema = self.values?.schema else { return self }
        var encoder = AvroEncoder()
        for value in values { try encoder.write(value, as: schema) }
        var parts = self
        (parts.content, parts.count) = (encoder.bytes, Int64(values.count))
        return parts
    }

    /// What the header says under a key.
    func header(_ key: String) -> String? {
        metadata.first { $0.key == key }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    /// The file, with every length as it should be.
    func file(_ codec: String) -> [UInt8] {
        let stored =
            switch codec {
            case "deflate": Compression.deflate(content)
            case "snappy": Compression.snappy(content)
            case "zstandard": Compression.zstandard(content)
            default: content
            }
        return file(codec, storing: stored)
    }

    /// The file with a block of these bytes, whatever they decompress to.
    func file(_ codec: String, storing stored: [UInt8]) -> [UInt8] {
        var file = AvroEncoder()
        file.append([0x4F, 0x62, 0x6A, 1])
        let header = metadata + [("avro.codec", Array(codec.utf8)), ("avro.schema", schema)]
        file.write(Int64(header.count))
        for (key, value) in header {
            file.write(key)
            file.write(Int64(value.count))
            file.append(value)
        }
        file.write(0)
        let marker = [UInt8](repeating: 9, count: 16)
        file.append(marker)
        file.write(count)
        file.write(Int64(stored.count))
        file.append(stored + marker)
        return file.bytes
    }
}
