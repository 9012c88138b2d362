/// Changes to a table's schema, made one after the other on the schema in force. Columns are named by their path, as in
/// ``Schema/field(named:)``.
///
/// Field ids stay with their columns and are never given twice, so that files written before read right.
public struct SchemaUpdate {
    /// The schema so far.
    public private(set) var schema: Schema
    private var lastColumnID: Int
    /// Columns that a partition spec, a sort order or the identifier is made from, and which of them.
    private let uses: [Int: String]

    /// Where a column goes among those of the same struct.
    public enum Place: Sendable, Hashable {
        case first
        /// By the name it has in its struct.
        case before(String)
        case after(String)
    }

    init(_ metadata: TableMetadata) {
        schema = metadata.currentSchema
        lastColumnID = metadata.lastColumnID
        var uses: [Int: String] = [:]
        for field in metadata.defaultSpec.fields where field.transform != .void {
            uses[field.sourceID] = "partition field \(field.name)"
        }
        for id in metadata.sortedColumnIDs { uses[id] = uses[id] ?? "the sort order" }
        self.uses = uses
    }

    /// Adds a column, at the end unless a place is given.
    /// - Parameter parent: The struct it goes into, or the list or map whose elements or values are structs; nil for the
    ///   table itself.
    /// - Throws: ``IcebergError`` `.badRequest` when the name is taken, or the column is required: rows that are there have
    ///   no value for it.
    public mutating func addColumn(
        _ name: String, _ type: ColumnType, in parent: String? = nil, at place: Place? = nil, doc: String? = nil
    ) throws {
        var next = lastColumnID + 1
        let added = ColumnType.fields([ColumnDefinition(name, type, doc: doc)], next: &next)
        guard let field = added.first, !name.isEmpty else { throw refusal("a column needs a name") }
        func insert(_ fields: inout [NestedField]) throws {
            guard !fields.contains(where: { $0.name == name }) else {
                throw refusal("the column \(name) exists already")
            }
            fields.append(field)
            if let place { try Self.move(field.id, place, in: &fields) }
        }
        guard let parent else {
            try insert(&schema.fields)
            lastColumnID = next - 1
            return
        }
        let outer = try changeable(parent)
        try edit(outer.id) { outer in
            guard try outer.type.editStruct(insert) else {
                throw refusal("\(parent) is a \(outer.type), and columns go into structs")
            }
        }
        lastColumnID = next - 1
    }

    /// Drops a column with all that is inside it. Its id is not used again.
    /// - Throws: ``IcebergError`` `.badRequest` when a partition field, the sort order or the identifier is made from it.
    public mutating func dropColumn(_ name: String) throws {
        let field = try changeable(name)
        var inside: [Int] = []
        Schema(fields: [field]).visit { _, field in inside.append(field.id) }
        for id in inside {
            if let use = uses[id] {
                throw refusal("column \(name) cannot be dropped: \(use) is made from it; change that first")
            }
            guard !schema.identifierFieldIDs.contains(id) else {
                throw refusal("column \(name) cannot be dropped: it identifies rows; change the identifier first")
            }
        }
        try editSiblings(field.id, name) { fields in fields.removeAll { $0.id == field.id } }
    }

    /// Gives a column another name in its struct.
    /// - Throws: ``IcebergError`` `.badRequest` when the name is taken.
    public mutating func renameColumn(_ name: String, to newName: String) throws {
        let field = try changeable(name)
        guard !newName.isEmpty else { throw refusal("a column needs a name") }
        try editSiblings(field.id, name) { fields in
            guard !fields.contains(where: { $0.name == newName && $0.id != field.id }) else {
                throw refusal("the column \(newName) exists already")
            }
            for index in fields.indices where fields[index].id == field.id { fields[index].name = newName }
        }
    }

    /// Widens a column's type: int to long, float to double, a decimal to more digits of the same scale.
    /// - Throws: ``IcebergError`` `.badRequest` for any other change.
    public mutating func promoteColumn(_ name: String, to type: IcebergType) throws {
        let field = try changeable(name)
        guard field.type.widens(to: type) else {
            throw refusal(
                "column \(name) cannot become a \(type) from a \(field.type); int becomes long, float double, and a "
                    + "decimal gets more digits before the point")
        }
        try edit(field.id) { $0.type = type }
    }

    /// Allows nulls in a column.
    /// - Throws: ``IcebergError`` `.badRequest` when it identifies rows.
    public mutating func makeOptional(_ name: String) throws {
        let field = try changeable(name)
        guard !schema.identifierFieldIDs.contains(field.id) else {
            throw refusal("column \(name) identifies rows and cannot be null")
        }
        try edit(field.id) { $0.required = false }
    }

    /// Sets or removes what a column says of itself to readers.
    public mutating func setDoc(_ name: String, _ doc: String?) throws {
        let field = try changeable(name)
        try editSiblings(field.id, name) { fields in
            for index in fields.indices where fields[index].id == field.id { fields[index].doc = doc }
        }
    }

    /// Moves a column among those of its struct.
    public mutating func moveColumn(_ name: String, to place: Place) throws {
        let field = try changeable(name)
        try editSiblings(field.id, name) { fields in try Self.move(field.id, place, in: &fields) }
    }

    /// Says which columns together name a row.
    /// - Throws: ``IcebergError`` `.badRequest` for columns that may be null, are floating-point or are not plain values.
    public mutating func setIdentifier(_ names: [String]) throws {
        schema.identifierFieldIDs = try names.map { name in
            let field = try changeable(name)
            let isFloating = field.type == .float || field.type == .double
            guard field.required, field.type.isPrimitive, !isFloating, schema.isReachedByRequiredStructs(field.id)
            else {
                throw refusal(
                    "column \(name) cannot identify rows: it may be null, or its values are not exact and plain")
            }
            return field.id
        }
    }

