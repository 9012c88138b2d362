public import Engine
public import Iceberg

/// What a SELECT statement asks of the rows of single tables, so that files without such rows need not be opened.
///
///     let filters = StatementFilters(of: "SELECT … FROM shop.orders WHERE day >= DATE '2026-11-01'", tables, by: engine)
///     let plan = try LakeTable(orders).plan(where: filters.filter(of: orders.identifier))
///
/// The engine parses the statement and gives its tree (`json_serialize_sql`); what is understood of it here is little and
/// certain: conditions of a WHERE, or of an inner join, that compare a column of one table with a constant. Anything else
/// asks nothing, and every mention of a table has to ask something before one file is left out. The engine filters the
/// rows again in any case.
public struct StatementFilters {
    /// A table that the statement may mention by namespace and name, and the columns it is read with.
    public struct Candidate {
        let identifier: TableIdentifier
        let schema: Schema

        /// A table, and its columns at the snapshot that is read.
        public init(_ identifier: TableIdentifier, _ schema: Schema) {
            self.identifier = identifier
            self.schema = schema
        }
    }

    /// Functions in a FROM that read no table.
    private static let harmless: Set<String> = ["range", "generate_series", "unnest", "repeat"]

    private var mentions: [TableIdentifier: [RowFilter]] = [:]

    /// Of a statement, over views of these tables. What the engine does not parse asks nothing.
    public init(of statement: String, _ tables: [Candidate], by connection: Connection) {
        guard let tree = Self.tree(statement, connection), !Self.mayReadUnseen(tree) else { return }
        var reader = StatementReader(tables, StatementConstants(connection))
        reader.walk(tree)
        mentions = reader.mentions
    }

    /// What is asked of a table's rows: true for every row that any mention of the table may need.
    public func filter(of table: TableIdentifier) -> RowFilter {
        guard let mentions = mentions[table], !mentions.isEmpty else { return .always(true) }
        return mentions.count == 1 ? mentions[0] : .or(mentions)
    }

    private static func tree(_ statement: String, _ connection: Connection) -> JSON? {
        // A tree that is nested too deep, or no SELECT, is one that nothing is known of: the statement itself says why.
        guard
            let text = try? connection.query("SELECT json_serialize_sql(CAST(? AS VARCHAR))", [.string(statement)])
                .rows.first?.first?.string, let tree = try? JSON(parsing: Array(text.utf8)),
            tree["error"]?.boolean == false, let statements = tree["statements"]?.array, statements.count == 1
        else { return nil }
        return statements[0]
    }

    /// Whether tables may be read that the tree does not show: by `query('…')`, say.
    private static func mayReadUnseen(_ tree: JSON) -> Bool {
        if tree["type"]?.string == "TABLE_FUNCTION",
            tree["function"]?["function_name"]?.string.map(harmless.contains) != true
        {
            return true
        }
        return tree.parts.contains(where: mayReadUnseen)
    }
}

extension JSON {
    /// What is inside an array or an object.
    var parts: [JSON] { array ?? members?.map(\.value) ?? [] }
}

/// Goes through a statement's tree and collects what each mention of a table asks.
private struct StatementReader {
    /// A member of a FROM.
    struct Leaf {
        /// The place among the FROM's members.
        var index: Int
        /// What columns are qualified by, in lower case.
        var name: String
        var schemaName: String
        /// Nil for subqueries, functions and tables that are not ours.
        var table: StatementFilters.Candidate?
    }

    /// The members of one FROM.
    struct Scope {
        var leaves: [Leaf] = []
        /// Whether columns without a qualifier may be those of two members.
        var mergesColumns = false
    }

    private let tables: [StatementFilters.Candidate]
    private let constants: StatementConstants
    private(set) var mentions: [TableIdentifier: [RowFilter]] = [:]

    init(_ tables: [StatementFilters.Candidate], _ constants: StatementConstants) {
        self.tables = tables
        self.constants = constants
    }

    /// Any part of the tree. A table that is met outside of a SELECT's FROM is read whole.
    mutating func walk(_ part: JSON) {
        switch part["type"]?.string {
        case "SELECT_NODE": select(part)
        case "BASE_TABLE": mention(part, .always(true))
        default: for inner in part.parts { walk(inner) }
        }
    }

    private mutating func mention(_ table: JSON, _ filter: RowFilter) {
        guard let known = candidate(table) else { return }
        mentions[known.identifier, default: []].append(filter)
    }

    private func candidate(_ table: JSON) -> StatementFilters.Candidate? {
        guard let namespace = table["schema_name"]?.string, let name = table["table_name"]?.string else { return nil }
        // A catalog before it may be any; so the table counts as mentioned, too.
        return tables.first {
            $0.identifier.namespace.lowercased() == namespace.lowercased()
                && $0.identifier.name.lowercased() == name.lowercased()
        }
    }

