import Synchronization

/// The state of a table after one commit. It never changes.
public struct Snapshot: Sendable {
    /// Unique in the table.
    public var id: Int64 { content.id }
    /// The snapshot it was made from; nil for the first.
    public var parentID: Int64? { content.parentID }
    /// Orders the table's commits.
    public var sequenceNumber: Int64 { content.sequenceNumber }
    /// When it was made, in milliseconds since the epoch, UTC.
    public var timestampMilliseconds: Int64 { content.timestampMilliseconds }
    /// Location of its manifest list; empty in a format version 1 snapshot that lists its manifests inline.
    public var manifestList: String { content.manifestList }
    /// Locations of the manifests, in a format version 1 snapshot that has no manifest list; else empty.
    package var inlineManifests: [String] { content.inlineManifests }
    /// What the commit did (`operation`, counts), and what the writer added to it.
    public var summary: [String: String] { content.summary }
    /// The schema that was current when it was made.
    public var schemaID: Int? { content.schemaID }
    /// What was read and is written back as it was.
    var others: [JSONMember] { content.others }

    private let content: Content

    /// Shared by all copies: every version of a table has the snapshots of the one before, and thousands of them must
    /// cost a commit next to nothing.
    private final class Content: Sendable {
        let id: Int64
        let parentID: Int64?
        let sequenceNumber: Int64
        let timestampMilliseconds: Int64
        let manifestList: String
        let inlineManifests: [String]
        let summary: [String: String]
        let schemaID: Int?
        let others: [JSONMember]
        /// Its bytes in table metadata, made once.
        let encoding = Mutex<[UInt8]?>(nil)

        init(
            id: Int64, parentID: Int64?, sequenceNumber: Int64, timestampMilliseconds: Int64, manifestList: String,
            inlineManifests: [String] = [], summary: [String: String], schemaID: Int?, others: [JSONMember] = []
        ) {
            self.id = id
            self.parentID = parentID
            self.sequenceNumber = sequenceNumber
            self.timestampMilliseconds = timestampMilliseconds
            self.manifestList = manifestList
            self.inlineManifests = inlineManifests
            self.summary = summary
            self.schemaID = schemaID
            self.others = others
        }
    }

    /// A snapshot.
    public init(
        id: Int64, parentID: Int64?, sequenceNumber: Int64, timestampMilliseconds: Int64, manifestList: String,
        summary: [String: String], schemaID: Int?
    ) {
        content = Content(
            id: id, parentID: parentID, sequenceNumber: sequenceNumber, timestampMilliseconds: timestampMilliseconds,
            manifestList: manifestList, summary: summary, schemaID: schemaID)
    }

    /// What kind of commit made it.
    public var operation: Operation? { summary["operation"].flatMap(Operation.init) }

    /// What kinds of commits there are.
    public enum Operation: String, Sendable, Hashable {
        /// Files were only added.
        case append
        /// Files were exchanged without changing what the table says (compaction).
        case replace
        /// Files were exchanged and the table says something else.
        case overwrite
        /// Files were only removed.
        case delete
    }
}

/// A name for a snapshot: a branch moves with its commits, a tag stays.
public struct SnapshotReference: Sendable, Hashable {
    /// The snapshot it names.
    public var snapshotID: Int64
    /// Whether it moves with commits.
    public var isBranch: Bool
    /// What was read and is written back as it was (retention settings).
    var others: [JSONMember] = []

    /// The branch that every commit of this package moves.
    public static let mainBranch = "main"
}

/// When a snapshot became the current one.
public struct SnapshotLogEntry: Sendable, Hashable {
    /// The snapshot.
    public var snapshotID: Int64
    /// Milliseconds since the epoch, UTC.
    public var timestampMilliseconds: Int64
}

/// A metadata file that was the current one before.
public struct MetadataLogEntry: Sendable, Hashable {
    /// Its location.
    public var location: String
    /// When it was written, in milliseconds since the epoch, UTC.
    public var timestampMilliseconds: Int64
}

