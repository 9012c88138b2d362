/// The state of a table after one commit.
public struct Snapshot: Sendable, Hashable {
    /// Unique in the table.
    public var id: Int64
    /// The snapshot it was made from; nil for the first.
    public var parentID: Int64?
    /// Orders the table's commits.
    public var sequenceNumber: Int64
    /// When it was made, in milliseconds since the epoch, UTC.
    public var timestampMilliseconds: Int64
    /// Location of its manifest list; empty in a format version 1 snapshot that lists its manifests inline.
    public var manifestList: String
    /// Locations of the manifests, in a format version 1 snapshot that has no manifest list; else empty.
    package var inlineManifests: [String] = []
    /// What the commit did (`operation`, counts), and what the writer added to it.
    public var summary: [String: String]
    /// The schema that was current when it was made.
    public var schemaID: Int?
    /// What was read and is written back as it was.
    var others: [JSONMember] = []

    /// A snapshot.
    public init(
        id: Int64, parentID: Int64?, sequenceNumber: Int64, timestampMilliseconds: Int64, manifestList: String,
        summary: [String: String], schemaID: Int?
    ) {
        self.id = id
        self.parentID = parentID
        self.sequenceNumber = sequenceNumber
        self.timestampMilliseconds = timestampMilliseconds
        self.manifestList = manifestList
        self.summary = summary
        self.schemaID = schemaID
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
    init(json: JSON) throws {
        guard let id = json["snapshot-id"]?.int64, let timestamp = json["timestamp-ms"]?.int64 else {
            throw IcebergError(.malformed, "a snapshot needs snapshot-id and timestamp-ms")
        }
        var summary: [String: String] = [:]
        for member in json["summary"]?.members ?? [] {
            summary[member.name] = member.value.string
        }
        self.init(
            id: id, parentID: json["parent-snapshot-id"]?.int64, sequenceNumber: json["sequence-number"]?.int64 ?? 0,
            timestampMilliseconds: timestamp, manifestList: json["manifest-list"]?.string ?? "", summary: summary,
            schemaID: json["schema-id"]?.int)
        inlineManifests = try (json["manifests"]?.array ?? []).map { manifest in
            guard let location = manifest.string else {
                throw IcebergError(.malformed, "snapshot \(id) has a manifest that is not a location")
            }
            return location
        }
        others = (json.members ?? []).filter { !Self.known.contains($0.name) }
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("snapshot-id", id)
            if let parentID { writer.member("parent-snapshot-id", parentID) }
            writer.member("sequence-number", sequenceNumber)
            writer.member("timestamp-ms", timestampMilliseconds)
            if !manifestList.isEmpty {
                writer.member("manifest-list", manifestList)
            } else if !inlineManifests.isEmpty {
                writer.key("manifests")
                writer.array { writer in for location in inlineManifests { writer.value(location) } }
            }
            writer.key("summary")
            writer.object { writer in
                if let operation = summary["operation"] { writer.member("operation", operation) }
                for (name, text) in summary where name != "operation" { writer.member(name, text) }
            }
            if let schemaID { writer.member("schema-id", schemaID) }
            for member in others { writer.member(member.name, member.value) }
        }
    }

    private static let known: Set<String> = [
        "snapshot-id", "parent-snapshot-id", "sequence-number", "timestamp-ms", "manifest-list", "manifests", "summary",
        "schema-id",
    ]
}

extension SnapshotReference {
    init(json: JSON) throws {
        guard let id = json["snapshot-id"]?.int64, let type = json["type"]?.string, ["branch", "tag"].contains(type)
        else { throw IcebergError(.malformed, "a snapshot reference needs snapshot-id and the type branch or tag") }
        self.init(snapshotID: id, isBranch: type == "branch")
        others = (json.members ?? []).filter { !["snapshot-id", "type"].contains($0.name) }
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("snapshot-id", snapshotID)
            writer.member("type", isBranch ? "branch" : "tag")
            for member in others { writer.member(member.name, member.value) }
        }
    }
}
