import Iceberg
import Storage

/// Reads a file, and when that works writes what was read and reads it again.
struct RoundTripJudge {
    enum Verdict {
        /// It was read, written and read as the same.
        case same
        /// It was refused by name.
        case refused
        /// Something else happened.
        case objection(String)
    }

    /// Of the table that the manifests belong to.
    let metadata: TableMetadata
    /// The spec that the manifests follow.
    let specID: Int

    /// The kinds of errors that a bad file may give. Any other would send the caller looking in the wrong place.
    private static let refusals: Set<IcebergError.Kind> = [.malformed, .unsupported]

    func verdict(on bytes: [UInt8], _ format: IcebergFormat) -> Verdict {
        do {
            let objection =
                switch format {
                case .metadata: try metadata(bytes)
                case .manifest: try manifest(bytes, .data)
                case .deletes: try manifest(bytes, .deletes)
                case .manifestList: try manifestList(bytes)
                case .avro: try avro(bytes)
                case .nameMapping: try nameMapping(bytes)
                case .singleValue: try singleValue(bytes)
                }
            return objection.map(Verdict.objection) ?? .same
        } catch let error as IcebergError {
            guard Self.refusals.contains(error.kind), !error.message.isEmpty else {
                return .objection("refused as \(error.kind): \(error)")
            }
            return .refused
        } catch {
            return .objection("an error that is not Iceberg's: \(error)")
        }
    }

    /// Runs what must not fail after a file was read.
    private func rewriting<Result>(_ body: () throws -> Result) -> (Result?, String?) {
        do {
            return (try body(), nil)
        } catch {
            return (nil, "what was read is not written and read again: \(error)")
        }
    }

    private func metadata(_ bytes: [UInt8]) throws -> String? {
        var read = try TableMetadata(parsing: bytes)
        let text = read.encoded()
        let (again, fault) = rewriting { try TableMetadata(parsing: text) }
        guard let again else { return fault }
        // Written as version 2, whatever it was.
        read.formatVersion = 2
        if again != read { return "reads differently after it was written:\n\(read)\n\(again)" }
        if again.encoded() != text { return "is written differently the second time" }
        // What version 1 says is said in other words in version 2.
        let original = try JSON(parsing: Gzip.isGzip(bytes) ? try Gzip.decompress(bytes, upTo: 64 << 20) : bytes)
        guard original["format-version"]?.int == 2 else { return nil }
        return KeptJudge.difference(original, try JSON(parsing: text)).map { "is written with something else: \($0)" }
    }

    private func manifest(_ bytes: [UInt8], _ content: ManifestFile.Content) throws -> String? {
        // The list's length and counts would refuse most damage; here it is to reach the entries.
        let listed = ManifestFile(
            location: "file:///t/m.avro", length: 0, specID: specID, content: content,
            sequenceNumber: 9, minSequenceNumber: 0, addedSnapshotID: 42, partitions: [])
        let codec = ManifestCodec(metadata)
        let read = try codec.read(bytes, of: listed)
        let (again, fault) = rewriting {
            var (manifest, object) = try codec.write(
                read, content: content, specID: listed.specID, snapshotID: 42, to: listed.location)
            manifest.sequenceNumber = listed.sequenceNumber
            return (try codec.read(object.bytes, of: manifest), object.bytes)
        }
        guard let (again, written) = again else { return fault }
        if again != read { return "reads differently after it was written:\n\(read)\n\(again)" }
        return try kept(bytes, written)
    }

    private func kept(_ original: [UInt8], _ written: [UInt8]) throws -> String? {
        let file = try AvroFile(parsing: original)
        guard !file.schema.isAmbiguous else { return nil }
        return KeptJudge.difference(file, try AvroFile(parsing: written)).map {
            "is written with something else: \($0)"
        }
    }

