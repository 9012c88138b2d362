/// What stands in the warehouse, described once: the DDL and the load of every dialect are made from it.
struct StarSchema {
    /// A column's type, in the words of no dialect.
    enum ColumnType: Equatable {
        case smallint, integer, bigint, boolean, date, instant
        /// At most this many bytes of UTF-8.
        case text(bytes: Int)
        /// Exact.
        case decimal(digits: Int, scale: Int)
    }

    /// A column of a table.
    struct Column {
        let name: String
        let type: ColumnType
        /// Whether it may be null.
        let isOptional: Bool
        let comment: String

        init(_ name: String, _ type: ColumnType, isOptional: Bool = false, _ comment: String = "") {
            self.name = name
            self.type = type
            self.isOptional = isOptional
            self.comment = comment
        }
    }

    /// Rows as they come from the lake, a business day at a time; its name begins with `stage_`.
    struct Stage {
        let name: String
        let columns: [Column]
    }

    /// A dimension: a key of the warehouse's own for each member, and 0 for what is not known.
    struct Dimension {
        let name: String
        let key: String
        let keyType: ColumnType
        /// The column that says who or what a member is.
        let natural: Column
        /// What it is called in the staged rows.
        let stagedAs: String
        /// The staged rows of a day's members.
        let stage: String
        /// The natural value of the unknown member, as SQL.
        let unknown: String
        /// The other columns.
        let attributes: [Column]
        /// How its members come to have versions; nil where they have none.
        let history: History?
        let comment: String
    }

    /// How the versions of a dimension (slowly changing, type 2) follow from what each business day told of a member.
    struct History {
        /// The table of what each day told: business_day, the natural column, the attributes.
        let days: String
        /// Attributes that last until another value comes.
        let lasting: [Column]
        /// Attributes that are true from the first day on which they were.
        let everTrue: [Column]

        var attributes: [Column] { lasting + everTrue }
    }

    /// Where a column of a fact comes from.
    enum Origin {
        /// The business day that is loaded.
        case day
        /// The staged column of the same name.
        case staged
        /// The key of a dimension's member, of its version on that day.
        case key(String)
    }

    /// A fact: one row for each event, order or item.
    struct Fact {
        let name: String
        let stage: String
        let columns: [(column: Column, origin: Origin)]
        let primaryKey: [String]
        /// Columns that have an index besides the primary key.
        let indexes: [String]
        let comment: String
    }

    /// A table that the warehouse keeps its own state in, or what each day told.
    struct Book {
        let name: String
        let columns: [Column]
        let primaryKey: [String]
        let identity: String?
        let indexes: [String]
        let comment: String
    }

    /// Counts changes of this description that need other tables.
    static let version = 2
    /// The schema that all tables are in.
    static let name = "star"
    /// The member of a dimension that stands for what is not known.
    static let unknownKey = 0
    /// The end of a version that holds until further notice, and the beginning of those that always held.
    static let (endless, ever) = ("9999-12-31", "1900-01-01")

    let dimensions: [Dimension]
    let facts: [Fact]
    let stages: [Stage]
    let books: [Book]

    func dimension(_ name: String) -> Dimension {
        guard let known = dimensions.first(where: { $0.name == name }) else {
            preconditionFailure("the star schema has no dimension \(name)")
        }
        return known
    }

    func stage(_ name: String) -> Stage {
        guard let known = stages.first(where: { $0.name == name }) else {
            preconditionFailure("the star schema has no stage \(name)")
        }
        return known
    }

    /// The facts that have a key of a dimension.
    func facts(of dimension: Dimension) -> [Fact] {
        facts.filter { $0.columns.contains { $0.column.name == dimension.key } }
    }
}