    // MARK: Inside

    private func changeable(_ name: String) throws -> NestedField {
        guard let field = schema.field(named: name) else { throw refusal("there is no column \(name)") }
        guard !schema.isInsideMapKey(field.id) else {
            throw refusal("\(name) is in a map's key, which cannot change: the keys of old rows would not be found")
        }
        return field
    }

    private mutating func edit(_ id: Int, _ body: (inout NestedField) throws -> Void) throws {
        for index in schema.fields.indices { try schema.fields[index].edit(id, body) }
    }

    private mutating func editSiblings(
        _ id: Int, _ name: String, _ body: (inout [NestedField]) throws -> Void
    ) throws {
        if schema.fields.contains(where: { $0.id == id }) { return try body(&schema.fields) }
        var parent: Int?
        schema.visit { _, field in
            if case .struct(let type) = field.type, type.fields.contains(where: { $0.id == id }) { parent = field.id }
        }
        guard let parent else {
            throw refusal("\(name) is a list's element or a map's key or value, and has no other name or place")
        }
        try edit(parent) { parent in _ = try parent.type.editStruct(body) }
    }

    private static func move(_ id: Int, _ place: Place, in fields: inout [NestedField]) throws {
        guard let from = fields.firstIndex(where: { $0.id == id }) else { return }
        let field = fields.remove(at: from)
        func index(_ name: String) throws -> Int {
            guard let index = fields.firstIndex(where: { $0.name == name }) else {
                throw IcebergError(
                    .badRequest, "there is no other column \(name) in the same struct to move \(field.name) to")
            }
            return index
        }
        switch place {
        case .first: fields.insert(field, at: 0)
        case .before(let name): fields.insert(field, at: try index(name))
        case .after(let name): fields.insert(field, at: try index(name) + 1)
        }
    }

    /// Makes the schema the one in force, under the id of an earlier one that is the same if there is one.
    func apply(to metadata: inout TableMetadata) throws {
        guard !schema.fields.isEmpty else { throw refusal("a table needs a column") }
        do {
            try schema.validate()
        } catch let error as IcebergError {
            throw refusal(error.message)
        }
        metadata.lastColumnID = max(metadata.lastColumnID, lastColumnID)
        func same(_ other: Schema) -> Bool {
            other.fields == schema.fields && other.identifierFieldIDs == schema.identifierFieldIDs
        }
        if let known = metadata.schemas.first(where: same) {
            metadata.currentSchemaID = known.schemaID
        } else {
            var next = schema
            next.schemaID = (metadata.schemas.map(\.schemaID).max() ?? -1) + 1
            metadata.schemas.append(next)
            metadata.currentSchemaID = next.schemaID
        }
    }
}

private func refusal(_ text: String) -> IcebergError { IcebergError(.badRequest, text) }

extension NestedField {
    /// Changes the field with this id, which may be this one or inside it.
    fileprivate mutating func edit(_ wanted: Int, _ body: (inout NestedField) throws -> Void) throws {
        if id == wanted { return try body(&self) }
        switch type {
        case .struct(var inner):
            for index in inner.fields.indices { try inner.fields[index].edit(wanted, body) }
            type = .struct(inner)
        case .list(var list):
            var element = NestedField(
                id: list.elementID, name: "element", required: list.elementRequired, type: list.element)
            try element.edit(wanted, body)
            (list.element, list.elementRequired) = (element.type, element.required)
            type = .list(list)
        case .map(var map):
            var value = NestedField(id: map.valueID, name: "value", required: map.valueRequired, type: map.value)
            try value.edit(wanted, body)
            (map.value, map.valueRequired) = (value.type, value.required)
            type = .map(map)
        default: break
        }
    }
}

extension IcebergType {
    /// Changes the fields of a struct, or of the structs in a list or map; false for other types.
    fileprivate mutating func editStruct(_ body: (inout [NestedField]) throws -> Void) throws -> Bool {
        switch self {
        case .struct(var inner):
            try body(&inner.fields)
            self = .struct(inner)
            return true
        case .list(var list):
            guard try list.element.editStruct(body) else { return false }
            self = .list(list)
            return true
        case .map(var map):
            guard try map.value.editStruct(body) else { return false }
            self = .map(map)
            return true
        default: return false
        }
    }

    /// Whether every value of this type is one of `wider`, and old files may stay as they are.
    func widens(to wider: IcebergType) -> Bool {
        switch (self, wider) {
        case (.int, .long), (.float, .double): true
        case (.decimal(let precision, let scale), .decimal(let more, let same)):
            same == scale && (precision...38).contains(more)
        default: self == wider && isPrimitive
        }
    }
}

extension Schema {
    fileprivate func isInsideMapKey(_ id: Int) -> Bool {
        var found = false
        visit { _, field in
            guard case .map(let map) = field.type else { return }
            if map.keyID == id { found = true }
            if case .struct(let key) = map.key, Schema(fields: key.fields).field(id: id) != nil { found = true }
        }
        return found
    }

    /// Whether only structs that are never null stand above the column.
    fileprivate func isReachedByRequiredStructs(_ id: Int) -> Bool {
        func reaches(_ fields: [NestedField]) -> Bool {
            fields.contains { field in
                if field.id == id { return true }
                if field.required, case .struct(let inner) = field.type { return reaches(inner.fields) }
                return false
            }
        }
        return reaches(fields)
    }
}
