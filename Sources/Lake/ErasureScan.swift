public import Engine
public import EventLog
public import Events
import Foundation
import Iceberg
public import Storage

/// Looks at every byte under a data folder for people's ids: files of the tables decoded column by column, manifests value
/// by value, the log record by record, and all other files as bytes.
public struct ErasureScan {
    /// What was looked at and what was found.
    public struct Report: Sendable, Codable, Equatable {
        /// Files read.
        public var files = 0
        /// Their bytes.
        public var bytes: Int64 = 0
        /// Records of the log looked at.
        public var records: Int64 = 0
        /// Where the id still stands: a file, and in what of it.
        public var leftovers: [String] = []

        /// Nothing looked at yet.
        public init() {}
    }

    /// The largest file that is read as bytes in one piece; larger ones are read in pieces that overlap.
    fileprivate static let pieceBytes = 8 << 20
    /// The largest manifest read.
    private static let avroBytes: Int64 = 512 << 20
    /// The most leftovers that are named.
    fileprivate static let listed = 100
    /// Ids shorter than this count in files of no known form only as whole words.
    private static let telling = 6

    private static let parquetMagic = Array("PAR1".utf8)
    private static let avroMagic: [UInt8] = Array("Obj".utf8) + [1]
    /// How leftovers begin that could not be looked into.
    private static let unreadable = "not readable"

    private let people: People
    /// The ids that count inside of other words, too.
    private let parts: WordParts
    private let connection: Connection

    /// A scan for people through a connection, which is used only during the calls.
    public init(_ people: People, _ connection: Connection) {
        self.people = people
        parts = people.parts(where: Self.isTelling)
        self.connection = connection
    }

    /// Scans a data folder, and the tables' place in an object store where they are in one.
    ///
    /// Others may be at work meanwhile: a file that is gone when its turn comes is passed over, and one in which something
    /// was found is looked at again in the end.
    ///
    /// - Parameters:
    ///   - log: the log in it, of which the segments are.
    ///   - objects: the object store, and the prefix under which all objects are looked at.
    ///   - progress: called with the bytes read, all there are, and what is read; what it throws ends the scan.
    public func run(
        folder: String, log: EmbeddedLog, objects: (storage: any ObjectStorage, prefix: String)? = nil,
        progress: (Int64, Int64, String) throws -> Void = { _, _, _ in }
    ) throws -> Report {
        var report = Report()
        var places = Self.files(folder).map { Place.file(folder, $0.name, $0.bytes) }
        if let objects {
            places += try objects.storage.list(prefix: objects.prefix).map {
                Place.object(objects.storage, $0.location, $0.size)
            }
        }
        let total = places.reduce(0) { $0 + $1.bytes }
        var suspects: [Place] = []
        for place in places {
            try progress(report.bytes, total, place.name)
            if try !leftovers(in: place).isEmpty { suspects.append(place) }
            report.files += 1
            report.bytes += place.bytes
        }
        for place in suspects {
            for what in try leftovers(in: place) { report.add("\(place.name): \(what)") }
        }
        var records: Int64 = 0
        let found = try log.places(
            progress: { done, _ in
                records = done
                try progress(total, total, "the log's records")
            }, where: { topic, record in Self.names(people, topic, record) })
        report.records = records
        for (partition, offsets) in found.offsets { report.add("log \(partition): records \(offsets)") }
        return report
    }

    /// Whether a record of the log names one of some people, the words that the quarantine keeps included.
    public static func names(_ people: People, _ topic: Topic, _ record: UnsafeRawBufferPointer) -> Bool {
        guard topic == .quarantine else { return people.areIn(accepted: record) }
        guard let (words, raw) = QuarantineRecord.decode(record) else { return people.areIn(rejected: record) }
        return people.areIn(rejected: raw)
            || [words.source, words.reason].contains { word in
                Array(word.utf8).withUnsafeBytes { people.areIn(rejected: $0) }
            }
    }

    /// Whether a file that no table refers to has to go: it names one of them, or cannot be read and nobody writes it.
    public func mustGo(_ path: String) throws -> Bool {
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber
        let found = try leftovers(in: .file("", path, size?.int64Value ?? 0))
        if found.contains(where: { !$0.hasPrefix(Self.unreadable) }) { return true }
        return !found.isEmpty && !OpenFiles.isOpen(path)
    }

