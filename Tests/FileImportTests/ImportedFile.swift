import FileImport
import Foundation

/// Everything that an import of some bytes gives.
struct ImportedFile {
    var identity = ""
    var events: [ImportedEvent] = []
    var rejected: [RejectedRow] = []
    var chunks: [ImportChunk] = []

    var json: [String] { events.map { String(decoding: $0.json, as: UTF8.self) } }
    var reasons: [String] { rejected.map(\.reason) }
    /// `line reason`, as the fixtures write it.
    var rejections: [String] { rejected.map { "\($0.line) \($0.reason)" } }

    init(path: String, mapping: Mapping, eventsPerChunk: Int = ImportLimits.eventsPerChunk) throws {
        let file = try ImportFile(path: path, mapping: mapping, eventsPerChunk: eventsPerChunk)
        identity = file.identity
        var stream = try file.stream()
        while let chunk = try stream.next() {
            chunks.append(chunk)
            events += chunk.events
            rejected += chunk.rejected
        }
    }

    init(_ bytes: some Sequence<UInt8>, mapping: Mapping, eventsPerChunk: Int = ImportLimits.eventsPerChunk) throws {
        let path = Scratch.file(bytes)
        defer { Scratch.remove(path) }
        self = try ImportedFile(path: path, mapping: mapping, eventsPerChunk: eventsPerChunk)
    }

    init(_ text: String, _ yaml: String, eventsPerChunk: Int = ImportLimits.eventsPerChunk) throws {
        try self.init(
            text.utf8, mapping: Mapping(yaml: yaml, source: "test.yaml"), eventsPerChunk: eventsPerChunk)
    }

    /// The value of a field that is a plain text, in each event.
    func texts(_ field: String) -> [String] {
        json.map { event in
            guard let start = event.range(of: "\"\(field)\":\"") else { return "" }
            return String(event[start.upperBound...].prefix { $0 != "\"" })
        }
    }
}

/// Files of a test run.
enum Scratch {
    static func file(_ bytes: some Sequence<UInt8>) -> String {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("file-import-\(UUID().uuidString)")
        guard FileManager.default.createFile(atPath: url.path, contents: Data(bytes)) else {
            fatalError("the temporary folder is not writable: \(url.path)")
        }
        return url.path
    }

    static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
}

/// Where the package lies.
enum Package {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    static let mappings = MappingLibrary(folder: "\(root)/mappings")
    static let fixtures = "\(root)/Tests/FileImportTests/Fixtures"
    static let cdnow = "\(root)/../shared/data/cdnow_master.txt"
    static var hasCDNOW: Bool { FileManager.default.isReadableFile(atPath: cdnow) }

    static func fixture(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(fixtures)/\(name)")))
    }

    static func lines(_ name: String) throws -> [String] {
        String(decoding: try fixture(name), as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

/// Random numbers that are the same in every run.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