extension Snapshot {
    /// Reads a snapshot of the table metadata.
    package init(json: JSON, formatVersion: Int = 2) throws {
        let id: Int64 = try json.integer("snapshot-id")
        self = try locating("snapshot \(id)") { try Snapshot(id: id, json, formatVersion) }
    }

    private init(id: Int64, _ json: JSON, _ formatVersion: Int) throws {
        // Tables that were upgraded hold version 1 snapshots, without a number or with the number 0.
        let sequence: Int64 = formatVersion == 1 ? 0 : try json.integer(ifPresent: "sequence-number") ?? 0
        guard sequence >= 0 else { throw IcebergError(.malformed, "its sequence-number is negative") }
        let list = try json.string(ifPresent: "manifest-list") ?? ""
        let manifests = list.isEmpty ? try json.array("manifests") : []
        content = Content(
            id: id, parentID: try json.integer(ifPresent: "parent-snapshot-id"), sequenceNumber: sequence,
            timestampMilliseconds: try json.integer("timestamp-ms"), manifestList: list,
            inlineManifests: try manifests.map { manifest in
                guard let location = manifest.string else {
                    throw IcebergError(.malformed, "a manifest of \"manifests\" is not a location")
                }
                return location
            },
            summary: try json.strings("summary"), schemaID: try json.integer(ifPresent: "schema-id"),
            others: (json.members ?? []).filter { !Self.known.contains($0.name) })
    }

    /// Writes the snapshot as table metadata holds it.
    package func write(to writer: inout JSONWriter) {
        content.encoding.withLock { kept in
            let bytes = kept ?? encoded()
            kept = bytes
            writer.value(encoded: bytes)
        }
    }

    private func encoded() -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("snapshot-id", id)
            if let parentID { writer.member("parent-snapshot-id", parentID) }
            writer.member("sequence-number", sequenceNumber)
            writer.member("timestamp-ms", timestampMilliseconds)
            if !manifestList.isEmpty {
                writer.member("manifest-list", manifestList)
            } else {
                writer.key("manifests")
                writer.array { writer in for location in inlineManifests { writer.value(location) } }
            }
            writer.key("summary")
            writer.object { writer in
                if let operation = summary["operation"] { writer.member("operation", operation) }
                for (name, text) in summary.sorted(by: { $0.key < $1.key }) where name != "operation" {
                    writer.member(name, text)
                }
            }
            if let schemaID { writer.member("schema-id", schemaID) }
            for member in others { writer.member(member.name, member.value) }
        }
    }

}

extension Snapshot: Hashable {
    /// Whether they say the same.
    public static func == (one: Snapshot, other: Snapshot) -> Bool {
        if one.content === other.content { return true }
        return one.id == other.id && one.parentID == other.parentID && one.sequenceNumber == other.sequenceNumber
            && one.timestampMilliseconds == other.timestampMilliseconds && one.manifestList == other.manifestList
            && one.inlineManifests == other.inlineManifests && one.summary == other.summary
            && one.schemaID == other.schemaID && one.others == other.others
    }

    /// By the id, which is unique in a table.
    public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

extension Snapshot {
    private static let known: Set<String> = [
        "snapshot-id", "parent-snapshot-id", "sequence-number", "timestamp-ms", "manifest-list", "manifests", "summary",
        "schema-id",
    ]
}

extension SnapshotReference {
    /// Reads a reference of the table metadata.
    package init(json: JSON) throws {
        let type = try json.string("type")
        guard ["branch", "tag"].contains(type) else {
            throw IcebergError(.malformed, "a snapshot reference has a type that is neither branch nor tag")
        }
        self.init(snapshotID: try json.integer("snapshot-id"), isBranch: type == "branch")
        others = (json.members ?? []).filter { !["snapshot-id", "type"].contains($0.name) }
    }

    /// Writes the reference as table metadata holds it.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("snapshot-id", snapshotID)
            writer.member("type", isBranch ? "branch" : "tag")
            for member in others { writer.member(member.name, member.value) }
        }
    }
}
