import Foundation
import Iceberg
import Storage
import Testing

@Suite("Metadata that names files that are not the table's")
struct HostileMetadataTests {
    private let workspace: Workspace

    init() throws {
        workspace = try Workspace()
    }

    /// A file in no folder of a table, that no test may lose.
    private func bystander(_ name: String) throws -> String {
        let location = "file://" + workspace.path + "/elsewhere/" + name
        try workspace.storage.create([1, 2, 3], at: location)
        return location
    }

    private func file(_ location: String, like file: DataFile) -> DataFile {
        var copy = file
        copy.location = location
        return copy
    }

    @Test("Expiry deletes nothing outside of the table's folders, whatever a manifest names, and says what it left")
    func expiry() throws {
        let other = try workspace.table("other")
        let victim = try workspace.file("victim", of: other)
        let bystander = try bystander("bystander.parquet")
        var table = try workspace.table()
        let own = try workspace.file("own", of: table)
        // The same folder spelled so that a comparison of prefixes would be taken in.
        let around = table.dataLocation + "/../../other/data/victim"
        let sibling = table.location + "-twin/data/x"
        try workspace.storage.create([9], at: sibling)
        // No real file of the machine is named: who breaks this promise should lose nothing by the test.
        let planted = [
            victim.location, bystander, "/no-such-folder/passwd", "file:///no-such-folder/../no-such-folder/shadow",
            "s3://bucket/no-such-folder/passwd", around, sibling,
        ]
        try table.append([own])
        for location in planted { try table.append([file(location, like: own)]) }
        try table.replaceAll(with: [])
        let dry = try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture, isDryRun: true)
        let report = try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture)
        // Of two spellings of one file, either may be told.
        #expect(Set(report.foreign.map(ObjectName.init)) == Set(dry.foreign.map(ObjectName.init)))
        #expect(report.deletedDataFiles == dry.deletedDataFiles && report.deletedManifests == dry.deletedManifests)
        #expect(report.deletedDataFiles == 1)
        #expect(try workspace.stored("data", of: table) == [])
        #expect(try workspace.stored("data", of: other) == ["victim"])
        #expect(try workspace.storage.exists(bystander) && workspace.storage.exists(sibling))
        #expect(report.undeleted == [])
        #expect(Set(report.foreign.map(ObjectName.init)) == Set(planted.map(ObjectName.init)))
    }

    @Test("A file that is still needed stays, whatever an expired snapshot calls it")
    func otherKinds() throws {
        var table = try workspace.table()
        let own = try workspace.file("own", of: table)
        try table.append([own])
        let kept = try #require(table.currentSnapshot)
        let manifest = try #require(try ManifestList.of(kept, from: workspace.storage).first).location
        // A snapshot of somebody else names the table's own metadata as its data.
        var planted = TableUpdate(table)
        planted.append(
            [manifest, kept.manifestList, table.metadataLocation].map { file($0, like: own) }, branch: "planted")
        try table.commit(planted)
        var gone = TableUpdate(table)
        gone.removeReference("planted")
        try table.commit(gone)
        let report = try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture)
        #expect((report.expiredSnapshots, report.deletedDataFiles) == (1, 0))
        #expect(workspace.names(try workspace.catalog.loadTable(table.identifier).files()) == ["own"])
        for entry in table.metadata.metadataLog { #expect(try workspace.storage.exists(entry.location)) }
    }

    @Test("A metadata log that names other files does not have them deleted")
    func metadataLog() throws {
        let bystanders = [try bystander("a.metadata.json"), try bystander("passwd")]
        let created = try workspace.table("registered", properties: [TableProperty.previousVersionsMax: "1"])
        let own = try workspace.file("data.parquet", of: created)
        var metadata = created.metadata
        let entries = (bystanders + [own.location]).map { #"{"metadata-file":"\#($0)","timestamp-ms":1}"# }
        let text = String(decoding: metadata.encoded(), as: UTF8.self).replacing(
            #""metadata-log":[]"#, with: #""metadata-log":[\#(entries.joined(separator: ","))]"#)
        metadata = try TableMetadata(parsing: Array(text.utf8))
        #expect(metadata.metadataLog.count == 3)
        let location = created.location + "/metadata/planted.metadata.json"
        try workspace.storage.create(Array(text.utf8), at: location)
        _ = try workspace.catalog.registerTable(created.identifier, metadataLocation: location, overwrite: true)
        var table = try workspace.catalog.loadTable(created.identifier)
        for number in 0..<4 { try table.setProperties(["n": "\(number)"]) }
        #expect(table.metadata.metadataLog.count == 1)
        for location in bystanders + [own.location] { #expect(try workspace.storage.exists(location)) }
        // Its own old metadata files go.
        #expect(try workspace.stored("metadata", of: table).count < 5)
    }

    @Test("Purging deletes the table's own folders, and nothing where these are outside of the warehouse or shared")
    func purge() throws {
        let bystander = try bystander("bystander")
        var table = try workspace.table("mine")
        let own = try workspace.file("own", of: table)
        try table.append([own, file(bystander, like: own)])
        try workspace.catalog.purgeTable(table.identifier)
        #expect(try workspace.storage.exists(bystander))
        #expect(try workspace.stored("data", of: table) == [])

        for (name, place) in [
            ("warehouse", workspace.path),
            ("outside", NSTemporaryDirectory() + "not-the-warehouse"),
            ("dotted", workspace.path + "/shop/../../" + "not-the-warehouse"),
        ] {
            let text = String(decoding: table.metadata.encoded(), as: UTF8.self)
                .replacing(#""location":"\#(table.location)""#, with: #""location":"\#(place)""#)
            let location = "file://" + workspace.path + "/planted/metadata/\(name).metadata.json"
            try workspace.storage.create(Array(text.utf8), at: location)
            let identifier = TableIdentifier("shop", name)
            _ = try workspace.catalog.registerTable(identifier, metadataLocation: location, overwrite: false)
            #expect(kind { try workspace.catalog.purgeTable(identifier) } == .badRequest, "\(name)")
            #expect(try workspace.catalog.tableExists(identifier))
            try workspace.catalog.dropTable(identifier)
        }
        #expect(try workspace.storage.exists(bystander))

        // Its data is put where another table has its own.
        let neighbour = try workspace.table("neighbour")
        _ = try workspace.file("theirs", of: neighbour)
        let guest = try workspace.table("guest", properties: [TableProperty.dataPath: neighbour.dataLocation])
        #expect(kind { try workspace.catalog.purgeTable(guest.identifier) } == .badRequest)
        #expect(
            try workspace.catalog.tables(sharing: neighbour.dataLocation, without: neighbour.identifier) == [
                guest.identifier
            ])
        #expect(try workspace.stored("data", of: neighbour) == ["theirs"])
    }

    @Test("Files whose names only look alike are two files; files spelled in two ways are one")
    func names() throws {
        var table = try workspace.table()
        let (one, two) = ("caf\u{e9}", "cafe\u{301}")
        #expect(one == two)
        try table.append([try workspace.file(one, of: table), try workspace.file(two, of: table)])
        #expect(try table.files().count == 2)
        // Only the one that is meant goes, however its folder is spelled.
        let path = try Location.path(of: table.dataLocation)
        try table.replaceFiles(["file:" + path + "//" + two], with: [], operation: .delete)
        #expect(try table.files().map { Array(Location.name(of: $0.location).utf8) } == [Array(one.utf8)])
        let report = try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture)
        #expect(report.deletedDataFiles == 1)
        #expect(try workspace.stored("data", of: table).map { Array($0.utf8) } == [Array(one.utf8)])
        // A delete that names a data file by its path is for that file.
        let deleted = try workspace.file(two, of: table)
        try table.append([deleted])
        var delete = try workspace.file("delete", of: table)
        (delete.content, delete.referencedDataFile) = (.positionDeletes, path + "/" + two)
        var update = TableUpdate(table)
        update.addRowDelta([delete], referencing: [deleted.location])
        try table.commit(update)
        let withDeletes = try table.plan().tasks.filter { !$0.deletes.isEmpty }
        #expect(withDeletes.map { Array(Location.name(of: $0.file.location).utf8) } == [Array(two.utf8)])
    }

    @Test("Orphans are not looked for where metadata spells a listed file with percent escapes")
    func escapes() throws {
        var table = try workspace.table()
        let spaced = try workspace.file("a b", of: table)
        try table.append([file(table.dataLocation + "/a%20b", like: spaced)])
        #expect(kind { _ = try table.removeOrphans(graceSeconds: -1) } == .badRequest)
        #expect(try workspace.stored("data", of: table) == ["a b"])
    }

    @Test("A manifest list that is cut between two of its blocks is noticed by what the snapshot counts")
    func cutList() throws {
        var table = try workspace.table()
        for name in ["a", "b", "c"] { try table.append([try workspace.file(name, of: table)]) }
        let snapshot = try #require(table.currentSnapshot)
        let manifests = try ManifestList.of(snapshot, from: workspace.storage)
        #expect(manifests.count == 3)
        try workspace.storage.delete(snapshot.manifestList)
        try workspace.storage.create(
            try ManifestList.encode(
                Array(manifests.dropLast()), snapshotID: snapshot.id, parentID: nil, sequenceNumber: 3),
            at: snapshot.manifestList)
        #expect(kind { _ = try table.files() } == .malformed)
        #expect(kind { _ = try table.plan() } == .malformed)
        #expect(kind { try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture) } == .malformed)
    }

    @Test("Gzip that holds more than is allowed is refused before it is whole")
    func gzipBomb() throws {
        // A thousand zeros.
        let bytes: [UInt8] = [
            0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x63, 0x60, 0x18, 0x05, 0xA3, 0x60, 0x14, 0x0C,
            0x77, 0x00, 0x00, 0x80, 0x17, 0x0B, 0x06, 0xE8, 0x03, 0x00, 0x00,
        ]
        #expect(try Gzip.decompress(bytes, upTo: 1_000) == [UInt8](repeating: 0, count: 1_000))
        #expect(kind { _ = try Gzip.decompress(bytes, upTo: 999) } == .malformed)
    }
}
