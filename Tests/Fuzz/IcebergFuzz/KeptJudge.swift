import Iceberg

/// Whether all that a file says is still said after it was read and written: what a reader takes for something else, or
/// for absent, comes back the same every time, so that reading it twice would not show it.
enum KeptJudge {
    // MARK: Table metadata

    /// The first difference between table metadata of format version 2 and what was written of it.
    static func difference(_ original: JSON, _ written: JSON) -> String? {
        difference(original, written, at: "")
    }

    /// Members that are counted up to what is in use.
    private static let counters: Set<String> = ["last-column-id", "last-partition-id"]

    private static func difference(_ one: JSON, _ other: JSON, at path: String) -> String? {
        switch (one, other) {
        case (.object(let members), .object):
            for member in members where member.value != .null && !isLeftOut(member, at: path) {
                guard let kept = other[member.name] else {
                    if isIgnored(member, at: path) { continue }
                    return "\(path)/\(member.name) is gone"
                }
                if counters.contains(member.name), (kept.int64 ?? 0) >= (member.value.int64 ?? 0) { continue }
                if let found = difference(member.value, kept, at: path + "/" + member.name) { return found }
            }
            return nil
        case (.array(let elements), .array(let kept)):
            if elements.isEmpty { return nil }
            guard elements.count == kept.count else {
                return "\(path) has \(kept.count) elements, not \(elements.count)"
            }
            for (index, (one, other)) in zip(elements, kept).enumerated() {
                if let found = difference(one, other, at: "\(path)/\(index)") { return found }
            }
            return nil
        case (.number(let text), .number(let kept)):
            return text == kept || Int64(text) != nil && Int64(text) == Int64(kept) ? nil : "\(path): \(text), \(kept)"
        case (.string(let text), .string(let kept)):
            return plain(text) == plain(kept) ? nil : "\(path): \(text), \(kept)"
        default: return one == other ? nil : "\(path): \(one), \(other)"
        }
    }

    /// A type or transform without spaces and leading zeros; any other text as it is, to the bit.
    private static func plain(_ text: String) -> [UInt8] {
        let isType = ["decimal(", "fixed[", "bucket[", "truncate["].contains { text.hasPrefix($0) }
        guard isType else { return Array(text.utf8) }
        var kept: [UInt8] = []
        for byte in text.utf8 where byte != UInt8(ascii: " ") {
            let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            if isDigit, kept.last == UInt8(ascii: "0"),
                kept.count < 2 || !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(kept[kept.count - 2])
            {
                kept.removeLast()
            }
            kept.append(byte)
        }
        return kept
    }

    /// What version 2 has other words for.
    private static func isLeftOut(_ member: JSONMember, at path: String) -> Bool {
        if path.isEmpty, ["schema", "partition-spec", "format-version"].contains(member.name) { return true }
        // A snapshot that has a list needs no manifests beside it.
        if member.name == "manifests", path.hasPrefix("/snapshots/") { return true }
        // -1 is how old writers say that there is none.
        return path.isEmpty && member.name == "current-snapshot-id" && member.value.int64 == -1
    }

    /// Whether it may be left out: what says nothing, and what the format does not know inside of what it describes
    /// itself. A snapshot, a reference and the metadata keep what they do not know.
    private static func isIgnored(_ member: JSONMember, at path: String) -> Bool {
        if member.value.array?.isEmpty ?? false || member.value.members?.isEmpty ?? false { return true }
        let isDescribed = ["/schemas/", "/partition-specs/", "/sort-orders/", "/snapshot-log/", "/metadata-log/"]
            .contains { path.hasPrefix($0) }
        return isDescribed && !columnMembers.contains(member.name) || path == "/properties"
    }

    private static let columnMembers: Set<String> = ["doc", "initial-default", "write-default"]

    // MARK: Avro

    /// Fields that a reader fills in, or spells in its own way: snapshot ids and sequence numbers that are inherited, the
    /// file format, and counts of manifests that were left out.
    private static let inherited: Set<Int> = [1, 3, 4, 101]

