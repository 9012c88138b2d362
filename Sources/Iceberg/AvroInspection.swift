/// Looks into Avro files without knowing what they are for.
public enum AvroInspection {
    /// Whether any text or byte string in a file, its header's metadata included, is one that `isWanted` says yes to.
    /// - Throws: ``IcebergError`` when it is not an Avro file that can be read.
    public static func hasValue(in bytes: [UInt8], where isWanted: ([UInt8]) -> Bool) throws -> Bool {
        let file = try AvroFile(parsing: bytes)
        return file.metadata.values.contains(where: isWanted) || file.values.contains { holds($0, isWanted) }
    }

    private static func holds(_ value: AvroValue, _ isWanted: ([UInt8]) -> Bool) -> Bool {
        switch value {
        case .bytes(let bytes): isWanted(bytes)
        case .string(let text): isWanted(Array(text.utf8))
        case .array(let values), .record(let values): values.contains { holds($0, isWanted) }
        case .map(let entries): entries.contains { isWanted(Array($0.key.utf8)) || holds($0.value, isWanted) }
        default: false
        }
    }
}
