import Engine
import Iceberg
import Lake

extension ModelSession {
    /// What a run over these models would do, found out by their own statements and without a write: what would be added is
    /// kept in the engine's temporary tables, and what would be replaced is seen through views, so that the days of the models
    /// behind are those that a run would find.
    func plan(_ models: [Model], fullRefresh: Bool, progress: (Model, Int) -> Void) throws -> [PlannedModel] {
        var planned: [String: PlannedModel] = [:]
        var plans: [PlannedModel] = []
        for (index, model) in models.enumerated() {
            progress(model, index)
            let plan = try located(model.name) { try self.plan(model, fullRefresh, planned) }
            planned[model.table] = plan
            plans.append(plan)
        }
        return plans
    }

    private func plan(
        _ model: Model, _ isFullRefresh: Bool, _ planned: [String: PlannedModel]
    ) throws -> PlannedModel {
        func result(
            _ action: PlannedModel.Action, _ reason: String, _ days: TouchedDays, _ rows: Int? = nil
        ) -> PlannedModel {
            PlannedModel(name: model.name, table: model.table, action: action, reason: reason, days: days, rows: rows)
        }
        var statement = ModelStatement(project: project, model: model, variables: variables)
        let before = try table(model.table)?.currentSnapshot
        switch try work(for: statement, try coverage(statement), before, isFullRefresh, planned: planned) {
        case .nothing: return result(.unchanged, "nothing it reads changed", .none)
        case .rebuild(let reason):
            for input in statement.inputs { try show(input) }
            overlay(model.table, with: try statement.sql(isIncremental: false))
            return result(before == nil ? .create : .rebuild, reason, .all)
        case .update(let touched):
            statement.this = try showPresent(model.table)
            let why = try changedInputs(statement, before, planned)
            if model.onlyGrows {
                let (rows, days) = try planAppend(statement, before)
                return result(rows == 0 ? .unchanged : .append, why, days, rows)
            }
            guard let days = try rebuildDays(statement, touched) else {
                overlay(model.table, with: try statement.sql(isIncremental: false))
                return result(.rebuild, "\(why): more than \(Self.touchedDaysMax) days", .all)
            }
            guard !days.isEmpty, let column = model.partitioning.column else {
                return result(.unchanged, "no business day it reads was touched", .none)
            }
            for input in statement.inputs { try show(input) }
            let name = SQL.identifier(column)
            overlay(
                model.table,
                with: """
                    SELECT * FROM \(statement.this ?? "") WHERE \(name) NOT IN (\(ModelStatement.sql(of: days)))
                    UNION ALL BY NAME SELECT * FROM (\(try statement.sql(isIncremental: true, days: days)))
                    """)
            return result(.replaceDays, why, .some(days))
        }
    }

    /// Which inputs changed and on which days, in words.
    private func changedInputs(
        _ statement: ModelStatement, _ before: Snapshot?, _ planned: [String: PlannedModel]
    ) throws -> String {
        let made = before.flatMap { ModelCoverage($0) }
        return try statement.inputs.compactMap { input in
            let change = InputChanges(table: try table(input), since: made?.inputs[input] ?? "")
            let plan = planned[input].flatMap { $0.isChange ? $0 : nil }
            guard !change.isNone || plan != nil else { return nil }
            guard project.source(input) == nil else { return "new snapshots of \(input)" }
            let days = (change.isNone ? .none : change.touchedDays()).union(plan?.days ?? .none)
            return days.isEmpty ? nil : "\(input) changed on \(days.summary)"
        }.joined(separator: "; ")
    }

    private func planAppend(_ statement: ModelStatement, _ before: Snapshot?) throws -> (rows: Int, TouchedDays) {
        let model = statement.model
        let made = before.flatMap { ModelCoverage($0) }
        for input in statement.inputs {
            try show(input)
            try showNewRows(of: input, since: made?.inputs[input] ?? "")
        }
        let addition = SQL.identifier("planned rows of \(model.table)")
        try connection.execute("CREATE TEMP TABLE \(addition) AS \(try statement.sql(isIncremental: true))")
        let rows = Int(try connection.query("SELECT count(*) FROM \(addition)").first?.integer ?? 0)
        overlay(
            model.table, with: "SELECT * FROM \(statement.this ?? "") UNION ALL BY NAME SELECT * FROM \(addition)",
            addition: addition)
        guard rows > 0 else { return (0, .none) }
        guard case .day(let column) = model.partitioning else { return (rows, .all) }
        let days = try connection.query("SELECT DISTINCT CAST(\(SQL.identifier(column)) AS DATE) FROM \(addition)").rows
        return (rows, .some(Set(days.map { $0[0].text })))
    }
}

extension TouchedDays {
    /// `all days`, `2026-03-01`, or `12 days from 2026-03-01 to 2026-03-20`.
    public var summary: String {
        guard case .some(let days) = self else { return "all days" }
        guard let first = days.min(), let last = days.max() else { return "no day" }
        return days.count == 1 ? first : "\(days.count) days from \(first) to \(last)"
    }
}