    /// The first difference between what a file of records says and what was written of it, by field ids.
    static func difference(_ original: AvroFile, _ written: AvroFile) -> String? {
        guard original.values.count == written.values.count else { return "\(written.values.count) values are left" }
        for (one, other) in zip(original.values, written.values) {
            if let found = difference(one, original.schema, other, written.schema, at: "") { return found }
        }
        return nil
    }

    private static func difference(
        _ one: AvroValue, _ schema: AvroSchema, _ other: AvroValue, _ otherSchema: AvroSchema, at path: String
    ) -> String? {
        let (schema, otherSchema) = (schema.branch, otherSchema.branch)
        switch (one, other) {
        case (.null, .null): return nil
        case (.null, .array(let elements)):
            return elements.isEmpty ? nil : "\(path): null became \(elements.count) elements"
        case (.array(let elements), .null):
            return elements.isEmpty ? nil : "\(path): \(elements.count) elements are gone"
        case (.int, .long), (.long, .int), (.int, .int), (.long, .long):
            return one.integer == other.integer ? nil : "\(path): \(one), \(other)"
        case (.record(let values), .record(let kept)):
            guard let fields = schema.fields, let keptFields = otherSchema.fields else { return "\(path): no record" }
            for (value, field) in zip(values, fields) {
                guard let id = field.fieldID, !inherited.contains(id),
                    let index = keptFields.firstIndex(where: { $0.fieldID == id })
                else { continue }
                // Counts of a manifest that nobody gave are taken for more than none.
                if value == .null, (504...506).contains(id) || (512...517).contains(id) { continue }
                // A smallest sequence number bounds from below, and what is below all numbers says nothing.
                if id == 516, (value.integer ?? 0) < 0 { continue }
                // Which content a file of version 1 has goes without saying.
                if value == .null, id == 134 { continue }
                if let found = difference(
                    value, field.schema, kept[index], keptFields[index].schema, at: "\(path)/\(id)")
                {
                    return found
                }
            }
            return nil
        case (.array(let elements), .array(let kept)):
            guard elements.count == kept.count, case .array(let items) = schema,
                case .array(let keptItems) = otherSchema
            else { return "\(path): \(elements.count) elements became \(kept.count)" }
            // Maps by column id are written in the order of the ids.
            let isMap = elements.allSatisfy { $0.fields?.count == 2 && $0.fields?[0].integer != nil }
            func sorted(_ values: [AvroValue]) -> [AvroValue] {
                isMap ? values.sorted { ($0.fields?[0].integer ?? 0) < ($1.fields?[0].integer ?? 0) } : values
            }
            for (one, other) in zip(sorted(elements), sorted(kept)) {
                if let found = difference(one, items, other, keptItems, at: path + "[]") { return found }
            }
            return nil
        case (.float(let number), .float(let kept)):
            return number.bitPattern == kept.bitPattern || number.isNaN && kept.isNaN
                ? nil : "\(path): \(number), \(kept)"
        case (.double(let number), .double(let kept)):
            return number.bitPattern == kept.bitPattern || number.isNaN && kept.isNaN
                ? nil : "\(path): \(number), \(kept)"
        case (.float(let number), .double(let kept)):
            return Double(number) == kept || number.isNaN && kept.isNaN ? nil : "\(path): \(number), \(kept)"
        case (.string(let text), .string(let kept)):
            return text.utf8.elementsEqual(kept.utf8) ? nil : "\(path): \(text), \(kept)"
        case (.bytes(let bytes), .bytes(let kept)):
            // Decimals of partitions may be written in fewer bytes.
            return bytes == kept || path.hasPrefix("/2/102/") ? nil : "\(path): \(bytes), \(kept)"
        default: return one == other ? nil : "\(path): \(one), \(other)"
        }
    }
}

extension AvroSchema {
    /// The branch of an optional that holds something.
    fileprivate var branch: AvroSchema {
        guard case .union(let branches) = self else { return self }
        return branches.first { $0 != .null } ?? self
    }
}
