/// One model of the project: a SELECT, or a seed's file, that becomes a table.
public struct Model: Sendable {
    /// How a model's table is kept up.
    public enum Materialization: String, Sendable {
        /// Replaced whole when an input changed.
        case table
        /// Brought up to date with what changed in its inputs, as `Strategy` says.
        case incremental
        /// No table: put in where it is referred to.
        case ephemeral
        /// A file of values in the project, loaded again when it changed.
        case seed
    }

    /// How an incremental model's table takes what a run made.
    public enum Strategy: String, Sendable {
        /// New rows are added; the model leaves out what it has.
        case append
        /// The rebuilt business days replace what the table had of them; `delete+insert` is another word for it.
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
    public let description: String
    /// How its table is kept up.
    public let materialization: Materialization
    /// How an incremental model's table takes what a run made.
    public let strategy: Strategy
    /// How its table is partitioned.
    public let partitioning: Partitioning
    /// The ephemeral model that widens the touched business days to those to rebuild; nil when they are the same.
    public let rebuildDays: String?
    /// The models and seeds it reads, ephemeral ones included.
    public let references: [String]
    /// The sources it reads, as `bronze.clicks`.
    public let sources: [String]
    /// The columns that schema.yml describes.
    public let columns: [ModelColumn]
    /// Its tags.
    public let tags: [String]
    /// Its file, as the project's folder sees it: `models/marts/daily_sales.sql`.
    public let file: String
    /// The columns that no two rows have in common, as `meta: {grain: […]}` says; empty when it does not.
    public let grain: [String]
    /// Whether the types that schema.yml gives its columns have to hold (`contract: {enforced: true}`).
    public let hasContract: Bool
    /// Whether `--full-refresh` leaves it alone (`full_refresh: false`).
    public let isKeptOnFullRefresh: Bool

    /// Whether rows are only ever added to its table.
    public var onlyGrows: Bool { materialization == .incremental && strategy == .append }
    /// `silver.clicks`.
    public var table: String { schema + "." + name }
    /// The models it needs to be brought up to date.
    var upstream: [String] { references + (rebuildDays.map { [$0] } ?? []) }

    let template: Template
    /// Changes with what stands in no template: a seed's bytes.
    let fingerprint: String
}

/// A column as schema.yml describes it.
public struct ModelColumn: Sendable {
    /// Its name.
    public let name: String
    /// What it says.
    public let description: String
    /// Its type in SQL, where that is said.
    public let type: String?
}

/// A table that the project reads and does not make.
public struct SourceTable: Sendable {
    /// Its namespace.
    public let schema: String
    /// Its name.
    public let name: String
    /// What it says.
    public let description: String
    /// Its columns and their types in SQL, for when the table does not exist yet.
    public let columns: [(name: String, type: String)]
    /// How old its newest row may be; nil when nobody minds.
    public let freshness: SourceFreshness?
    /// Its tags.
    public let tags: [String]
    /// Where it is declared, `models/sources.yml:12`.
    public let place: String

    /// `bronze.clicks`.
    public var table: String { schema + "." + name }
}

/// How old the newest row of a source may be.
public struct SourceFreshness: Sendable {
    /// The column that says when a row came, or an expression.
    public let loadedAt: String
    /// Older than this, seconds, is a warning.
    public let warnAfterSeconds: Int?
    /// Older than this, seconds, is an error.
    public let errorAfterSeconds: Int?
    /// A condition for the rows that are looked at.
    public let filter: String?
}

/// Somebody outside who reads the project's tables: a dashboard, a report, an application.
public struct Exposure: Sendable {
    /// Its name.
    public let name: String
    /// dashboard, notebook, analysis, ml or application.
    public let kind: String
    /// What it says.
    public let description: String
    /// Who answers for it.
    public let owner: String
    /// Where it is; empty when it does not say.
    public let url: String
    /// The models it reads.
    public let references: [String]
    /// The sources it reads, as `bronze.clicks`.
    public let sources: [String]
    /// The columns it needs, by model (`meta: {columns: {daily_sales: [revenue]}}`).
    public let columns: [String: [String]]
    /// Its tags.
    public let tags: [String]
    /// Where it is declared, `models/exposures.yml:4`.
    public let place: String
}