    /// Whether an object that no table refers to has to go: it names one of them, or cannot be read.
    public func mustGo(_ object: ObjectInfo, in storage: any ObjectStorage) throws -> Bool {
        if !Location.isRemote(object.location) { return try mustGo(try Location.path(of: object.location)) }
        return try !leftovers(in: .object(storage, object.location, object.size)).isEmpty
    }

    // MARK: - Places

    /// What is looked at: a file, or an object of a store.
    private enum Place {
        case file(_ folder: String, _ name: String, _ bytes: Int64)
        case object(any ObjectStorage, _ location: String, _ bytes: Int64)

        /// How it is named in a report.
        var name: String {
            switch self {
            case .file(_, let name, _): name
            case .object(_, let location, _): location
            }
        }

        /// How the engine opens it.
        var path: String {
            switch self {
            case .file(let folder, let name, _): folder.isEmpty ? name : folder + "/" + name
            case .object(_, let location, _): location
            }
        }

        var bytes: Int64 {
            switch self {
            case .file(_, _, let bytes), .object(_, _, let bytes): bytes
            }
        }

        /// Whether it is still there.
        var exists: Bool {
            get throws {
                switch self {
                case .file: access(path, F_OK) == 0
                case .object(let storage, let location, _): try storage.exists(location)
                }
            }
        }

        /// Its first bytes, as many as there are.
        func beginning(_ count: Int) throws -> [UInt8] {
            var beginning: [UInt8] = []
            switch self {
            case .file:
                let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
                defer { file.closeFile() }
                beginning = Array(try file.read(upToCount: count) ?? Data())
            case .object(let storage, let location, let bytes):
                beginning = try storage.read(location, range: 0..<min(bytes, Int64(count)))
            }
            return beginning
        }

        /// Calls `body` with its bytes, a piece after another, until that says that it has seen enough.
        func forEachPiece(_ body: (Data) -> Bool) throws {
            switch self {
            case .file:
                let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
                defer { file.closeFile() }
                while let piece = try file.read(upToCount: ErasureScan.pieceBytes), !piece.isEmpty {
                    if body(piece) { return }
                }
            case .object(let storage, let location, let bytes):
                for start in stride(from: 0, to: bytes, by: ErasureScan.pieceBytes) {
                    let end = min(bytes, start + Int64(ErasureScan.pieceBytes))
                    if body(Data(try storage.read(location, range: start..<end))) { return }
                }
            }
        }
    }

    private func leftovers(in place: Place) throws -> [String] {
        do {
            let isNamed = Array(place.name.utf8).withUnsafeBytes { isAnywhere(in: $0) }
            return (isNamed ? ["in its name"] : []) + (try contents(of: place))
        } catch {
            // One that was exchanged or removed meanwhile holds nothing any more.
            guard try place.exists else { return [] }
            throw error
        }
    }

    private func contents(of place: Place) throws -> [String] {
        let path = place.path
        // Files that were never finished have other names.
        let magic = try place.beginning(4)
        if path.hasSuffix(".parquet") || magic == Self.parquetMagic {
            let found = try inParquet(path)
            return try found.isEmpty || place.exists ? found : []
        }
        if path.hasSuffix(".avro") || magic == Self.avroMagic { return try inAvro(place) }
        // A segment's records are looked at through the log; what its other frames hold are names of senders.
        if case .file = place, path.hasSuffix(".log"), path.contains("/log/segments/") { return try inSegment(path) }
        return try inBytes(place) ? ["in its bytes"] : []
    }

    // MARK: - Kinds of files

    private func inParquet(_ path: String) throws -> [String] {
        let source = "read_parquet(\(SQL.literal(path)), hive_partitioning = false)"
        let columns: [ResultRow]
        do {
            columns = try connection.query("DESCRIBE SELECT * FROM \(source)").rows
        } catch let error as EngineError {
            return ["\(Self.unreadable) as Parquet (\(String("\(error)".prefix(120))))"]
        }
        var found: [String] = []
        for column in columns {
            guard let name = column[0].string, let type = column[1].string else { continue }
            if try holds(source, name, type) { found.append("column \(name)") }
        }
        return found
    }

    private typealias ResultRow = [Value]

