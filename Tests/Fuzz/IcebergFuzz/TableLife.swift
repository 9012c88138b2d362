import Foundation
import Iceberg
import Storage
import Synchronization

/// One of several processes that write to the same table, each its own files, and may be killed at any moment.
///
/// It says on its output what it is about to do, what is done and what the other writer was always faster with, so that
/// who kills it knows what the table may say.
public struct LifeWriter {
    private let table: Table
    private let name: String
    private var random: IcebergRandom
    private var files: [String]
    private var count: Int

    /// Columns: an id, and the day that the files are partitioned by.
    static let schema = Schema(assigningIDs: [ColumnDefinition("id", .string), ColumnDefinition("day", .date)])
    static let identifier = TableIdentifier("life", "table")
    /// Snapshots that expiry leaves.
    static let kept = 5

    /// A writer of the table below `folder`, which is made if it is missing.
    /// - Parameters:
    ///   - name: begins the names of its files.
    ///   - count: files that it or its forerunners made so far; the next gets this number.
    public init(folder: String, name: String, seed: UInt64, count: Int) throws {
        random = IcebergRandom(seed: seed)
        self.name = name
        self.count = count
        let catalog = LossyCatalog(try Self.catalog(folder), seed: seed)
        try catalog.createNamespace("life", ifMissing: true)
        let policy = CommitPolicy(firstPauseMilliseconds: 1, lastPauseMilliseconds: 20)
        do {
            table = try catalog.loadTable(Self.identifier, policy: policy)
        } catch let error as IcebergError where error.kind == .notFound {
            do {
                table = try catalog.createTable(
                    Self.identifier, schema: Self.schema,
                    spec: PartitionSpec(of: Self.schema, by: [("day", .identity)]),
                    properties: [TableProperty.minimumCountToMerge: "6", TableProperty.previousVersionsMax: "8"],
                    policy: policy)
            } catch let error as IcebergError where error.kind == .alreadyExists {
                table = try catalog.loadTable(Self.identifier, policy: policy)
            }
        }
        files = try Self.files(table).filter { $0.hasPrefix(name) }.sorted()
    }

    /// Names of the table's files. The other writer's expiry may take what a version names that is not the newest.
    private static func files(_ table: Table) throws -> [String] {
        var table = table
        for _ in 0..<readsMax {
            do {
                return try table.files().map { Location.name(of: $0.location) }
            } catch let error as StorageError where error.kind == .notFound {
                let read = table.version
                try table.refresh()
                guard table.version != read else { throw error }
            }
        }
        throw IcebergError(.conflict, "the table changed during each of \(readsMax) reads")
    }

    private static let readsMax = 100

    static func catalog(_ folder: String) throws -> SQLiteCatalog {
        try SQLiteCatalog(path: folder + "/catalog.sqlite", warehouse: folder + "/lake")
    }

    /// Changes the table, over and over, until it is killed.
    /// - Parameter say: gets a line before and after each change; it must be out when the call returns.
    public mutating func run(say: (String) -> Void) throws {
        var table = table
        while true {
            let choice = random.below(10)
            let gone = choice < 4 ? [] : Array(files.shuffled(using: &random).prefix(1 + random.below(3)))
            let added = (0..<(choice < 7 ? 1 + random.below(3) : 0)).map { "\(name)\(count + $0)" }
            count += added.count
            if choice >= 8 || gone.isEmpty && added.isEmpty {
                // What leaves the rows as they are.
                say("keep \(count)")
                let kind = random.below(4)
                _ = try unlessOvertaken {
                    switch kind {
                    case 0: try table.rewriteManifests(targetBytes: 40_000)
                    case 1: try table.setProperties(["by": name])
                    default: try table.expireSnapshots(keepLast: Self.kept, olderThan: .distantFuture)
                    }
                }
                say("kept \(count)")
                continue
            }
            say("begin \(count) +\(added.joined(separator: ",")) -\(gone.joined(separator: ","))")
            let new = try added.map { try file($0, of: table) }
            let isDone = try unlessOvertaken {
                if gone.isEmpty {
                    try table.append(new)
                } else {
                    try table.replaceFiles(
                        gone.map { table.dataLocation + "/" + $0 }, with: new,
                        operation: new.isEmpty ? .delete : .overwrite)
                }
            }
            if isDone { files = files.filter { !gone.contains($0) } + added }
            say("\(isDone ? "end" : "overtaken") \(count)")
        }
    }

    /// Whether `change` was made: the other writer may be faster every time that it is tried.
    private func unlessOvertaken(_ change: () throws -> Void) throws -> Bool {
        do {
            try change()
            return true
        } catch let error as IcebergError where error.kind == .conflict {
            return false
        }
    }

    private func file(_ name: String, of table: Table) throws -> DataFile {
        let location = table.dataLocation + "/" + name
        try table.catalog.storage.create(Array(name.utf8), at: location)
        return DataFile(
            location: location, partition: [.date(Int32(name.utf8.count % 3))], recordCount: 1,
            fileSizeInBytes: Int64(name.utf8.count))
    }
}

/// What the writers' table says, held against what they said that they did.
public struct LifeJudge {
    /// A disagreement.
    public struct Finding: Error, CustomStringConvertible {
        /// What is wrong.
        public let description: String

        /// A disagreement in words.
        public init(_ description: String) { self.description = description }
    }

    private let folder: String
    /// The files of each writer, by its name.
    private var files: [String: Set<String>] = [:]

