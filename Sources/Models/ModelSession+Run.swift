import Engine
import Foundation
import Iceberg
import Lake

extension ModelSession {
    /// Most business days that an incremental run names; past it the table is made anew.
    static let touchedDaysMax = 400

    /// What has to be done for a model.
    enum Work {
        case nothing
        case rebuild(String)
        /// The days that changed in the inputs, which the model may widen.
        case update(TouchedDays)
    }

    func bringUpToDate(_ model: Model, _ isFullRefresh: Bool) throws -> ModelReport {
        let start = ContinuousClock.now
        let statement = ModelStatement(project: project, model: model, variables: variables)
        var table = try table(model.table)
        let before = table?.currentSnapshot
        let coverage = try coverage(statement)
        var rows = 0
        var days = TouchedDays.none
        var status = ModelReport.Status.updated
        switch try work(for: statement, coverage, before, isFullRefresh) {
        case .nothing:
            status = .unchanged
        case .rebuild(let reason):
            (rows, days) = (try rebuild(statement, coverage, &table), .all)
            status = .rebuilt(reason)
        case .update(let touched):
            guard var current = table else { preconditionFailure("an update of a table that does not exist") }
            if model.onlyGrows {
                (rows, days) = try append(statement, coverage, &current)
                table = current
            } else if let rebuilt = try rebuildDays(statement, touched) {
                (rows, days) = (try overwrite(statement, coverage, rebuilt, &current), .some(rebuilt))
                table = current
            } else {
                (rows, days) = (try rebuild(statement, coverage, &table), .all)
                status = .rebuilt("more than \(Self.touchedDaysMax) days changed")
            }
        }
        if status != .unchanged, var current = table {
            try TableUpkeep(connection).care(for: &current)
            adopt(current, as: model.table)
            table = current
        }
        return ModelReport(
            name: model.name, table: model.table, status: status, rows: rows, days: days,
            milliseconds: (ContinuousClock.now - start).milliseconds, snapshotID: table?.currentSnapshot?.id)
    }

    /// What the model's table will be made from.
    func coverage(_ statement: ModelStatement) throws -> ModelCoverage {
        var coverage = ModelCoverage(inputs: [:], definition: try statement.definition(), offsets: [:])
        for input in statement.inputs {
            let snapshot = try table(input)?.currentSnapshot
            coverage.inputs[input] = InputChanges.id(snapshot)
            guard let snapshot else { continue }
            if project.sources.contains(where: { $0.table == input }) {
                coverage.offsets[input] = snapshot.summary[SnapshotState.offsets]
            } else if let covered = ModelCoverage(snapshot) {
                coverage.offsets.merge(covered.offsets) { $1 }
            }
        }
        return coverage
    }

    /// What has to be done for a model.
    /// - Parameter planned: what will have happened to inputs before, where that is only planned.
    func work(
        for statement: ModelStatement, _ coverage: ModelCoverage, _ before: Snapshot?, _ isFullRefresh: Bool,
        planned: [String: PlannedModel] = [:]
    ) throws -> Work {
        guard let before else { return .rebuild("it is new") }
        if isFullRefresh, !statement.model.isKeptOnFullRefresh { return .rebuild("asked for") }
        guard let made = ModelCoverage(before) else { return .rebuild("it was written by something else") }
        guard made.definition == coverage.definition else { return .rebuild("its definition changed") }
        var touched = TouchedDays.none
        var changed: [String] = []
        for input in coverage.inputs.keys.sorted() {
            let change = InputChanges(table: try table(input), since: made.inputs[input] ?? "")
            let plan = planned[input].flatMap { $0.isChange ? $0 : nil }
            guard !change.isNone || plan != nil else { continue }
            changed.append(input)
            if statement.model.onlyGrows {
                // Rows that it has may have become others. A source's repeats are left out by the model itself.
                let isModel = project.source(input) == nil
                if change.isRewritten || isModel && !change.isKnown || plan?.isRebuilt == true {
                    return .rebuild("\(input) was made anew")
                }
            }
            if !change.isNone { touched = touched.union(change.touchedDays()) }
            if let plan { touched = touched.union(plan.days) }
        }
        if changed.isEmpty { return .nothing }
        if statement.model.onlyGrows { return .update(touched) }
        if statement.model.materialization == .incremental || touched.isEmpty {
            return touched == .all
                ? .rebuild("\(changed.joined(separator: ", ")) changed on all days") : .update(touched)
        }
        return .rebuild("\(changed.joined(separator: ", ")) changed")
    }

    // MARK: - Ways to bring up to date

    func rebuild(
        _ statement: ModelStatement, _ coverage: ModelCoverage, _ table: inout Table?
    ) throws -> Int {
        for input in statement.inputs { try show(input) }
        let sql = try statement.sql(isIncremental: false)
        var fresh = try target(statement.model, try connection.columns(of: sql), table)
        let result = try TableWriter(connection).write(
            sql, into: &fresh, mode: .replaceAll,
            partitioning: statement.model.strategy == .append ? .probablyOne : .unknown,
            summary: try coverage.summary(days: .all), validate: Self.unchanged(since: fresh.currentSnapshot))
        table = fresh
        return result.rowCount
    }

