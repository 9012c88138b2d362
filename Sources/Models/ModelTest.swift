/// Something that has to hold: rows that should not be are looked for, and none may be found.
public struct ModelTest: Sendable {
    /// What a failure means.
    public enum Severity: String, Sendable {
        /// It is told.
        case warn
        /// The tests fail.
        case error
    }

    /// What is looked for.
    enum Kind: Sendable {
        /// Nulls.
        case notNull
        /// Values that occur twice.
        case unique
        /// Values that are none of these, and not null.
        case acceptedValues([String])
        /// Values that are none of the field's in the table of the model, and not null.
        case relationships(to: String, field: String)
        /// What a macro of the project finds: `{% test name(model, column_name, …) %}`.
        case macro(String, [String: TemplateValue])
        /// What a statement of the test path finds.
        case statement(Template)
    }

    /// A bound on the rows found, `> 10`.
    struct Bound: Sendable {
        let sign: String
        let count: Int

        func holds(_ rows: Int) -> Bool {
            switch sign {
            case ">": rows > count
            case ">=": rows >= count
            case "<": rows < count
            case "<=": rows <= count
            case "=", "==": rows == count
            default: rows != count
            }
        }

        init(sign: String, count: Int) {
            self.sign = sign
            self.count = count
        }

        /// Nil when the text is no bound.
        init?(_ text: String) {
            let sign = text.trimmingPrefix(while: \.isWhitespace).prefix { "<>=!".contains($0) }
            guard ["=", "==", "!=", "<>", "<", "<=", ">", ">="].contains(sign),
                let count = Int(text.split(whereSeparator: { " <>=!".contains($0) }).joined())
            else { return nil }
            self.init(sign: String(sign), count: count)
        }
    }

    /// What is tested, `gold.daily_sales.orders: not_null`.
    public let name: String
    /// dbt's name for what is looked for, or the file's.
    public let word: String
    /// The table it is about; nil for a statement.
    public let table: String?
    /// The column it is about.
    public let column: String?
    /// What a failure means.
    public let severity: Severity
    /// Its tags.
    public let tags: [String]
    /// Where it is, `models/marts.yml:12`.
    public let place: String
    /// The models it reads.
    public let references: [String]
    /// The sources it reads.
    public let sources: [String]

    let kind: Kind
    /// The condition for the rows that are looked at.
    let filter: String?
    let warnIf: Bound
    let errorIf: Bound
}
