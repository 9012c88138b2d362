import Engine
import Iceberg
import Lake

/// One thread's view of the lake in a run: tables at the versions that the run found or made, and the engine's views over them.
final class ModelSession {
    let project: ModelProject
    let versions: TableVersions
    let connection: Connection
    let variables: [String: TemplateValue]
    private var views: [String: String] = [:]
    /// What a table will hold, by its name, while it is planned and not written: a statement, and what names it.
    private var overlays: [String: (sql: String, name: String)] = [:]
    /// The table of the rows that a table will get, by its name.
    private var additions: [String: String] = [:]

    /// Rows that a write over many partitions holds before it writes them out; DuckDB's own 524,288 of our widest rows do
    /// not fit the memory of a run.
    private static let partitionedRowsHeld = 122_880

    init(
        project: ModelProject, versions: TableVersions, connection: Connection, variables: [String: TemplateValue]
    ) throws {
        self.project = project
        self.versions = versions
        self.connection = connection
        self.variables = variables
        try connection.execute("SET partitioned_write_flush_threshold = \(Self.partitionedRowsHeld)")
        for schema in Set(project.models.map(\.schema) + project.sources.map(\.schema)) {
            try connection.execute("CREATE SCHEMA IF NOT EXISTS \(SQL.identifier(schema))")
        }
    }

    var catalog: any Catalog { versions.catalog }

    /// Whether its engine still takes statements; some failures end the engine that they happen in.
    var isUsable: Bool { (try? connection.query("SELECT 1")) != nil }

    /// A table at the version of this run; nil while it does not exist.
    func table(_ name: String) throws -> Table? { try versions.table(name) }

    /// Makes a version that this run committed the one it reads.
    func adopt(_ table: Table, as name: String) { versions.adopt(table, as: name) }

    /// Lets statements read a table.
    func show(_ name: String) throws {
        read.insert(name)
        if let overlay = overlays[name] {
            try show(ModelStatement.relation(name), as: overlay.name, overlay.sql)
        } else if let table = try table(name) {
            try show(
                ModelStatement.relation(name), as: "\(name) at \(InputChanges.id(table.currentSnapshot))",
                LakeTable(table).scanSQL())
        } else if let source = project.sources.first(where: { $0.table == name }) {
            try show(ModelStatement.relation(name), as: name + " as declared", Self.emptySQL(source))
        } else {
            throw ModelError(.run, "the table \(name) does not exist yet: run its model first")
        }
    }

    /// Lets statements read what was added to a table since a snapshot.
    func showNewRows(of name: String, since: String) throws {
        read.insert(name)
        let view = ModelStatement.newRows(name)
        guard let table = try table(name) else {
            guard let source = project.sources.first(where: { $0.table == name }) else { return }
            return try show(view, as: name + " as declared", Self.emptySQL(source))
        }
        let files = try InputChanges(table: table, since: since).newFiles()
        let content = "\(name) from \(since) to \(InputChanges.id(table.currentSnapshot))"
        let sql = try LakeTable(table).scanSQL(of: files)
        guard let addition = additions[name] else { return try show(view, as: content, sql) }
        try show(view, as: content + " and planned", "\(sql) UNION ALL BY NAME SELECT * FROM \(addition)")
    }

    /// Lets statements read a table as it is, whatever is planned for it: by the relation that is given back.
    func showPresent(_ name: String) throws -> String {
        let view = ModelStatement.relation(name + " (present)")
        guard let table = try table(name) else { throw ModelError(.run, "the table \(name) does not exist yet") }
        try show(
            view, as: "\(name) at \(InputChanges.id(table.currentSnapshot))", try LakeTable(table).scanSQL())
        return view
    }

    /// Lets statements that read a table see what is planned for it.
    func overlay(_ name: String, with sql: String, addition: String? = nil) {
        overlays[name] = (sql, "\(name) as planned")
        additions[name] = addition
    }

    private func show(_ view: String, as content: String, _ sql: @autoclosure () throws -> String) throws {
        guard views[view] != content else { return }
        try connection.execute("CREATE OR REPLACE VIEW \(view) AS \(try sql())")
        views[view] = content
    }

    private static func emptySQL(_ source: SourceTable) -> String {
        let columns = source.columns.map { "CAST(NULL AS \($0.type)) AS \(SQL.identifier($0.name))" }
        return "SELECT \(columns.joined(separator: ", ")) WHERE false"
    }

    /// The tables that statements were let read since the model began.
    private var read: Set<String> = []

    /// What was read of them, those of the fewest files first.
    private func scans() throws -> [DamageSearch.Scan] {
        try read.sorted().compactMap { try table($0) }.map { try DamageSearch.Scan(all: LakeTable($0)) }
            .sorted { $0.files.count < $1.files.count }
    }

    /// Runs `body`; an error says which model it was about, and which file where one is damaged.
    func located<Result>(_ model: String, _ body: () throws -> Result) throws -> Result {
        read = []
        do {
            return try DamageSearch.naming(in: try scans(), connection, body)
        } catch let error as EngineError where error.kind == .interrupted {
            throw ModelError(.cancelled, "the run was cancelled in \(model)")
        } catch let error as ModelError {
            throw ModelError(error.kind, "\(model): \(error.description)")
        } catch let error as EngineError where error.kind == .outOfMemory {
            throw ModelError(
                .outOfMemory, "\(model): \(error); without a server `cartograph batch run` has several times the memory"
            )
        } catch let error as EngineError {
            throw ModelError(.run, "\(model): \(error)")
        } catch let error as LakeTableError {
            throw ModelError(.run, "\(model): \(error)")
        } catch let error as IcebergError where error.kind == .conflict {
            throw ModelError(.concurrentRun, "\(model): \(error)")
        }
    }
}
