import Engine
import Iceberg
import Storage

/// Position deletes that stand in another partition than a file whose rows they name.
///
/// After the specification they apply to nothing, and engines that follow it show rows that their writer deleted. Writers
/// make such files after a table's partition spec has changed, when they put the deletes under the new one: DuckDB's
/// extension up to 1.5.5 does (duckdb-iceberg 1274), and so did iceberg-go (2606). What was meant is plain, but who follows
/// the rules would not see it: so it is an error until the table is mended, as in Iceberg's Java library (16957).
///
/// Deletes for one file that their manifest names are checked when files are planned. The others have to be opened.
struct StrayDeletes {
    private let table: Table
    private let deletes: [DataFile]
    private let files: [DataFile]

    /// The deletes of a plan that may be stray: nil when there are none, or all partitions are of one spec.
    init?(_ plan: ScanPlan, _ table: Table) {
        guard table.metadata.partitionSpecs.count > 1 else { return nil }
        self.table = table
        deletes = (plan.deletes.map(\.file) + plan.idleDeletes).filter {
            $0.content == .positionDeletes && $0.namedDataFile == nil
        }
        files = plan.tasks.map(\.file)
        if deletes.isEmpty || files.isEmpty { return nil }
    }

    /// A SELECT of `true` that fails where a delete file is stray, and then names it and the data file.
    var checkSQL: String {
        get throws {
            let reader = FileReader(table: table)
            let path = LakeScan.positionFields[0]
            let rows = try reader.selects(deletes, [path], LakeScan.positionNames, fileNames: true) {
                LakeScan.name($0)
            }
            var numbers: [PartitionKey: Int] = [:]
            func number(_ file: DataFile) -> Int {
                let number = numbers[file.partitionKey] ?? numbers.count
                numbers[file.partitionKey] = number
                return number
            }
            let sources = try deletes.map { "(\(SQL.literal(try reader.path($0))), \(number($0)))" }
            let targets = files.map { "(\(SQL.literal($0.location)), \(number($0)))" }
            let rest = SQL.literal(
                ", which is in another partition of \(table.identifier): have the engine that deleted them write the "
                    + "table's position deletes anew, or read the table as it was before (--at)")
            let message = "x.file || ' deletes rows of ' || t.location || \(rest)"
            return "SELECT CASE WHEN count(*) = 0 THEN true ELSE error(min(\(message))) END "
                + "FROM (\(rows.joined(separator: " UNION ALL "))) d "
                + "JOIN (VALUES \(sources.joined(separator: ", "))) x(file, part) ON x.file = d.cartograph_file "
                + "JOIN (VALUES \(targets.joined(separator: ", "))) t(location, part) "
                + "ON t.location = d.\(LakeScan.name(path)) AND t.part <> x.part"
        }
    }
}
