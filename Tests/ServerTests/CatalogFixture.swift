import Foundation
import Iceberg
import Server
import Storage
import Synchronization

extension TestServer {
    /// Settings under which `bronze` is fed by the server alone.
    static var feeding: Sharing {
        var sharing = Sharing()
        sharing.settings.fedNamespace = "bronze"
        sharing.settings.offsetsKey = "cartograph.offsets"
        return sharing
    }

    /// Our client of its catalog, perhaps through a proxy.
    func client(
        token: String? = nil, credential: String? = nil, port: Int? = nil, attempts: Int = 4
    ) throws -> RESTCatalog {
        var settings = RESTCatalogSettings(uri: "http://127.0.0.1:\(port ?? self.port)/iceberg")
        settings.token = token
        settings.credential = credential
        settings.attempts = attempts
        settings.firstPauseSeconds = 0.001
        return try RESTCatalog(settings)
    }

    /// A request to the catalog over a connection of its own.
    func ask(
        _ method: String, _ path: String, _ body: String = "", headers: [String] = []
    ) async throws -> Wire.Answer {
        try await blocking { [self] in
            let wire = try Wire(self)
            let fields =
                ["host: localhost", "content-type: application/json", "content-length: \(body.utf8.count)"] + headers
            try wire.send("\(method) /iceberg\(path) HTTP/1.1\r\n\(fields.joined(separator: "\r\n"))\r\n\r\n\(body)")
            guard let answer = try wire.answer(isHead: method == "HEAD") else {
                throw Wire.Failure(description: "no answer to \(method) \(path)")
            }
            return answer
        }
    }
}

extension Wire.Answer {
    /// The type of the error that the catalog told.
    var errorType: String { (json["error"] as? [String: Any])?["type"] as? String ?? "" }
    /// Its message.
    var errorMessage: String { (json["error"] as? [String: Any])?["message"] as? String ?? "" }
}

/// Tables for the catalog's tests.
enum Sample {
    static let schema = Schema(assigningIDs: [
        ColumnDefinition("id", .string, required: true), ColumnDefinition("day", .date),
    ])

    /// A schema as a client sends it.
    static let json = #"{"type":"struct","fields":[{"id":0,"name":"id","required":true,"type":"string"}]}"#

    /// A data file that exists.
    static func file(_ name: String, of table: Table) throws -> DataFile {
        let location = table.dataLocation + "/" + name
        try table.catalog.storage.create([UInt8](repeating: 0x50, count: 16), at: location)
        return DataFile(
            location: location, partition: [], recordCount: 10, fileSizeInBytes: 16, columnSizes: [1: 5],
            valueCounts: [1: 10], nullValueCounts: [1: 0], lowerBounds: [1: Array("a".utf8)],
            upperBounds: [1: Array("z".utf8)], splitOffsets: [4])
    }

    static func names(_ table: Table) throws -> [String] {
        try table.files().map { Location.name(of: $0.location) }.sorted()
    }

    /// A table whose commits do not wait between attempts.
    static func table(_ catalog: any Catalog, _ name: String = "orders") throws -> Table {
        try catalog.createNamespace("shop")
        return try catalog.createTable(
            TableIdentifier("shop", name), schema: schema,
            policy: CommitPolicy(attempts: 60, firstPauseMilliseconds: 1, lastPauseMilliseconds: 20))
    }

    /// The kind of the IcebergError that `body` throws; nil when it does not throw one.
    static func kind(_ body: () throws -> Void) -> IcebergError.Kind? {
        do {
            try body()
            return nil
        } catch {
            return (error as? IcebergError)?.kind
        }
    }
}

/// The local disk, where reading of some files waits until it is let go on.
final class GatedStorage: ObjectStorage {
    private let local = LocalStorage()
    private let gate = DispatchSemaphore(value: 0)
    private let state = Mutex((isClosed: false, waiting: 0))

    /// From now on, every read of a metadata file waits.
    func close() { state.withLock { $0.isClosed = true } }
    /// Lets the readers go on.
    func open() {
        let waiting = state.withLock { state in
            state.isClosed = false
            return state.waiting
        }
        for _ in 0..<waiting { gate.signal() }
    }
    /// How many wait.
    var waiting: Int { state.withLock { $0.waiting } }

    func read(_ location: String, upTo limit: Int) throws -> [UInt8] {
        let waits = state.withLock { state in
            if state.isClosed { state.waiting += 1 }
            return state.isClosed
        }
        if waits { gate.wait() }
        return try local.read(location, upTo: limit)
    }
    func read(_ location: String, range: Range<Int64>) throws -> [UInt8] { try local.read(location, range: range) }
    func size(of location: String) throws -> Int64 { try local.size(of: location) }
    func exists(_ location: String) throws -> Bool { try local.exists(location) }
    func create(_ objects: [NewObject]) throws { try local.create(objects) }
    func list(prefix: String) throws -> [ObjectInfo] { try local.list(prefix: prefix) }
    func delete(_ location: String) throws { try local.delete(location) }
    func sync(_ locations: [String]) throws { try local.sync(locations) }
}
