import Foundation
import Iceberg
import Storage
import Testing

@Suite("Delete files in plans")
struct DeletePlanTests {
    private let workspace: Workspace

    init() throws {
        workspace = try Workspace()
    }

    /// Whether the one file that positions are for stands in a field of its own, or can be seen from bounds of the paths.
    enum Naming: CaseIterable { case field, bounds }

    private static let one: [IcebergValue] = [.date(1)]
    private static let two: [IcebergValue] = [.date(2)]

    private func file(
        _ name: String, _ partition: [IcebergValue] = [], spec: Int = 0, content: DataFile.Content = .data
    ) -> DataFile {
        DataFile(
            content: content, location: "mem://" + name, specID: spec, partition: partition, recordCount: 1,
            fileSizeInBytes: 1, equalityIDs: content == .equalityDeletes ? [1] : [])
    }

    private func positions(
        _ name: String, of target: String, _ partition: [IcebergValue], spec: Int = 0, by naming: Naming = .field
    ) -> DataFile {
        var file = file(name, partition, spec: spec, content: .positionDeletes)
        switch naming {
        case .field: file.referencedDataFile = "mem://" + target
        case .bounds:
            let path = Array("mem://\(target)".utf8)
            (file.lowerBounds, file.upperBounds) = ([2_147_483_546: path], [2_147_483_546: path])
        }
        return file
    }

    /// A table of these files, each with the sequence number at which it came. Spec 0 is by day, 1 is unpartitioned, 2 by
    /// day once more.
    private func table(_ entries: [(Int64, DataFile)]) throws -> Table {
        var metadata = try workspace.table("deletes").metadata
        metadata.partitionSpecs.append(PartitionSpec(specID: 1, fields: []))
        var again = metadata.partitionSpecs[0]
        again.specID = 2
        metadata.partitionSpecs.append(again)
        let codec = ManifestCodec(metadata)
        let folder = metadata.location + "/metadata/" + UUID().uuidString
        var manifests: [ManifestFile] = []
        for content in [ManifestFile.Content.data, .deletes] {
            for spec in metadata.partitionSpecs.map(\.specID) {
                let chosen = entries.filter { ($0.1.content == .data) == (content == .data) && $0.1.specID == spec }
                if chosen.isEmpty { continue }
                let written = try codec.write(
                    chosen.map { number, file in
                        ManifestEntry(
                            status: .existing, snapshotID: 1, sequenceNumber: number, fileSequenceNumber: number,
                            file: file)
                    }, content: content, specID: spec, snapshotID: 1,
                    to: folder + "/m\(manifests.count).avro")
                try workspace.storage.create([written.object])
                manifests.append(written.manifest)
            }
        }
        let list = folder + "/list.avro"
        try workspace.storage.create(
            try ManifestList.encode(manifests, snapshotID: 1, parentID: nil, sequenceNumber: 5), at: list)
        metadata.snapshots = [
            Snapshot(
                id: 1, parentID: nil, sequenceNumber: 5, timestampMilliseconds: 5, manifestList: list, summary: [:],
                schemaID: 0)
        ]
        return Table(
            TableIdentifier("shop", "deletes"), at: TableVersion(location: "", metadata: metadata),
            catalog: workspace.catalog)
    }

    private func plan(_ table: Table, where filter: RowFilter = .always(true)) throws -> ScanPlan {
        try table.plan(where: filter, at: table.snapshot(id: 1))
    }

    /// Names of the delete files that apply to each data file.
    private func applied(_ plan: ScanPlan) -> [String: [String]] {
        Dictionary(
            uniqueKeysWithValues: plan.tasks.map { task in
                (Location.name(of: task.file.location), workspace.names(task.deletes.map(\.file)))
            })
    }

