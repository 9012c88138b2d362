import Engine
import Telemetry

/// Loads business days through one session.
struct DayLoad {
    let schema: StarSchema
    let session: PostgresSession
    let connection: Connection
    let source: DaySource
    /// The most members of a dimension whose keys are held in memory; of days with more the warehouse looks them up.
    let keysMax: Int

    /// Makes a business day what the lake says, in one transaction.
    /// - Parameter sources: the snapshots, to be written down.
    func run(_ day: String, sources: String) throws -> LoadReport.Day {
        let began = ContinuousClock.now
        let statements = DayStatements(schema: schema, dialect: .postgres, day: day)
        return try session.transaction {
            let facts = Set(schema.facts.map(\.stage))
            for stage in schema.stages where !facts.contains(stage.name) { _ = try copy(stage, day) }
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
            let hasKeys = try takeKeys(statements)
            defer { for dimension in schema.dimensions { try? connection.unregister(KeyRows.name(dimension.name)) } }
            var rows: [String: Int] = [:]
            for fact in schema.facts { rows[fact.name] = try load(fact, statements, hasKeys: hasKeys) }
            for dimension in schema.dimensions where dimension.history != nil {
                try session.run(statements.removeEnded(dimension))
            }
            for statement in statements.record(sources: sources) { try session.run(statement) }
            return LoadReport.Day(day: day, rows: rows, seconds: (ContinuousClock.now - began).inSeconds)
        }
    }

    /// Makes a fact's day what the lake says.
    /// - Returns: how many rows were sent.
    private func load(_ fact: StarSchema.Fact, _ statements: DayStatements, hasKeys: Bool) throws -> Int {
        let day = statements.day
        let leaf = StarSchema.qualified(StarSchema.leaf(fact.name, day))
        let stage = schema.stage(fact.stage)
        if try session.query("SELECT to_regclass('\(leaf)')").first?.first ?? nil != nil {
            let rows = try copy(stage, day)
            for statement in statements.change(fact) { try session.run(statement) }
            return rows
        }
        guard hasKeys else {
            let rows = try copy(stage, day)
            if rows > 0 { for statement in statements.fill(fact) { try session.run(statement) } }
            return rows
        }
        // A day that has no table yet is copied straight into one, beside the fact: that is its staging.
        guard try connection.query(try source.count(stage, day: day)).first?.integer ?? 0 > 0 else { return 0 }
        let (make, attach) = statements.fillingDirectly(fact)
        try session.run(make)
        let rows = try copy(
            try source.select(fact, schema, day: day), into: leaf, fact.columns.map(\.column))
        try session.run(attach)
        return rows
    }

    /// Fetches the keys of the day's members, unless there are too many.
    private func takeKeys(_ statements: DayStatements) throws -> Bool {
        for dimension in schema.dimensions {
            let count = try session.query("SELECT count(*) FROM \(dimension.stage)").first?.first?.flatMap { Int($0) }
            guard let count, count <= keysMax else { return false }
        }
        for dimension in schema.dimensions {
            let rows = try session.query(statements.keys(of: dimension))
            try connection.register(
                try KeyRows(rows, isTime: dimension.natural.type == .instant), as: KeyRows.name(dimension.name))
        }
        return true
    }

    /// Copies the day's rows of a stage from the lake.
    private func copy(_ stage: StarSchema.Stage, _ day: String) throws -> Int {
        try copy(try source.select(stage, day: day), into: stage.name, stage.columns)
    }

    private func copy(_ select: String, into table: String, _ columns: [StarSchema.Column]) throws -> Int {
        let types = columns.map(\.type)
        return try session.copyIn(table, columns.map(\.name)) { send in
            var rows = BinaryRows()
            try connection.streamChunks(select) { try rows.append($0, as: types, send: send) }
            try rows.finish(send: send)
        }
    }
}