    /// A judge of the table below `folder`.
    public init(folder: String) { self.folder = folder }

    /// Takes in what a writer said until it was killed, and holds its files against the table's: the last change was made
    /// or not, all others were.
    /// - Returns: the number that the writer's next file may have.
    public mutating func judge(_ writer: String, said lines: [String], count: Int) throws -> Int {
        var sure = files[writer] ?? []
        var open: Set<String>?
        var count = count
        for line in lines {
            let words = line.split(separator: " ").map(String.init)
            guard words.count >= 2, let number = Int(words[1]) else { throw Finding("it said \(line)") }
            count = number
            switch words[0] {
            case "begin" where words.count == 4:
                func names(_ word: String) -> Set<String> {
                    Set(word.dropFirst().split(separator: ",").map(String.init))
                }
                open = sure.subtracting(names(words[3])).union(names(words[2]))
            case "end":
                sure = open ?? sure
                open = nil
            case "overtaken": open = nil
            case "keep", "kept": continue
            default: throw Finding("it said \(line)")
            }
        }
        guard let table = try table() else {
            guard lines.isEmpty, sure.isEmpty else { throw Finding("the table is gone") }
            return count
        }
        let listed = try table.files().map { Location.name(of: $0.location) }.filter { $0.hasPrefix(writer) }
        let now = Set(listed)
        guard now.count == listed.count else { throw Finding("a file is in the table twice") }
        guard now == sure || now == open else {
            throw Finding(
                "\(writer) has \(now.sorted()); sure are \(sure.sorted()), and perhaps \(open?.sorted() ?? [])")
        }
        files[writer] = now
        return count
    }

    /// The table; nil before the first writer got as far as to make it.
    private func table() throws -> Table? {
        let catalog = try LifeWriter.catalog(folder)
        guard try catalog.tableExists(LifeWriter.identifier) else { return nil }
        return try catalog.loadTable(LifeWriter.identifier)
    }

    /// Looks at everything that the table refers to. Only while no writer is at work.
    public func check() throws {
        guard let table = try table() else { return }
        let catalog = table.catalog
        for snapshot in table.metadata.snapshots {
            let files = try table.files(at: snapshot)
            guard snapshot.summary["total-data-files"] == String(files.count) else {
                throw Finding("snapshot \(snapshot.id) counts \(snapshot.summary), and has \(files.count) files")
            }
            for file in files {
                let bytes = try catalog.storage.read(file.location, upTo: 1_000)
                guard bytes == Array(Location.name(of: file.location).utf8) else {
                    throw Finding("\(file.location) holds something else")
                }
            }
        }
        for entry in table.metadata.metadataLog where try !catalog.storage.exists(entry.location) {
            throw Finding("\(entry.location) is in the log and gone")
        }
    }

    /// Removes what killed writers left, and checks that nothing else was removed and that nothing is left over.
    /// - Returns: how many files that were.
    public func tidy() throws -> Int {
        guard var table = try table() else { return 0 }
        // From a minute ahead, every file is old enough.
        table.policy.now = { CommitPolicy.wallClock() + 60_000 }
        let found = try table.removeOrphans(graceSeconds: 0)
        try check()
        guard try table.removeOrphans(graceSeconds: 0).orphans.isEmpty, found.undeleted.isEmpty else {
            throw Finding("orphans are left")
        }
        let current = try table.files()
        let snapshots = table.metadata.snapshots
        let all = try Set(snapshots.flatMap { try table.files(at: $0).map(\.location) } + current.map(\.location))
        let stored = try table.catalog.storage.list(prefix: table.dataLocation + "/")
        guard stored.count == all.count else {
            throw Finding("\(stored.count) data files are stored, and \(all.count) are needed")
        }
        return found.orphans.count
    }
}

/// A catalog that loses requests and answers by chance.
private final class LossyCatalog: Catalog {
    private let inner: SQLiteCatalog
    private let random: Mutex<IcebergRandom>

    init(_ inner: SQLiteCatalog, seed: UInt64) {
        self.inner = inner
        random = Mutex(IcebergRandom(seed: seed &+ 1))
    }

    var storage: any ObjectStorage { inner.storage }
    func createNamespace(_ name: String, ifMissing: Bool) throws {
        try inner.createNamespace(name, ifMissing: ifMissing)
    }
    func listNamespaces() throws -> [String] { try inner.listNamespaces() }
    func listTables(in namespace: String) throws -> [TableIdentifier] { try inner.listTables(in: namespace) }
    func tableExists(_ identifier: TableIdentifier) throws -> Bool { try inner.tableExists(identifier) }
    func dropTable(_ identifier: TableIdentifier) throws { try inner.dropTable(identifier) }
    func load(_ identifier: TableIdentifier) throws -> TableVersion { try inner.load(identifier) }
    func create(
        _ identifier: TableIdentifier, schema: Schema, spec: PartitionSpec, properties: [String: String],
        location: String?
    ) throws -> TableVersion {
        try inner.create(identifier, schema: schema, spec: spec, properties: properties, location: location)
    }

    func commit(_ commits: [TableCommit]) throws -> [TableVersion] {
        switch random.withLock({ $0.below(12) }) {
        case 0: throw IcebergError(.uncertain, "the request was lost")
        case 1:
            _ = try inner.commit(commits)
            throw IcebergError(.uncertain, "the answer was lost")
        default: return try inner.commit(commits)
        }
    }
}
