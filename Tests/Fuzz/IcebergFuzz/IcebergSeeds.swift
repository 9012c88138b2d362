import Foundation
import Iceberg

/// Files of tables that Spark wrote, kept beside the fuzzers: nested types, deletes, schemas and specs that changed, and a
/// table of format version 1.
struct IcebergSeeds {
    /// One table's files.
    struct SeedTable {
        let metadata: TableMetadata
        let text: [UInt8]
        let data: AvroParts
        let deletes: AvroParts?
        let list: AvroParts
    }

    let tables: [SeedTable]

    private static let names = [
        "all_types", "deletes_by_file", "equality_deletes", "evolved", "imported", "version_one",
    ]

    init() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Seeds")
        tables = try Self.names.map { name in
            func bytes(_ file: String) throws -> [UInt8] {
                [UInt8](try Data(contentsOf: folder.appendingPathComponent(name).appendingPathComponent(file)))
            }
            let text = try bytes("table.metadata.json")
            let hasDeletes = name.contains("deletes")
            return SeedTable(
                metadata: try TableMetadata(parsing: text), text: text, data: try AvroParts(try bytes("data.avro")),
                deletes: hasDeletes ? try AvroParts(try bytes("deletes.avro")) : nil,
                list: try AvroParts(try bytes("list.avro")))
        }
    }
}
