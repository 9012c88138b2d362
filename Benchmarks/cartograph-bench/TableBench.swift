import Foundation
import Iceberg
import Storage

/// Measures of the table format by itself: commits to tables with a history, and plans over many files.
struct TableBench {
    /// Runs of each plan; commits are measured ten times as often.
    let runs: Int

    /// Snapshots that a table has when commits to it are measured.
    private static let histories = [10, 100, 1_000]
    /// Files that a plan goes over.
    private static let files = 10_000
    private static let filesPerCommit = 100
    /// Days that the files are of.
    private static let days: Int32 = 50
    /// Columns with statistics, as in a table of events.
    private static let columns = 12

    private static let schema = Schema(
        assigningIDs: [ColumnDefinition("day", .date)]
            + (1..<columns).map { ColumnDefinition("column_\($0)", $0 % 2 == 0 ? .long : .string) })

    /// Commit latency by the length of the history, then planning.
    func measures() throws -> [Measure] {
        try commits() + plans()
    }

    private func withTable<Result>(_ body: (inout Table) throws -> Result) throws -> Result {
        let folder = try WorkFolder.make()
        defer { WorkFolder.remove(folder) }
        let catalog = try SQLiteCatalog(path: folder + "/catalog.sqlite", warehouse: folder)
        try catalog.createNamespace("bench")
        var table = try catalog.createTable(
            TableIdentifier("bench", "events"), schema: Self.schema,
            spec: PartitionSpec(of: Self.schema, by: [("day", .identity)]))
        return try body(&table)
    }

    private func file(_ number: Int, of table: Table) -> DataFile {
        let day = Int32(number) % Self.days
        var file = DataFile(
            location: "\(table.dataLocation)/day=\(day)/\(UUID().uuidString).parquet", partition: [.date(day)],
            recordCount: 100_000, fileSizeInBytes: 4 << 20, splitOffsets: [4, 1 << 20, 2 << 20, 3 << 20])
        for column in Self.schema.fields {
            file.columnSizes[column.id] = 300_000
            file.valueCounts[column.id] = 100_000
            file.nullValueCounts[column.id] = 0
            let (low, high): (IcebergValue, IcebergValue) =
                switch column.type {
                case .date: (.date(day), .date(day))
                case .long: (.long(Int64(number) * 1_000), .long(Int64(number) * 1_000 + 999))
                default: (.string("a-\(number)-and-longer"), .string("b-\(number)-and-longer"))
                }
            file.lowerBounds[column.id] = SingleValue.lowerBound(low)
            file.upperBounds[column.id] = SingleValue.upperBound(high)
        }
        return file
    }

    private func commits() throws -> [Measure] {
        try withTable { table in
            var measures: [Measure] = []
            var number = 0
            for history in Self.histories {
                while table.metadata.snapshots.count < history {
                    number += 1; try table.append([file(number, of: table)])
                }
                var wall: [Double] = []
                var cpu: [Double] = []
                for _ in 0..<runs * 10 {
                    number += 1
                    let new = file(number, of: table)
                    let (spent, began) = (Clocks.ownCPU(), Clocks.now())
                    try table.append([new])
                    wall.append(Double(Clocks.now() - began) / 1e6)
                    cpu.append(Double(Clocks.ownCPU() - spent) / 1e6)
                }
                measures.append(
                    Measure(bench: "tables", measure: "commit, \(history) snapshots", Spread(wall), unit: "ms"))
                measures.append(
                    Measure(bench: "tables", measure: "commit, \(history) snapshots, cpu", Spread(cpu), unit: "cpu-ms"))
            }
            return measures
        }
    }

    private func plans() throws -> [Measure] {
        try withTable { table in
            for start in stride(from: 0, to: Self.files, by: Self.filesPerCommit) {
                try table.append((start..<start + Self.filesPerCommit).map { file($0, of: table) })
            }
            let one = RowFilter.equal("day", .date(7)) && .less("column_2", .long(5_000_000))
            var measures = try plan(table, "every file", .always(true), files: Self.files)
            measures += try plan(table, "a day's", one, files: Self.files / Int(Self.days) / 2)
            try table.rewriteManifests(targetBytes: 256 << 10)
            measures += try plan(table, "a day's, manifests by day", one, files: Self.files / Int(Self.days) / 2)
            return measures
        }
    }

    private func plan(_ table: Table, _ name: String, _ filter: RowFilter, files: Int) throws -> [Measure] {
        var wall: [Double] = []
        var cpu: [Double] = []
        for _ in 0..<runs {
            let (spent, began) = (Clocks.ownCPU(), Clocks.now())
            let plan = try table.plan(where: filter)
            wall.append(Double(Clocks.now() - began) / 1e6)
            cpu.append(Double(Clocks.ownCPU() - spent) / 1e6)
            guard plan.tasks.count == files else {
                throw BenchError("the plan has \(plan.tasks.count) files, not \(files)")
            }
        }
        return [
            Measure(bench: "tables", measure: "plan over 10,000 files, \(name)", Spread(wall), unit: "ms"),
            Measure(bench: "tables", measure: "plan over 10,000 files, \(name), cpu", Spread(cpu), unit: "cpu-ms"),
        ]
    }
}
