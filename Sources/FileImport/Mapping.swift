internal import Crypto
import Foundation

/// How somebody else's file becomes events, read from a small YAML text (docs/mappings.md is its reference).
public struct Mapping: Sendable {
    /// The mapping's own name; part of every derived id, so that two shops with one layout never share ids.
    public let name: String
    /// What file it is for, in a line; may be empty.
    public let description: String
    /// What each rule makes: its event type and the fields it fills, in the order of the file.
    public let outlines: [EventOutline]

    /// SHA-256 (hex) of what the mapping says, independent of comments, indentation and its description.
    let fingerprint: String
    let layout: FileLayout
    let rules: [EventRule]
    /// The columns the rules read, in order of first use; a rule's `Slot` is an index into it.
    let columns: [String]
    /// The arrays inside JSON rows that the rules walk.
    let lists: [ListColumns]
    /// The time zones and formats of all timestamps, by the index that a field keeps.
    let timestamps: [TimestampFormat]

    /// Reads a mapping from its text.
    /// - Parameters:
    ///   - yaml: the text, at most `ImportLimits.mappingBytes` long.
    ///   - source: what to call it in errors, such as its file name.
    public init(yaml: String, source: String) throws(MappingError) {
        let root = try MappingNode.root(of: yaml, source: source)
        var reader = MappingReader()
        try reader.read(root)
        name = reader.name
        description = reader.about
        layout = reader.layout
        rules = reader.rules
        columns = reader.columns.names
        lists = reader.columns.lists
        timestamps = reader.timestamps
        outlines = reader.rules.map { rule in
            EventOutline(path: rule.path, type: rule.type, fields: rule.fields.map(\.name))
        }
        var meaning: [UInt8] = []
        root.appendMeaning(to: &meaning, without: "description")
        fingerprint = Hex.text(SHA256.hash(data: meaning))
    }

    /// Reads a mapping from a file.
    public init(file path: String) throws(MappingError) {
        let source = URL(fileURLWithPath: path).lastPathComponent
        func fault(_ problem: String) -> MappingError { MappingError(source: path, path: "", problem: problem) }
        let bytes: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            bytes = try handle.read(upToCount: ImportLimits.mappingBytes + 1) ?? Data()
            try handle.close()
        } catch {
            throw fault("cannot be read (\(error.localizedDescription)); check the path and its permissions")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw fault("is not UTF-8 text") }
        try self.init(yaml: text, source: source)
    }

    /// Whether ids are derived from single rows, which asks for their occurrence numbers.
    var numbersOccurrences: Bool { rules.contains { $0.groupBy.isEmpty && $0.isDerived } }
}

/// What one rule of a mapping makes.
public struct EventOutline: Hashable, Sendable {
    /// The rule's key path in the mapping, such as `events[0]`.
    public let path: String
    /// The event type it makes, such as `purchase`.
    public let type: String
    /// The fields it fills, in the order of the mapping.
    public let fields: [String]
}

/// Hexadecimal text.
enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    static func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: ascii(bytes), as: UTF8.self) }

    static func ascii(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(64)
        for byte in bytes {
            result.append(digits[Int(byte >> 4)])
            result.append(digits[Int(byte & 15)])
        }
        return result
    }
}
