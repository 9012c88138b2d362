import Engine
import Iceberg

/// Values of constant expressions in a statement's tree, as the engine would compare them with a column.
final class StatementConstants {
    /// Most expressions of a statement that the engine is asked to work out.
    static let workedOutMax = 1_000

    /// Functions whose answer depends on nothing but their arguments.
    private static let functions: Set<String> = [
        "+", "-", "*", "to_days", "to_months", "to_years", "to_hours", "to_minutes", "to_seconds", "make_date",
        "date_trunc",
    ]
    private static let integers: Set<String> = [
        "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
    ]

    private let connection: Connection
    private var workedOut = 0

    init(_ connection: Connection) { self.connection = connection }

    /// The value of an expression that is compared with a column; nil where it is not constant, or the engine would
    /// compare by rounded values of the column.
    func value(_ expression: JSON, comparedWith column: NestedField) -> IcebergValue? {
        typed(expression, comparedWith: column)?.value
    }

    /// The values of a list. The engine compares by one type for all, so they must be of one.
    func values(_ expressions: some Sequence<JSON>, comparedWith column: NestedField) -> [IcebergValue]? {
        var values: [IcebergValue] = []
        var types: Set<String> = []
        for expression in expressions {
            guard let (value, type) = typed(expression, comparedWith: column) else { return nil }
            values.append(value)
            types.insert(type)
        }
        return types.count == 1 ? values : nil
    }

    private func typed(_ expression: JSON, comparedWith column: NestedField) -> (value: IcebergValue, type: String)? {
        guard isConstant(expression),
            let (type, text) = plain(expression, column.type) ?? workOut(expression, column.type)
        else {
            return nil
        }
        // A plain text takes the column's type, other expressions of text need not.
        let isText = type == "VARCHAR" && expression["class"]?.string == "CONSTANT"
        guard let text else { return type == "\"NULL\"" ? (.null, type) : nil }
        return Self.value(text, type, isText, column.type).map { ($0, type) }
    }

    private func isConstant(_ expression: JSON) -> Bool {
        switch expression["class"]?.string {
        case "CONSTANT": return true
        case "CAST": return expression["child"].map(isConstant) ?? false
        case "FUNCTION":
            return expression["function_name"]?.string.map(Self.functions.contains) ?? false
                && expression["filter"] == nil && expression["distinct"]?.boolean == false
                && (expression["schema"]?.string ?? "").isEmpty && (expression["catalog"]?.string ?? "").isEmpty
                && (expression["children"]?.array ?? []).allSatisfy(isConstant)
        default: return false
        }
    }

    /// A whole number or a text as it stands in the statement.
    private func plain(_ expression: JSON, _ column: IcebergType) -> (type: String, text: String?)? {
        guard expression["class"]?.string == "CONSTANT", let value = expression["value"],
            value["is_null"]?.boolean == false, let type = value["type"]?["id"]?.string
        else { return nil }
        switch type {
        case "INTEGER", "BIGINT": return value["value"]?.int64.map { (type, String($0)) }
        case "VARCHAR" where column == .string: return value["value"]?.string.map { (type, $0) }
        default: return nil
        }
    }

    /// The type and the value of an expression, by the engine.
    private func workOut(_ expression: JSON, _ column: IcebergType) -> (type: String, text: String?)? {
        guard workedOut < Self.workedOutMax else { return nil }
        workedOut += 1
        let target: String
        switch column {
        case .date:
            // A moment compares with days as their midnights do.
            target =
                "CASE WHEN CAST(x AS TIMESTAMP) = CAST(CAST(x AS DATE) AS TIMESTAMP) "
                + "THEN CAST(CAST(x AS DATE) - DATE '1970-01-01' AS VARCHAR) END"
        case .timestamp: target = "CAST(epoch_us(CAST(x AS TIMESTAMP)) AS VARCHAR)"
        case .timestamptz: target = "CAST(epoch_us(CAST(x AS TIMESTAMP WITH TIME ZONE)) AS VARCHAR)"
        case .float, .double: target = "CAST(CAST(x AS DOUBLE) AS VARCHAR)"
        default: target = "CAST(x AS VARCHAR)"
        }
        // What the engine cannot work out makes the statement fail, or no file be left out.
        guard let tree = try? select(expression),
            let statement = try? connection.query("SELECT json_deserialize_sql(CAST(? AS JSON))", [.string(tree)])
                .rows.first?.first?.string,
            let row = try? connection.query("SELECT typeof(x), \(target) FROM (\(statement)) constants(x)").rows.first,
            row.count == 2, let type = row[0].string
        else { return nil }
        return (type, row[1].string)
    }

    /// The tree of a SELECT of the expression alone.
    private func select(_ expression: JSON) throws -> String? {
        guard
            let text = try connection.query("SELECT json_serialize_sql('SELECT 0')").rows.first?.first?.string
        else { return nil }
        let tree = try JSON(parsing: Array(text.utf8)).replacing("select_list", with: .array([expression]))
        var writer = JSONWriter()
        writer.value(tree)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The engine's text as a value of the column's type, where values of `type` compare with it exactly.
    private static func value(
        _ text: String, _ type: String, _ isText: Bool, _ column: IcebergType
    ) -> IcebergValue? {
        let isNumber = integers.contains(type) || type.hasPrefix("DECIMAL")
        switch column {
        case .boolean:
            return type == "BOOLEAN" ? .boolean(text == "true") : nil
        case .int, .long:
            guard isNumber, let number = BoundText.unscaled(trimmed(text), scale: 0) else { return nil }
            return Int64(exactly: number).map { .long($0) }
        case .decimal(_, let scale):
            guard isNumber, let number = BoundText.unscaled(trimmed(text), scale: scale) else { return nil }
            return .decimal(number)
        case .double:
            return isNumber || type == "DOUBLE" || type == "FLOAT" ? Double(text).map { .double($0) } : nil
        case .float:
            // Exact in both, it compares the same whichever of the two types the engine takes.
            guard isNumber || type == "DOUBLE" || type == "FLOAT", let number = Double(text),
                number.isNaN || Double(Float(number)) == number
            else { return nil }
            return .float(Float(number))
        case .date:
            return type == "DATE" || type == "TIMESTAMP" || isText ? Int32(text).map { .date($0) } : nil
        case .timestamp:
            return type == "TIMESTAMP" || type == "DATE" || isText ? Int64(text).map { .timestamp($0) } : nil
        case .timestamptz:
            let types = ["TIMESTAMP WITH TIME ZONE", "TIMESTAMP", "DATE"]
            return types.contains(type) || isText ? Int64(text).map { .timestamptz($0) } : nil
        case .string: return type == "VARCHAR" ? .string(text) : nil
        default: return nil
        }
    }

    private static func trimmed(_ number: String) -> String {
        guard number.contains(".") else { return number }
        var digits = number[...]
        while digits.hasSuffix("0") { digits.removeLast() }
        if digits.hasSuffix(".") { digits.removeLast() }
        return String(digits)
    }
}

extension JSON {
    /// The value with every member of this name, at any depth, replaced.
    fileprivate func replacing(_ name: String, with other: JSON) -> JSON {
        switch self {
        case .array(let values): .array(values.map { $0.replacing(name, with: other) })
        case .object(let members):
            .object(
                members.map { member in
                    var member = member
                    member.value = member.name == name ? other : member.value.replacing(name, with: other)
                    return member
                })
        default: self
        }
    }
}