    @Test("They go on applying when the manifests that list them are joined")
    func joinedManifests() throws {
        var table = try workspace.table(properties: [TableProperty.minimumCountToMerge: "3"])
        try table.append([try workspace.file("rows", day: 1, of: table)])
        let rows = try #require(try table.files().first).location
        let names = (0..<9).map { "deletes\($0)" }
        for name in names {
            var update = TableUpdate(table)
            update.addRowDelta([file(name, Self.one, content: .positionDeletes)], referencing: [rows])
            try table.commit(update)
        }
        #expect(applied(try table.plan()) == ["rows": names])
        let list = try #require(table.currentSnapshot?.manifestList)
        let manifests = try ManifestList.read(try workspace.storage.read(list), at: list)
        #expect(manifests.count { $0.content == .deletes } <= 4)
        #expect(
            manifests.reduce(0) { $0 + ($1.content == .deletes ? ($1.addedFiles ?? 0) + ($1.existingFiles ?? 0) : 0) }
                == 9)
    }

    @Test("They apply by sequence number, partition and the file they name", arguments: Naming.allCases)
    func rules(_ naming: Naming) throws {
        let table = try table([
            (1, file("old1", Self.one)), (1, file("old2", Self.two)), (3, file("same1", Self.one)),
            (5, file("new1", Self.one)), (3, file("positions1", Self.one, content: .positionDeletes)),
            (3, file("values1", Self.one, content: .equalityDeletes)),
            (3, file("global", spec: 1, content: .equalityDeletes)),
            (3, positions("named", of: "old2", Self.two, by: naming)),
        ])
        let whole = try plan(table)
        #expect(
            applied(whole) == [
                "old1": ["global", "positions1", "values1"], "old2": ["global", "named"], "same1": ["positions1"],
                "new1": [],
            ])
        #expect(whole.counts.deleteFiles == 4)
        #expect(kind { _ = try whole.files() } == .deleteFilesPresent)
        let second = try plan(table, where: .equal("day", .date(2)))
        #expect(second.tasks.map { workspace.names($0.deletes.map(\.file)) } == [["global", "named"]])
        #expect(second.counts.filesSkippedByPartition == 3)
    }

    @Test("Partitions of two specs are two, also with the same values; only equality deletes without any are for all")
    func specs() throws {
        let table = try table([
            (1, file("by0", Self.one)), (1, file("by1", spec: 1)), (1, file("by2", Self.one, spec: 2)),
            (3, file("positions0", Self.one, content: .positionDeletes)),
            (3, file("positions1", spec: 1, content: .positionDeletes)),
            (3, file("values2", Self.one, spec: 2, content: .equalityDeletes)),
            (2, file("global", spec: 1, content: .equalityDeletes)),
            (1, file("young", spec: 1, content: .equalityDeletes)),
            (3, file("elsewhere", [.null], content: .equalityDeletes)),
        ])
        let whole = try plan(table)
        #expect(
            applied(whole) == [
                "by0": ["global", "positions0"], "by1": ["global", "positions1"], "by2": ["global", "values2"],
            ])
        #expect(workspace.names(whole.idleDeletes) == ["elsewhere", "young"])
    }

    @Test("Positions that name a file of another partition are an error with both names", arguments: Naming.allCases)
    func stray(_ naming: Naming) throws {
        let strays = [
            positions("stray", of: "target", Self.two, by: naming),
            positions("stray", of: "target", Self.one, spec: 2, by: naming),
            positions("stray", of: "target", [], spec: 1, by: naming),
        ]
        for stray in strays {
            let target = (Int64(3), file("target", Self.one))
            let table = try table([target, (3, stray)])
            #expect {
                _ = try plan(table)
            } throws: { error in
                guard let error = error as? IcebergError, error.kind == .malformed else { return false }
                return ["mem://stray", "mem://target", "another partition"].allSatisfy(error.message.contains)
            }
            // What is older than the file is for another file of that name, and means nothing here.
            try workspace.catalog.dropTable(table.identifier)
            let young = try self.table([target, (2, stray)])
            #expect(try applied(plan(young)) == ["target": []])
            try workspace.catalog.dropTable(table.identifier)
        }
    }

    @Test("Replacing a partition of the unpartitioned spec leaves the deletes that are for all partitions")
    func global() throws {
        var table = try workspace.table("global")
        try table.append([try workspace.file("kept", day: 1, of: table)])
        try table.updateSpec { spec in try spec.removeField("day") }
        let spec = table.spec.specID
        var whole = try workspace.file("whole", of: table)
        (whole.specID, whole.partition) = (spec, [])
        try table.append([whole])
        var deletes = file("deletes", spec: spec, content: .equalityDeletes)
        deletes.location = table.dataLocation + "/deletes"
        try table.append([deletes])
        #expect(try applied(table.plan()) == ["kept": ["deletes"], "whole": ["deletes"]])
        try table.overwrite(deletingPartitions: [PartitionKey([], specID: spec)], adding: [])
        #expect(try applied(table.plan()) == ["kept": ["deletes"]])
    }
}