    private mutating func select(_ node: JSON) {
        for member in node.members ?? [] where member.name != "from_table" { walk(member.value) }
        guard let from = node["from_table"] else { return }
        var scope = Scope()
        collect(from, &scope)
        // A sample is taken before the WHERE.
        let conditions = node["sample"] == nil ? [node["where_clause"]].compactMap { $0 } : []
        var index = 0
        visit(from, conditions, scope, &index)
    }

    private func collect(_ from: JSON, _ scope: inout Scope) {
        if from["type"]?.string == "JOIN" {
            if from["ref_type"]?.string == "NATURAL" || from["using_columns"]?.array?.isEmpty != true {
                scope.mergesColumns = true
            }
            for side in ["left", "right"] { if let part = from[side] { collect(part, &scope) } }
            return
        }
        let alias = from["alias"]?.string ?? ""
        let isPlain =
            from["type"]?.string == "BASE_TABLE" && from["column_name_alias"]?.array?.isEmpty == true
            && from["sample"] == nil && from["at_clause"] == nil && (from["catalog_name"]?.string ?? "").isEmpty
        scope.leaves.append(
            Leaf(
                index: scope.leaves.count,
                name: (alias.isEmpty ? from["table_name"]?.string ?? "" : alias).lowercased(),
                schemaName: alias.isEmpty ? (from["schema_name"]?.string ?? "").lowercased() : "",
                table: isPlain ? candidate(from) : nil))
    }

    /// A member of a FROM of whose rows only those matter for which all `conditions` hold, in the order of `collect`.
    private mutating func visit(_ from: JSON, _ conditions: [JSON], _ scope: Scope, _ index: inout Int) {
        if from["type"]?.string == "JOIN" {
            if let condition = from["condition"] { walk(condition) }
            let (left, right) = Self.conditions(from, conditions)
            if let part = from["left"] { visit(part, left, scope, &index) }
            if let part = from["right"] { visit(part, right, scope, &index) }
            return
        }
        let leaf = scope.leaves[index]
        index += 1
        guard from["type"]?.string == "BASE_TABLE" else { return walk(from) }
        guard leaf.table != nil else { return mention(from, .always(true)) }
        let reader = ConditionReader(leaf: leaf, scope: scope, constants: constants)
        let filters = conditions.compactMap { reader.filter($0, mustBeExact: false) }
        mention(from, filters.isEmpty ? .always(true) : .and(filters))
    }

    /// The conditions that a join's sides must meet. A side that is filled up with nulls where it has no match is not
    /// one that conditions after the join speak of.
    private static func conditions(_ join: JSON, _ outer: [JSON]) -> (left: [JSON], right: [JSON]) {
        let own = [join["condition"]].compactMap { $0 }
        switch join["ref_type"]?.string {
        case "REGULAR", "CROSS", "NATURAL", "DEPENDENT": break
        default: return ([], [])
        }
        switch join["join_type"]?.string {
        case "INNER": return (outer + own, outer + own)
        case "LEFT": return (outer, own)
        case "RIGHT": return (own, outer)
        case "SEMI": return (outer + own, own)
        default: return ([], [])
        }
    }
}

/// Reads conditions as filters on one member of a FROM.
private struct ConditionReader {
    let leaf: StatementReader.Leaf
    let scope: StatementReader.Scope
    let constants: StatementConstants

    /// A filter that means every row of the member for which the condition can be true, and if it `mustBeExact`, no
    /// other; nil when there is none.
    func filter(_ condition: JSON, mustBeExact: Bool) -> RowFilter? {
        let children = condition["children"]?.array ?? []
        switch (condition["class"]?.string, condition["type"]?.string) {
        case ("CONJUNCTION", "CONJUNCTION_AND"):
            let parts = children.map { filter($0, mustBeExact: mustBeExact) }
            if mustBeExact, parts.contains(where: { $0 == nil }) { return nil }
            let known = parts.compactMap { $0 }
            return known.isEmpty ? nil : .and(known)
        case ("CONJUNCTION", "CONJUNCTION_OR"):
            let parts = children.compactMap { filter($0, mustBeExact: mustBeExact) }
            return parts.count == children.count ? .or(parts) : nil
        case ("OPERATOR", "OPERATOR_NOT"):
            guard children.count == 1 else { return nil }
            return filter(children[0], mustBeExact: true).map { .not($0) }
        case ("OPERATOR", "OPERATOR_IS_NULL"):
            return children.count == 1 ? column(children[0]).map { .isNull($0.name) } : nil
        case ("OPERATOR", "OPERATOR_IS_NOT_NULL"):
            return children.count == 1 ? column(children[0]).map { .notNull($0.name) } : nil
        case ("OPERATOR", "COMPARE_IN"): return among(children).map { .isIn($0.name, $0.values) }
        case ("OPERATOR", "COMPARE_NOT_IN"): return among(children).map { .notIn($0.name, $0.values) }
        case ("COMPARISON", let type?): return comparison(type, condition["left"], condition["right"])
        case ("BETWEEN", "COMPARE_BETWEEN"):
            guard let column = condition["input"].flatMap(column),
                let lower = condition["lower"].flatMap({ constants.value($0, comparedWith: column) }),
                let upper = condition["upper"].flatMap({ constants.value($0, comparedWith: column) })
            else { return nil }
            return .and([.greaterOrEqual(column.name, lower), .lessOrEqual(column.name, upper)])
        case ("FUNCTION", _): return pattern(condition, children, mustBeExact: mustBeExact)
        case ("COLUMN_REF", _):
            guard let column = column(condition), column.type == .boolean else { return nil }
            return .equal(column.name, .boolean(true))
        default: return nil
        }
    }

