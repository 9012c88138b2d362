extension Model {
    /// A model of a file of SQL.
    init(
        _ reading: ModelReading, _ template: Template, _ file: ModelProject.File, _ settings: ModelSettings,
        _ entry: ProjectProperties.Entry?
    ) throws {
        let text = settings.text("materialized") ?? "table"
        guard let materialization = Materialization(rawValue: text), materialization != .seed else {
            throw settings.failure("materialized must be table, incremental or ephemeral, and is \(text)")
        }
        let word = settings.text("incremental_strategy") ?? "append"
        guard let strategy = Strategy(rawValue: word == "delete+insert" ? "insert_overwrite" : word) else {
            throw settings.failure("incremental_strategy must be append, insert_overwrite or delete+insert")
        }
        try self.init(
            file, settings, entry, template, materialization, strategy, reading.references, reading.sources,
            fingerprint: "")
    }

    /// A seed's table.
    init(seed file: ModelProject.File, _ settings: ModelSettings, _ entry: ProjectProperties.Entry?) throws {
        let seed = try Seed(
            path: file.path, name: file.name, types: settings.mapping("column_types").mapValues(\.text),
            delimiter: settings.text("delimiter") ?? ",")
        try self.init(
            file, settings, entry, Template(text: seed.sql, file: file.name), .seed, .append, [], [],
            fingerprint: seed.fingerprint)
    }

    private init(
        _ file: ModelProject.File, _ settings: ModelSettings, _ entry: ProjectProperties.Entry?, _ template: Template,
        _ materialization: Materialization, _ strategy: Strategy, _ references: [String], _ sources: [String],
        fingerprint: String
    ) throws {
        guard !file.stem.isEmpty, file.stem.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) else {
            throw settings.failure("a model's name may have letters, digits and _")
        }
        guard let schema = settings.text("schema") else {
            throw settings.failure("it has no schema: set +schema in dbt_project.yml")
        }
        name = file.stem
        self.schema = schema
        description = entry?.description ?? ""
        self.materialization = materialization
        self.strategy = strategy
        partitioning = Partitioning(settings.text("partition_by"))
        if materialization == .incremental, strategy == .insertOverwrite, partitioning == .none {
            throw settings.failure("insert_overwrite needs partition_by")
        }
        let meta = settings.mapping("meta")
        rebuildDays = meta["rebuild_days"]?.string
        grain = meta["grain"]?.texts.map(\.text) ?? []
        self.references = references
        self.sources = sources
        columns = entry?.columns ?? []
        tags = settings.texts("tags")
        self.file = file.name
        if case .bool(true)? = settings.mapping("contract")["enforced"] {
            hasContract = true
        } else {
            hasContract = false
        }
        isKeptOnFullRefresh = settings.flag("full_refresh") == false
        self.template = template
        self.fingerprint = fingerprint
        for column in columns where hasContract && column.type == nil {
            throw settings.failure("its contract is enforced, and its column \(column.name) has no data_type")
        }
    }
}

extension Template {
    /// Text without anything to fill in.
    init(text: String, file: String) {
        nodes = [.text(text)]
        macros = []
        self.file = file
    }
}

extension Model.Partitioning {
    /// `column` or `month(column)`.
    fileprivate init(_ text: String?) {
        guard let text, !text.isEmpty else {
            self = .none
            return
        }
        if text.hasPrefix("month("), text.hasSuffix(")") {
            self = .month(of: String(text.dropFirst(6).dropLast()))
        } else {
            self = .day(of: text)
        }
    }

    var column: String? {
        switch self {
        case .none: nil
        case .day(let column), .month(let column): column
        }
    }
}
