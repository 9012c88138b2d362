/// How a table's rows are spread over files: one value per field, made from a column.
public struct PartitionSpec: Sendable, Hashable {
    /// Which of the table's specs it is.
    public var specID: Int
    /// The partition fields, in the order of a file's partition values.
    public var fields: [PartitionField]

    /// A spec whose ids are already chosen.
    public init(specID: Int = 0, fields: [PartitionField]) {
        self.specID = specID
        self.fields = fields
    }

    /// One partition for everything.
    public static let unpartitioned = PartitionSpec(fields: [])

    /// Whether all rows are in one partition: what is left of dropped fields does not part anything.
    package var partsNothing: Bool { fields.allSatisfy { $0.transform == .void } }

    /// A first spec over columns of `schema`. Fields get ids from 1000 and the names other writers would choose
    /// (`day` of `ts` becomes `ts_day`).
    /// - Throws: ``IcebergError`` `.badRequest` when a column does not exist or the transform does not apply to it.
    public init(of schema: Schema, by parts: [(column: String, transform: Transform)]) throws {
        var fields: [PartitionField] = []
        for (index, part) in parts.enumerated() {
            guard let column = schema.field(named: part.column), column.type.isPrimitive else {
                throw IcebergError(.badRequest, "cannot partition by \(part.column): there is no such plain column")
            }
            guard part.transform.accepts(column.type) else {
                throw IcebergError(
                    .badRequest,
                    "cannot partition by \(part.transform.name) of \(part.column): it does not apply to \(column.type)")
            }
            fields.append(
                PartitionField(
                    sourceID: column.id, fieldID: Self.firstFieldID + index,
                    name: part.column + part.transform.nameSuffix, transform: part.transform))
        }
        self.init(fields: fields)
    }

    /// Partition field ids begin here, away from column ids.
    static let firstFieldID = 1000

    var highestFieldID: Int {
        fields.map(\.fieldID).max() ?? Self.firstFieldID - 1
    }
}

/// One field of a partition spec.
public struct PartitionField: Sendable, Hashable {
    /// Id of the column it is made from.
    public var sourceID: Int
    /// Its own id, 1000 or more.
    public var fieldID: Int
    /// Its own name.
    public var name: String
    /// How its values are made.
    public var transform: Transform

    /// A partition field.
    public init(sourceID: Int, fieldID: Int, name: String, transform: Transform) {
        self.sourceID = sourceID
        self.fieldID = fieldID
        self.name = name
        self.transform = transform
    }
}

extension Transform {
    fileprivate var nameSuffix: String {
        switch self {
        case .identity: ""
        case .bucket: "_bucket"
        case .truncate: "_trunc"
        case .void: "_null"
        default: "_" + name
        }
    }
}

extension PartitionSpec {
    /// Reads a spec object, or the bare list of fields that format version 1 has. There, no field may have an id: they
    /// then count from 1000, as every version 1 writer counts.
    package init(json: JSON, specID: Int? = nil) throws {
        let id: Int = if let specID { specID } else { try json.integer("spec-id") }
        let list = if let list = json.array { list } else { try json.array("fields") }
        let ids: [Int?] = try list.map { try $0.integer(ifPresent: "field-id") }
        guard ids.allSatisfy({ $0 != nil }) || ids.allSatisfy({ $0 == nil }) else {
            throw IcebergError(.malformed, "some fields of partition spec \(id) have a field-id and some do not")
        }
        let fields = try list.enumerated().map { index, field in
            guard field["source-ids"] == nil else {
                throw IcebergError(.unsupported, "partition spec \(id) has a field of several columns (source-ids)")
            }
            return PartitionField(
                sourceID: try field.integer("source-id"), fieldID: ids[index] ?? Self.firstFieldID + index,
                name: try field.string("name"), transform: Transform(named: try field.string("transform")))
        }
        self.init(specID: id, fields: fields)
        try validate()
    }

    private func validate() throws {
        var ids: Set<Int> = []
        var names: Set<String> = []
        for field in fields {
            guard (0...Schema.highestAllowedFieldID).contains(field.fieldID), ids.insert(field.fieldID).inserted,
                !field.name.isEmpty, names.insert(field.name).inserted
            else {
                throw IcebergError(
                    .malformed,
                    "field \"\(field.name)\" (\(field.fieldID)) of partition spec \(specID) has a name or an id that is out "
                        + "of range or another's")
            }
        }
    }

    /// Writes the spec as table metadata holds it.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("spec-id", specID)
            writer.key("fields")
            writeFields(to: &writer)
        }
    }

    /// Writes the bare list of fields, as manifests hold it.
    package func writeFields(to writer: inout JSONWriter) {
        writer.array { writer in
            for field in fields {
                writer.object { writer in
                    writer.member("source-id", field.sourceID)
                    writer.member("field-id", field.fieldID)
                    writer.member("name", field.name)
                    writer.member("transform", field.transform.name)
                }
            }
        }
    }
}
