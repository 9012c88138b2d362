import ArgumentParser
import Events
import Foundation
import Iceberg

/// `cartograph lake show`.
struct LakeShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Describe a table: columns, partitions, order, properties, files and their sizes.")
    @OptionGroup var options: ShopOptions
    @Argument(help: "The table, such as gold.daily_sales.") var table: String

    /// Size in bytes below which a file counts as small.
    private static let smallBytes: Int64 = 32 << 20

    private struct Column: Encodable {
        let id: Int
        let name: String
        let type: String
        let required: Bool
        let doc: String?
    }

    private struct Description: Encodable {
        let table: String
        let location: String
        let format_version: Int
        let uuid: String
        let columns: [Column]
        let partitioned_by: [String]
        let sorted_by: [String]
        let properties: [String: String]
        let references: [String: Int64]
        let snapshot: Int64?
        let last_commit: String?
        let snapshots: Int
        let rows: Int64
        let files: Int
        let bytes: Int64
        let small_files: Int
        let smallest_bytes: Int64
        let largest_bytes: Int64
        let partitions: Int
    }

    func run() async throws {
        let catalog = try LakeCommand.place(try options.settings()).0.openCatalog()
        let table = try catalog.loadTable(try TableIdentifier(parsing: table))
        let files = try table.files()
        let sizes = files.map(\.fileSizeInBytes)
        func source(_ id: Int) -> String { table.metadata.field(id: id)?.name ?? "column \(id)" }
        let order = table.metadata.sortOrders.first { $0.orderID == table.metadata.defaultSortOrderID }
        let described = Description(
            table: "\(table.identifier)", location: table.location, format_version: table.metadata.formatVersion,
            uuid: table.metadata.tableUUID,
            columns: table.schema.fields.map {
                Column(id: $0.id, name: $0.name, type: "\($0.type)", required: $0.required, doc: $0.doc)
            },
            partitioned_by: table.spec.fields.map { "\($0.transform.name)(\(source($0.sourceID)))" },
            sorted_by: order?.fields.map { "\($0.transform.name)(\(source($0.sourceID))) \($0.direction.rawValue)" }
                ?? [],
            properties: table.metadata.properties,
            references: table.metadata.references.mapValues(\.snapshotID), snapshot: table.currentSnapshot?.id,
            last_commit: table.currentSnapshot.map { Timestamp.text($0.timestampMilliseconds * 1_000) },
            snapshots: table.metadata.snapshots.count, rows: files.reduce(0) { $0 + $1.recordCount },
            files: files.count, bytes: sizes.reduce(0, +), small_files: sizes.filter { $0 < Self.smallBytes }.count,
            smallest_bytes: sizes.min() ?? 0, largest_bytes: sizes.max() ?? 0,
            partitions: Set(files.map(\.partitionKey)).count)
        if options.json { try LogCommand.print(described) } else { print(described) }
    }

    private func print(_ table: Description) {
        Swift.print("\(table.table)  \(table.location)\n")
        var columns = TextTable(["column", "id", "type", "required"])
        for column in table.columns {
            columns.add([column.name, String(column.id), column.type, column.required ? "yes" : ""])
        }
        Swift.print(columns.text)
        var facts = TextTable(["", ""])
        facts.add(["partitioned by", table.partitioned_by.joined(separator: ", ")])
        facts.add(["sorted by", table.sorted_by.joined(separator: ", ")])
        facts.add(["current snapshot", table.snapshot.map { String($0) } ?? "none"])
        facts.add(["last commit", table.last_commit ?? "never"])
        facts.add(["snapshots kept", Int64(table.snapshots).grouped])
        for (name, id) in table.references.sorted(by: { $0.key < $1.key }) { facts.add(["  \(name)", String(id)]) }
        facts.add(["rows", table.rows.grouped])
        facts.add(["files, in partitions", "\(Int64(table.files).grouped), \(Int64(table.partitions).grouped)"])
        facts.add(["bytes", table.bytes.grouped])
        facts.add(["smallest and largest file", "\(table.smallest_bytes.grouped), \(table.largest_bytes.grouped)"])
        facts.add(["files below \(Self.smallBytes >> 20) MiB", Int64(table.small_files).grouped])
        Swift.print(facts.text)
        for (name, value) in table.properties.sorted(by: { $0.key < $1.key }) { Swift.print("  \(name) = \(value)") }
    }
}