    private func append(
        _ statement: ModelStatement, _ coverage: ModelCoverage, _ table: inout Table
    ) throws -> (Int, TouchedDays) {
        let made = table.currentSnapshot.flatMap { ModelCoverage($0) }
        try show(statement.model.table)
        for input in statement.inputs {
            try show(input)
            try showNewRows(of: input, since: made?.inputs[input] ?? "")
        }
        let writer = TableWriter(connection)
        let sql = try statement.sql(isIncremental: true)
        let files = try writer.writeFiles(sql, for: table, partitioning: .probablyOne)
        var days = TouchedDays.none
        if case .day = statement.model.partitioning {
            days = .some(Set(files.compactMap { Self.day($0.partition) }))
        } else if !files.isEmpty {
            days = .all
        }
        try table.append(
            files, summary: try coverage.summary(days: days), validate: Self.unchanged(since: table.currentSnapshot))
        return (files.reduce(0) { $0 + Int($1.recordCount) }, days)
    }

    /// The days to rebuild; nil when there are too many.
    func rebuildDays(_ statement: ModelStatement, _ touched: TouchedDays) throws -> Set<String>? {
        guard case .some(let days) = touched, days.count <= Self.touchedDaysMax else { return nil }
        guard !days.isEmpty, let sql = try statement.rebuildDaysSQL(days) else { return days }
        for input in statement.inputs { try show(input) }
        try show(statement.model.table)
        let found = try connection.query("SELECT DISTINCT CAST(business_day AS DATE) FROM (\(sql))").rows
        guard found.count <= Self.touchedDaysMax else { return nil }
        return days.union(found.map { $0[0].text })
    }

    func overwrite(
        _ statement: ModelStatement, _ coverage: ModelCoverage, _ days: Set<String>, _ table: inout Table,
        _ more: [String: String] = [:]
    ) throws -> Int {
        let summary = try coverage.summary(days: .some(days)).merging(more) { $1 }
        let validate = Self.unchanged(since: table.currentSnapshot)
        if days.isEmpty {
            try table.append([], summary: summary, validate: validate)
            return 0
        }
        for input in statement.inputs { try show(input) }
        try show(statement.model.table)
        var sql = try statement.sql(isIncremental: true, days: days)
        if case .month(let column) = statement.model.partitioning {
            // The other days of the months stay as they are.
            let (name, dates) = (SQL.identifier(column), ModelStatement.sql(of: days))
            sql = """
                SELECT * FROM (\(sql)) UNION ALL BY NAME SELECT * FROM \(ModelStatement.relation(statement.model.table))
                WHERE \(name) NOT IN (\(dates))
                    AND date_trunc('month', \(name)) IN (SELECT date_trunc('month', unnest([\(dates)])))
                """
        }
        let files = try TableWriter(connection).writeFiles(sql, for: table)
        let partitions = try Self.partitions(of: days, table)
        for file in files where !partitions.contains(file.partitionKey) {
            throw ModelError(.run, "it made rows of a day that is not among those to rebuild (\(file.location))")
        }
        try table.overwrite(
            deletingPartitions: Array(partitions), adding: files, summary: summary, validate: validate)
        return files.reduce(0) { $0 + Int($1.recordCount) }
    }

    private static func partitions(of days: Set<String>, _ table: Table) throws -> Set<PartitionKey> {
        guard let transform = table.spec.fields.first?.transform else { return [] }
        return try Set(
            days.compactMap { IcebergValue(date: $0) }
                .map { PartitionKey([try transform.apply($0)], specID: table.spec.specID) })
    }

    private static func day(_ partition: [IcebergValue]) -> String? {
        guard case .date(let days)? = partition.first else { return nil }
        return Value.date(days: days).text
    }

    /// Refuses a commit on top of another run's.
    private static func unchanged(since before: Snapshot?) -> (Snapshot?) throws -> Void {
        { current in
            guard current?.id == before?.id else {
                throw ModelError(.concurrentRun, "another run changed its table meanwhile; run again")
            }
        }
    }

    /// The table to write to: the one there is, or a new one when there is none or its columns are others.
    private func target(_ model: Model, _ columns: [Column], _ existing: Table?) throws -> Table {
        let docs = Dictionary(model.columns.map { ($0.name, $0.description) }) { first, _ in first }
        let schema = Schema(
            assigningIDs: columns.map { column in
                ColumnDefinition(
                    column.name, column.type.iceberg,
                    doc: docs[column.name].flatMap { $0.isEmpty ? nil : $0 })
            })
        let spec: PartitionSpec =
            switch model.partitioning {
            case .none: .unpartitioned
            case .day(let column): try PartitionSpec(of: schema, by: [(column, .identity)])
            case .month(let column): try PartitionSpec(of: schema, by: [(column, .month)])
            }
        let identifier = TableIdentifier(model.schema, model.name)
        if let existing {
            let (had, wanted) = (existing.schema.fields, schema.fields)
            let isSame =
                had.count == wanted.count
                && zip(had, wanted).allSatisfy { $0.id == $1.id && $0.name == $1.name && $0.type == $1.type }
            if isSame, existing.spec.fields == spec.fields { return existing }
            try catalog.dropTable(identifier)
        }
        try catalog.createNamespace(model.schema, ifMissing: true)
        var properties = TableUpkeep.properties
        if !model.description.isEmpty { properties["comment"] = model.description }
        return try catalog.createTable(identifier, schema: schema, spec: spec, properties: properties)
    }
}

extension IcebergValue {
    /// The date written as `2026-03-01`.
    fileprivate init?(date text: String) {
        guard let days = LakeDate.days(text) else { return nil }
        self = .date(days)
    }
}