    private func manifestList(_ bytes: [UInt8]) throws -> String? {
        var read = try ManifestList.read(bytes, at: "list")
        let (again, fault) = rewriting {
            let written = try ManifestList.encode(read, snapshotID: 42, parentID: 7, sequenceNumber: 9)
            return (try ManifestList.read(written, at: "list"), written)
        }
        guard let (again, written) = again else { return fault }
        // Counts that were left out are assumed not to be zero.
        for index in read.indices {
            read[index].addedFiles = read[index].addedFiles ?? 1
            read[index].existingFiles = read[index].existingFiles ?? 1
            read[index].deletedFiles = read[index].deletedFiles ?? 1
            read[index].addedRows = read[index].addedRows ?? 1
            read[index].existingRows = read[index].existingRows ?? 1
            read[index].deletedRows = read[index].deletedRows ?? 1
        }
        if again != read { return "reads differently after it was written:\n\(read)\n\(again)" }
        return try kept(bytes, written)
    }

    private func avro(_ bytes: [UInt8]) throws -> String? {
        let read = try AvroFile(parsing: bytes)
        // A value does not say which of two branches it is of.
        guard !read.schema.isAmbiguous else { return nil }
        let (again, fault) = rewriting {
            let written = try AvroFile.encode(
                read.values, schema: read.schema, schemaText: read.schemaText, metadata: [], codec: .deflate)
            return try AvroFile(parsing: written)
        }
        guard let again else { return fault }
        // As bytes: NaN is not equal to itself.
        let (pair, encoding) = rewriting { (try Self.content(read), try Self.content(again)) }
        guard let pair else { return encoding }
        return pair.0 == pair.1 ? nil : "reads differently after it was written:\n\(read)\n\(again)"
    }

    private static func content(_ file: AvroFile) throws -> [UInt8] {
        var encoder = AvroEncoder()
        for value in file.values { try encoder.write(value, as: file.schema) }
        return encoder.bytes
    }

    private func nameMapping(_ bytes: [UInt8]) throws -> String? {
        let read = try NameMapping(parsing: String(decoding: bytes, as: UTF8.self))
        let (again, fault) = rewriting { try NameMapping(parsing: read.encoded()) }
        guard let again else { return fault }
        if again != read { return "reads differently after it was written" }
        let (following, clash) = rewriting {
            try NameMapping(parsing: read.following(metadata.currentSchema).encoded())
        }
        guard let following else { return clash }
        let lost = metadata.currentSchema.fields.first { following.fieldID(of: [$0.name]) != $0.id }
        return lost.map { "does not map column \($0.name) after following the schema" }
    }

    /// The first byte chooses the type, the others are the value.
    private func singleValue(_ bytes: [UInt8]) throws -> String? {
        let types = metadata.currentSchema.fields.map(\.type).filter(\.isPrimitive)
        let type = types[Int(bytes.first ?? 0) % types.count]
        let value = try SingleValue.decode(Array(bytes.dropFirst()), as: type)
        guard let encoded = SingleValue.encode(value) else { return "has no binary form" }
        let (again, fault) = rewriting { try SingleValue.decode(encoded, as: type) }
        guard let again else { return fault }
        if again != value { return "\(type) \(value) reads as \(again) after it was written" }
        for (bound, isLower) in [(SingleValue.lowerBound(value), true), (SingleValue.upperBound(value), false)] {
            guard let bound else { continue }
            let (limit, fault) = rewriting { try SingleValue.decode(bound, as: type) }
            guard let limit else { return fault }
            let isBeyond = isLower ? value.isLess(than: limit) : limit.isLess(than: value)
            if isBeyond != false { return "\(type) \(value) is outside of its bound \(limit)" }
        }
        return nil
    }
}

extension AvroSchema {
    /// Whether a union has two branches that are not null.
    fileprivate var isAmbiguous: Bool {
        switch self {
        case .union(let branches): branches.count { $0 != .null } > 1 || branches.contains(where: \.isAmbiguous)
        case .record(let fields): fields.contains { $0.schema.isAmbiguous }
        case .array(let inner), .map(let inner): inner.isAmbiguous
        default: false
        }
    }
}
