import Engine

/// Loads business days through one session.
struct DayLoad {
    let schema: StarSchema
    let session: PostgresSession
    let connection: Connection
    let source: DaySource

    /// Makes a business day what the lake says, in one transaction.
    /// - Parameter sources: the snapshots, to be written down.
    func run(_ day: String, sources: String) throws -> LoadReport.Day {
        let began = ContinuousClock.now
        let statements = DayStatements(schema: schema, dialect: .postgres, day: day)
        return try session.transaction {
            var staged: [String: Int] = [:]
            for stage in schema.stages { staged[stage.name] = try copy(stage, day) }
            for statement in statements.newMembers() { try session.run(statement) }
            let loadedDays = StarSchema.qualified("loaded_days")
            let hasLaterDays =
                try session.query("SELECT 1 FROM \(loadedDays) WHERE business_day > DATE '\(day)' LIMIT 1").isEmpty
                == false
            for dimension in schema.dimensions {
                guard let history = dimension.history else { continue }
                for statement in statements.versions(dimension, history, hasLaterDays: hasLaterDays) {
                    try session.run(statement)
                }
            }
            for fact in schema.facts {
                let leaf = StarSchema.qualified(StarSchema.leaf(fact.name, day))
                let isThere = try session.query("SELECT to_regclass('\(leaf)')").first?.first ?? nil != nil
                if !isThere, staged[fact.stage] == 0 { continue }
                for statement in isThere ? statements.change(fact) : statements.fill(fact) {
                    try session.run(statement)
                }
            }
            for dimension in schema.dimensions where dimension.history != nil {
                try session.run(statements.removeEnded(dimension))
            }
            for statement in statements.record(sources: sources) { try session.run(statement) }
            var rows: [String: Int] = [:]
            for fact in schema.facts { rows[fact.name] = staged[fact.stage] ?? 0 }
            return LoadReport.Day(day: day, rows: rows, seconds: (ContinuousClock.now - began).inSeconds)
        }
    }

    /// Copies the day's rows of a stage from the lake.
    private func copy(_ stage: StarSchema.Stage, _ day: String) throws -> Int {
        let select = try source.select(stage, day: day)
        let types = stage.columns.map(\.type)
        return try session.copyIn(stage.name, stage.columns.map(\.name)) { send in
            var rows = BinaryRows()
            try connection.streamChunks(select) { try rows.append($0, as: types, send: send) }
            try rows.finish(send: send)
        }
    }
}
