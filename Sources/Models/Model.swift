/// One model of the project: a SELECT that becomes a table.
public struct Model: Sendable {
    /// How a model's table is kept up.
    public enum Materialization: String, Sendable {
        /// Replaced whole when an input changed.
        case table
        /// Brought up to date with what changed in its inputs, as `Strategy` says.
        case incremental
        /// No table: put in where it is referred to.
        case ephemeral
    }

    /// How an incremental model's table takes what a run made.
    public enum Strategy: String, Sendable {
        /// New rows are added; the model leaves out what it has.
        case append
        /// The rebuilt business days replace what the table had of them.
        case insertOverwrite = "insert_overwrite"
    }

    /// How a model's table is partitioned.
    public enum Partitioning: Sendable, Hashable {
        /// One partition.
        case none
        /// A partition for each value of a date column.
        case day(of: String)
        /// A partition for each month of a date column.
        case month(of: String)
    }

    /// Its name, which is its file's and its table's.
    public let name: String
    /// The namespace of its table: silver or gold.
    public let schema: String
    /// What it says, from schema.yml; empty when that says nothing.
    public internal(set) var description: String
    /// How its table is kept up.
    public let materialization: Materialization
    /// How an incremental model's table takes what a run made.
    public let strategy: Strategy
    /// How its table is partitioned.
    public let partitioning: Partitioning
    /// The ephemeral model that widens the touched business days to those to rebuild; nil when they are the same.
    public let rebuildDays: String?
    /// The models it reads, ephemeral ones included.
    public let references: [String]
    /// The sources it reads, as `bronze.clicks`.
    public let sources: [String]
    /// The columns that schema.yml describes.
    public internal(set) var columns: [ModelColumn]

    /// Whether rows are only ever added to its table.
    public var onlyGrows: Bool { materialization == .incremental && strategy == .append }
    /// `silver.clicks`.
    public var table: String { schema + "." + name }

    let template: Template
}

/// A column as schema.yml describes it.
public struct ModelColumn: Sendable {
    /// Its name.
    public let name: String
    /// What it says.
    public let description: String
    /// What has to hold for it.
    public let tests: [ColumnTest]
}

/// What has to hold for a column.
public enum ColumnTest: Sendable, Hashable {
    /// No nulls.
    case notNull
    /// No value twice.
    case unique
    /// Only these values, or null.
    case acceptedValues([String])
    /// Every value, unless null, is one of `field` in the table of the model.
    case relationships(to: String, field: String)

    /// dbt's name for it.
    public var name: String {
        switch self {
        case .notNull: "not_null"
        case .unique: "unique"
        case .acceptedValues: "accepted_values"
        case .relationships: "relationships"
        }
    }
}

/// A table that the project reads and does not make.
public struct SourceTable: Sendable {
    /// Its namespace.
    public let schema: String
    /// Its name.
    public let name: String
    /// Its columns and their types in SQL, for when the table does not exist yet.
    public let columns: [(name: String, type: String)]

    /// `bronze.clicks`.
    public var table: String { schema + "." + name }
}
