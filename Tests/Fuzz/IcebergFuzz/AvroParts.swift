import CZlib
import Iceberg

/// An Avro object container file taken apart, so that a part can be changed and the rest still fits around it.
struct AvroParts {
    var schema: [UInt8]
    var metadata: [(key: String, value: [UInt8])]
    var count: Int64
    /// The values of its one block, not compressed.
    var content: [UInt8]

    static let codecs = ["null", "deflate", "snappy", "zstandard"]

    /// The parts of a whole file.
    init(_ bytes: [UInt8]) throws {
        let file = try AvroFile(parsing: bytes)
        schema = file.schemaText
        metadata = file.metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        count = Int64(file.values.count)
        var encoder = AvroEncoder()
        for value in file.values { try encoder.write(value, as: file.schema) }
        content = encoder.bytes
    }

    /// The file, with every length as it should be.
    func file(_ codec: String) -> [UInt8] {
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
        let stored =
            switch codec {
            case "deflate": Compression.deflate(content)
            case "snappy": Compression.snappy(content)
            case "zstandard": Compression.zstandard(content)
            default: content
            }
        file.write(count)
        file.write(Int64(stored.count))
        file.append(stored + marker)
        return file.bytes
    }
}
