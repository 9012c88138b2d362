import Foundation
import Iceberg
import Storage
import Synchronization

/// A folder with a catalog in it, gone when the test is over.
final class Workspace: Sendable {
    let path: String
    let storage: FaultyStorage
    let catalog: SQLiteCatalog

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/iceberg-tests-" + UUID().uuidString
        storage = FaultyStorage()
        catalog = try SQLiteCatalog(path: path + "/catalog.sqlite", warehouse: path, storage: storage)
        try catalog.createNamespace("shop")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    static let schema = Schema(assigningIDs: [
        ColumnDefinition("id", .string, required: true),
        ColumnDefinition("amount", .decimal(precision: 18, scale: 4)),
        ColumnDefinition("day", .date),
    ])

    /// A table partitioned by day, whose commits do not wait between attempts.
    func table(_ name: String = "orders", properties: [String: String] = [:], catalog: (any Catalog)? = nil) throws
        -> Table
    {
        try (catalog ?? self.catalog).createTable(
            TableIdentifier("shop", name), schema: Self.schema,
            spec: PartitionSpec(of: Self.schema, by: [("day", .identity)]), properties: properties,
            policy: CommitPolicy(pause: { _ in }))
    }

    /// A data file that exists, of one partition.
    func file(_ name: String, day: Int32? = 0, rows: Int64 = 10, of table: Table) throws -> DataFile {
        let location = table.dataLocation + "/" + name
        try storage.create([UInt8](repeating: 0x50, count: 16), at: location)
        return DataFile(
            location: location, partition: [day.map(IcebergValue.date) ?? .null], recordCount: rows,
            fileSizeInBytes: 16, columnSizes: [1: 5, 3: 6], valueCounts: [1: rows, 3: rows],
            nullValueCounts: [1: 0], lowerBounds: [1: Array("a".utf8)], upperBounds: [1: Array("z".utf8)],
            splitOffsets: [4])
    }

    func names(_ files: [DataFile]) -> [String] { files.map { Location.name(of: $0.location) }.sorted() }

    /// Names of the files in a folder of the table.
    func stored(_ folder: String, of table: Table) throws -> [String] {
        try storage.list(prefix: Location.join(table.location, folder) + "/").map { Location.name(of: $0.location) }
    }
}

/// The local disk, failing when told to.
final class FaultyStorage: ObjectStorage {
    private let local = LocalStorage()
    private let strangers = Mutex<[ObjectInfo]>([])
    private let failing = Mutex<(@Sendable (_ operation: String, _ location: String) -> Bool)?>(nil)

    /// From now on, operations that `rule` picks fail before they do anything.
    func fail(where rule: (@Sendable (_ operation: String, _ location: String) -> Bool)?) {
        failing.withLock { $0 = rule }
    }

    private func check(_ operation: String, _ location: String) throws {
        if failing.withLock({ $0?(operation, location) ?? false }) {
            throw StorageError(.failed, at: location, "no space left on device (injected)")
        }
    }

    func read(_ location: String, upTo limit: Int) throws -> [UInt8] {
        try check("read", location)
        return try local.read(location, upTo: limit)
    }

    func read(_ location: String, range: Range<Int64>) throws -> [UInt8] { try local.read(location, range: range) }
    func size(of location: String) throws -> Int64 { try local.size(of: location) }
    func exists(_ location: String) throws -> Bool { try local.exists(location) }

    func create(_ objects: [NewObject]) throws {
        for object in objects {
            try check("create", object.location)
            try local.create([object])
        }
    }

    /// From now on, listings have this object, too, wherever it is.
    func alsoList(_ object: ObjectInfo) { strangers.withLock { $0.append(object) } }

    func list(prefix: String) throws -> [ObjectInfo] {
        try local.list(prefix: prefix) + strangers.withLock { $0 }
    }
    func unfinished(prefix: String) throws -> [ObjectInfo] { try local.unfinished(prefix: prefix) }

    func delete(_ location: String) throws {
        try check("delete", location)
        try local.delete(location)
    }

    func sync(_ locations: [String]) throws { try local.sync(locations) }
}

/// A catalog whose commits go wrong as told: before they happen, or after, with the answer lost.
final class UnreliableCatalog: ForwardingCatalog {
    enum Fate: Sendable { case works, lostBefore, lostAfter, refused }

    let inner: any Catalog
    private let fates: Mutex<[Fate]>

    init(_ inner: any Catalog, _ fates: [Fate]) {
        self.inner = inner
        self.fates = Mutex(fates)
    }

    func commit(_ commits: [TableCommit]) throws -> [TableVersion] {
        switch fates.withLock({ $0.isEmpty ? .works : $0.removeFirst() }) {
        case .works: return try inner.commit(commits)
        case .lostBefore: throw IcebergError(.uncertain, "the request was lost")
        case .refused: throw IcebergError(.conflict, "another writer was first")
        case .lostAfter:
            _ = try inner.commit(commits)
            throw IcebergError(.uncertain, "the answer was lost")
        }
    }
}

/// The same numbers for the same seed, on every machine (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// The kind of the IcebergError that `body` throws; nil when it does not throw one.
func kind(_ body: () throws -> Void) -> IcebergError.Kind? {
    do {
        try body()
        return nil
    } catch {
        return (error as? IcebergError)?.kind
    }
}

/// A number that several threads may add to.
final class Counter: Sendable {
    private let value: Mutex<Int64>

    init(_ value: Int64) {
        self.value = Mutex(value)
    }

    /// The number after adding.
    func add(_ step: Int64) -> Int64 {
        value.withLock { value in
            value += step
            return value
        }
    }
}