    private func comparison(_ type: String, _ left: JSON?, _ right: JSON?) -> RowFilter? {
        guard let left, let right else { return nil }
        let isFlipped = column(left) == nil
        guard let column = column(isFlipped ? right : left),
            let value = constants.value(isFlipped ? left : right, comparedWith: column)
        else { return nil }
        switch (type, isFlipped) {
        case ("COMPARE_EQUAL", _): return .equal(column.name, value)
        case ("COMPARE_NOTEQUAL", _): return .notEqual(column.name, value)
        case ("COMPARE_LESSTHAN", false), ("COMPARE_GREATERTHAN", true): return .less(column.name, value)
        case ("COMPARE_GREATERTHAN", false), ("COMPARE_LESSTHAN", true): return .greater(column.name, value)
        case ("COMPARE_LESSTHANOREQUALTO", false), ("COMPARE_GREATERTHANOREQUALTO", true):
            return .lessOrEqual(column.name, value)
        case ("COMPARE_GREATERTHANOREQUALTO", false), ("COMPARE_LESSTHANOREQUALTO", true):
            return .greaterOrEqual(column.name, value)
        default: return nil
        }
    }

    private func among(_ children: [JSON]) -> (name: String, values: [IcebergValue])? {
        guard let first = children.first, let column = column(first), children.count > 1,
            let values = constants.values(children.dropFirst(), comparedWith: column)
        else { return nil }
        return (column.name, values)
    }

    /// `LIKE`, of which the text before the first wildcard counts, and `starts_with`.
    private func pattern(_ call: JSON, _ children: [JSON], mustBeExact: Bool) -> RowFilter? {
        guard children.count == 2, let name = call["function_name"]?.string, (call["schema"]?.string ?? "").isEmpty,
            (call["catalog"]?.string ?? "").isEmpty, call["filter"] == nil, let column = column(children[0]),
            column.type == .string, case .string(let text) = constants.value(children[1], comparedWith: column)
        else { return nil }
        switch name {
        case "^@", "starts_with", "prefix": return .startsWith(column.name, text)
        case "~~", "!~~":
            let start = String(text.unicodeScalars.prefix { $0 != "%" && $0 != "_" })
            let rest = text.unicodeScalars.dropFirst(start.unicodeScalars.count)
            let isExact = rest.allSatisfy { $0 == "%" }
            if name == "!~~" {
                guard isExact else { return nil }
                return rest.isEmpty ? .notEqual(column.name, .string(text)) : .notStartsWith(column.name, start)
            }
            guard isExact || !mustBeExact else { return nil }
            return rest.isEmpty ? .equal(column.name, .string(text)) : .startsWith(column.name, start)
        default: return nil
        }
    }

    /// The column of the member that an expression is, when it is surely one.
    private func column(_ expression: JSON) -> NestedField? {
        guard expression["class"]?.string == "COLUMN_REF", let table = leaf.table,
            let names = expression["column_names"]?.array?.compactMap({ $0.string?.lowercased() }),
            let last = names.last
        else { return nil }
        let owners = scope.leaves.filter { $0.table.map { Self.column(last, $0.schema) != nil } ?? false }
        switch names.count {
        case 1:
            guard owners.map(\.index) == [leaf.index], !scope.mergesColumns || scope.leaves.count == 1 else {
                return nil
            }
        case 2, 3:
            // A qualifier may also be a column that has parts.
            guard scope.leaves.filter({ $0.name == names[names.count - 2] }).map(\.index) == [leaf.index],
                !scope.leaves.contains(where: { $0.table.map { Self.column(names[0], $0.schema) != nil } ?? false }),
                names.count == 2 || names[0] == leaf.schemaName
            else { return nil }
        default: return nil
        }
        guard let column = Self.column(last, table.schema), column.type.isPrimitive,
            table.schema.field(named: column.name)?.id == column.id
        else { return nil }
        return column
    }

    private static func column(_ name: String, _ schema: Schema) -> NestedField? {
        schema.fields.first { $0.name.lowercased() == name }
    }
}