    private func holds(_ source: String, _ name: String, _ type: String) throws -> Bool {
        let column = SQL.identifier(name)
        var isFound = false
        func look(_ sql: String, _ parameters: [Value], _ isNamed: (UnsafeRawBufferPointer) -> Bool) throws {
            _ = try connection.stream(sql, parameters) { row in
                isFound = TableErasure.bytes(row[0]).withUnsafeBytes { isNamed($0) }
                return !isFound
            }
        }
        // The engine looks for one id by itself; for several all values are looked at, those that come again but once.
        let id: [Value] = people.only.map { [.string(String(decoding: $0.bytes, as: UTF8.self))] } ?? []
        switch type {
        case "VARCHAR" where name == "raw":
            let filter = id.isEmpty ? "" : " WHERE contains(raw, $1) OR contains(raw, '\\')"
            try look("SELECT raw FROM \(source)\(filter)", id, people.areIn(accepted:))
        case "VARCHAR" where name == "source":
            try look("SELECT source FROM \(source)", [], people.areIn(rejected:))
        case "VARCHAR" where !PersonMention.isOtherField(name):
            let distinct = id.isEmpty ? "DISTINCT " : ""
            let filter = id.isEmpty ? "" : " WHERE contains(\(column), $1)"
            try look("SELECT \(distinct)\(column) FROM \(source)\(filter)", id, people.areIn(rejected:))
        case "BLOB":
            try look("SELECT \(column) FROM \(source)", [], people.areIn(rejected:))
        case "VARCHAR": break
        default:
            guard type.contains("VARCHAR"), !PersonMention.isOtherField(name) else { return false }
            try look("SELECT CAST(\(column) AS VARCHAR) FROM \(source)", [], people.areIn(rejected:))
        }
        return isFound
    }

    private func inAvro(_ place: Place) throws -> [String] {
        guard place.bytes <= Self.avroBytes else { return ["larger than a manifest can be"] }
        var content: [UInt8] = []
        try place.forEachPiece {
            content += $0
            return false
        }
        do {
            let isFound = try AvroInspection.hasValue(in: content) { value in
                value.withUnsafeBytes { people.areNamed(by: $0) }
            }
            return isFound ? ["among its values"] : []
        } catch let error as IcebergError {
            return ["\(Self.unreadable) as Avro (\(String("\(error)".prefix(120))))"]
        }
    }

    private func inSegment(_ path: String) throws -> [String] {
        let names = try SegmentProducers.names(in: path)
        return names.contains { name in Array(name.utf8).withUnsafeBytes { people.areIn(rejected: $0) } }
            ? ["as a sender's name"] : []
    }

    private func inBytes(_ place: Place) throws -> Bool {
        // Ids are at most 128 bytes; escaped, each of them may take six.
        let overlap = 1_024
        var piece = Data()
        var isFound = false
        try place.forEachPiece { next in
            piece = piece.suffix(overlap) + next
            isFound = Array(piece).withUnsafeBytes { isAnywhere(in: $0) }
            return isFound
        }
        return isFound
    }

    /// Whether bytes of no known form name somebody: as a word, or anywhere where that is no chance.
    private func isAnywhere(in bytes: UnsafeRawBufferPointer) -> Bool {
        parts.stand(in: bytes) || people.areIn(rejected: bytes)
    }

    /// Short ids stand inside of other words by chance, and digits inside of times, sizes and file names.
    private static func isTelling(_ person: PersonID) -> Bool {
        person.bytes.count >= telling
            && person.bytes.contains { !(0x30...0x39).contains($0) && !(0x61...0x66).contains($0 | 0x20) && $0 != 0x2d }
    }

    // MARK: - Files

    /// Every file under a folder, by its name in it.
    private static func files(_ folder: String) -> [(name: String, bytes: Int64)] {
        var files: [(name: String, bytes: Int64)] = []
        let walk = FileManager.default.enumerator(atPath: folder)
        while let name = walk?.nextObject() as? String {
            guard walk?.fileAttributes?[.type] as? FileAttributeType == .typeRegular else { continue }
            files.append((name, (walk?.fileAttributes?[.size] as? NSNumber)?.int64Value ?? 0))
        }
        return files.sorted { $0.name < $1.name }
    }
}

extension ErasureScan.Report {
    fileprivate mutating func add(_ leftover: String) {
        if leftovers.count < ErasureScan.listed { leftovers.append(leftover) }
    }
}
