/// The columns of a table, each with an id that outlives renames and reorders.
public struct Schema: Sendable, Hashable {
    /// Which of the table's schemas it is.
    public var schemaID: Int
    /// The columns, in order.
    public var fields: [NestedField]
    /// Ids of the columns that together name a row; may be empty.
    public var identifierFieldIDs: [Int]

    /// A schema whose ids are already chosen.
    public init(schemaID: Int = 0, fields: [NestedField], identifierFieldIDs: [Int] = []) {
        self.schemaID = schemaID
        self.fields = fields
        self.identifierFieldIDs = identifierFieldIDs
    }

    /// A first schema: the columns get ids from 1 in order, then the parts of nested columns.
    public init(assigningIDs columns: [ColumnDefinition]) {
        var next = 1
        self.init(fields: ColumnType.fields(columns, next: &next))
    }

    /// The field with this name; a dotted path reaches into structs, lists (`items.element.price`) and maps
    /// (`tags.key`, `tags.value`).
    public func field(named name: String) -> NestedField? {
        if let column = fields.first(where: { $0.name == name }) { return column }
        var found: NestedField?
        visit { path, field in if found == nil, path == name { found = field } }
        return found
    }

    /// The field with this id, at any depth.
    public func field(id: Int) -> NestedField? {
        if let column = fields.first(where: { $0.id == id }) { return column }
        var found: NestedField?
        visit { _, field in if found == nil, field.id == id { found = field } }
        return found
    }

    /// The largest id in use, 0 in an empty schema.
    public var highestFieldID: Int {
        var highest = 0
        visit { _, field in highest = max(highest, field.id) }
        return highest
    }

    /// Every field at every depth with its dotted path, parents first. List elements and map keys and values count as
    /// fields called `element`, `key` and `value`.
    func visit(_ body: (_ path: String, _ field: NestedField) throws -> Void) rethrows {
        for field in fields { try Self.visit(field, under: "", body) }
    }

    private static func visit(
        _ field: NestedField, under parent: String, _ body: (String, NestedField) throws -> Void
    ) rethrows {
        let path = parent.isEmpty ? field.name : parent + "." + field.name
        try body(path, field)
        for part in field.type.parts { try visit(part, under: path, body) }
    }

    /// The largest id a column may have; those above are the specification's own (`_file`, `_pos`, …).
    public static let highestAllowedFieldID = 2_147_483_447

    /// Checks what the specification asks of ids, names and identifier columns.
    func validate() throws {
        var ids: Set<Int> = []
        var paths: Set<String> = []
        try visit { path, field in
            guard field.id > 0, field.id <= Self.highestAllowedFieldID else {
                throw IcebergError(.malformed, "column \(path) has id \(field.id)")
            }
            guard ids.insert(field.id).inserted else {
                throw IcebergError(.malformed, "column \(path) shares its id \(field.id) with another")
            }
            guard !field.name.isEmpty, paths.insert(path).inserted else {
                throw IcebergError(.malformed, "the column name \"\(path)\" is empty or taken twice")
            }
        }
        var identifiers: Set<Int> = []
        for field in fields { Self.collectIdentifiers(field, into: &identifiers) }
        for id in identifierFieldIDs where !identifiers.contains(id) {
            throw IcebergError(
                .malformed,
                "column id \(id) cannot identify rows: an identifier is a required column of a plain type, not floating "
                    + "point, outside of lists, maps and optional structs")
        }
    }

    /// Adds the columns that may identify rows: required at every level, so that they are never null.
    private static func collectIdentifiers(_ field: NestedField, into ids: inout Set<Int>) {
        guard field.required else { return }
        switch field.type {
        case .float, .double, .list, .map: break
        case .struct(let type): for inner in type.fields { collectIdentifiers(inner, into: &ids) }
        default: ids.insert(field.id)
        }
    }
}

/// A column to be, before it has an id.
public struct ColumnDefinition: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Its type.
    public var type: ColumnType
    /// Whether it may not be null.
    public var required: Bool
    /// For readers of the table.
    public var doc: String?

    /// A column called `name`, nullable unless `required`.
    public init(_ name: String, _ type: ColumnType, required: Bool = false, doc: String? = nil) {
        self.name = name
        self.type = type
        self.required = required
        self.doc = doc
    }
}

/// A type before its parts have ids.
public indirect enum ColumnType: Sendable, Hashable {
    /// A type without parts.
    case primitive(IcebergType)
    /// A list.
    case list(ColumnType, elementRequired: Bool)
    /// A struct.
    case `struct`([ColumnDefinition])
    /// A map; keys are never null.
    case map(key: ColumnType, value: ColumnType, valueRequired: Bool)

    /// A boolean.
    public static let boolean = ColumnType.primitive(.boolean)
    /// A 32-bit integer.
    public static let int = ColumnType.primitive(.int)
    /// A 64-bit integer.
    public static let long = ColumnType.primitive(.long)
    /// A 32-bit floating-point number.
    public static let float = ColumnType.primitive(.float)
    /// A 64-bit floating-point number.
    public static let double = ColumnType.primitive(.double)
    /// A day.
    public static let date = ColumnType.primitive(.date)
    /// Microseconds since midnight.
    public static let time = ColumnType.primitive(.time)
    /// Microseconds without a zone.
    public static let timestamp = ColumnType.primitive(.timestamp)
    /// Microseconds UTC.
    public static let timestamptz = ColumnType.primitive(.timestamptz)
    /// UTF-8 text.
    public static let string = ColumnType.primitive(.string)
    /// A UUID.
    public static let uuid = ColumnType.primitive(.uuid)
    /// Bytes.
    public static let binary = ColumnType.primitive(.binary)

    /// An exact number of `precision` digits, `scale` of them after the point.
    public static func decimal(precision: Int, scale: Int) -> ColumnType {
        .primitive(.decimal(precision: precision, scale: scale))
    }

    /// Fields for the definitions: ids for one level first, then for what is inside it, as other writers do.
    static func fields(_ columns: [ColumnDefinition], next: inout Int) -> [NestedField] {
        let first = next
        next += columns.count
        return columns.enumerated().map { index, column in
            NestedField(
                id: first + index, name: column.name, required: column.required, type: column.type.assigned(&next),
                doc: column.doc)
        }
    }

    private func assigned(_ next: inout Int) -> IcebergType {
        switch self {
        case .primitive(let type): return type
        case .struct(let columns): return .struct(StructType(fields: Self.fields(columns, next: &next)))
        case .list(let element, let required):
            let id = next
            next += 1
            return .list(ListType(elementID: id, elementRequired: required, element: element.assigned(&next)))
        case .map(let key, let value, let required):
            let id = next
            next += 2
            let keyType = key.assigned(&next)
            let valueType = value.assigned(&next)
            return .map(MapType(keyID: id, key: keyType, valueID: id + 1, valueRequired: required, value: valueType))
        }
    }
}
