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

    /// A first spec over columns of `schema`. Fields get ids from 1000 and the names other writers would choose
    /// (`day` of `ts` becomes `ts_day`).
    /// - Throws: ``IcebergError`` `.badRequest` when a column does not exist or the transform does not apply to it.
    public init(of schema: Schema, by parts: [(column: String, transform: Transform)]) throws {
        var fields: [PartitionField] = []
        for (index, part) in parts.enumerated() {
            guard let column = schema.field(named: part.column), column.type.isPrimitive else {
                throw IcebergError(.badRequest, "cannot partition by \(part.column): there is no such plain column")
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
    /// Reads a spec object, or the bare list of fields that format version 1 has.
    package init(json: JSON, specID: Int? = nil) throws {
        guard let list = json.array ?? json["fields"]?.array, let id = specID ?? json["spec-id"]?.int else {
            throw IcebergError(.malformed, "a partition spec needs spec-id and fields")
        }
        var fields: [PartitionField] = []
        for (index, field) in list.enumerated() {
            guard let source = field["source-id"]?.int, let name = field["name"]?.string,
                let transform = field["transform"]?.string
            else { throw IcebergError(.malformed, "a partition field needs source-id, name and transform") }
            fields.append(
                PartitionField(
                    sourceID: source, fieldID: field["field-id"]?.int ?? Self.firstFieldID + index, name: name,
                    transform: Transform(named: transform)))
        }
        self.init(specID: id, fields: fields)
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

/// The order rows are sorted in inside files. Only read and kept; our own tables are unsorted.
public struct SortOrder: Sendable, Hashable {
    /// Which of the table's orders it is; 0 is unsorted.
    public var orderID: Int
    /// The order's fields as they were read.
    package var fields: [JSON]

    /// No particular order.
    public static let unsorted = SortOrder(orderID: 0, fields: [])

    package init(orderID: Int, fields: [JSON]) {
        self.orderID = orderID
        self.fields = fields
    }

    package init(json: JSON) throws {
        guard let id = json["order-id"]?.int, let fields = json["fields"]?.array else {
            throw IcebergError(.malformed, "a sort order needs order-id and fields")
        }
        self.init(orderID: id, fields: fields)
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("order-id", orderID)
            writer.key("fields")
            writer.value(.array(fields))
        }
    }
}
