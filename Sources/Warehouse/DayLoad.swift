import Engine
import Telemetry

/// Loads business days through one session.
///
/// What the engine does for the next rows and what the server does for the last ones goes on at the same time: the server
/// indexes and checks a fact's day while the next fact's rows are read from the lake, and of the last fact while the next
/// day's members are.
final class DayLoad {
    private let schema: StarSchema
    private let session: PostgresSession
    private let connection: Connection
    private let source: DaySource
    /// The most members of a dimension whose keys are held in memory; of days with more the warehouse looks them up.
    private let keysMax: Int
    /// The staged rows of the next day as they are sent, by stage, where they were read already.
    private var ahead: (day: String, rows: [String: [UInt8]])?

    init(schema: StarSchema, session: PostgresSession, connection: Connection, source: DaySource, keysMax: Int) {
        self.schema = schema
        self.session = session
        self.connection = connection
        self.source = source
        self.keysMax = keysMax
    }

    /// The keys of a day's members, where the engine has them.
    private enum Keys {
        case none, hours, minutes
    }

    /// Makes a business day what the lake says, in one transaction.
    /// - Parameters:
    ///   - next: the day that comes after it, whose members are read meanwhile.
    ///   - sources: the snapshots, to be written down.
    func run(_ day: String, next: String?, sources: String) throws -> LoadReport.Day {
        let began = ContinuousClock.now
        let statements = DayStatements(schema: schema, dialect: .postgres, day: day)
        return try session.transaction {
            for stage in memberStages { try copyMembers(stage, day) }
            for statement in statements.newMembers() { try session.run(statement) }
            try bringVersions(statements)
            let keys = try takeKeys(statements)
            defer { forgetKeys() }
            let rows = try loadFacts(statements, keys)
            // The server is still busy with the last fact.
            ahead = try next.flatMap { try readMembers(of: $0) }
            for dimension in schema.dimensions where dimension.history != nil {
                try session.run(statements.removeEnded(dimension))
            }
            for statement in statements.record(sources: sources, rows: rows) { try session.run(statement) }
            return LoadReport.Day(day: day, rows: rows, seconds: (ContinuousClock.now - began).inSeconds)
        }
    }

    // MARK: - Members

    /// The stages of the dimensions' members.
    private var memberStages: [StarSchema.Stage] {
        let facts = Set(schema.facts.map(\.stage))
        return schema.stages.filter { !facts.contains($0.name) }
    }

    /// Reads a day's members, unless they are too many to hold.
    private func readMembers(of day: String) throws -> (day: String, rows: [String: [UInt8]])? {
        var rows: [String: [UInt8]] = [:]
        var count = 0
        for stage in memberStages {
            var bytes: [UInt8] = []
            _ = try encode(try source.select(stage, day: day), stage.columns) { piece in
                // What is too much is not kept, and read again when its day comes.
                count += piece.count
                if count <= PostgresSession.heldBytesMax { bytes.append(contentsOf: piece) }
            }
            guard count <= PostgresSession.heldBytesMax else { return nil }
            rows[stage.name] = bytes
        }
        return (day, rows)
    }

    private func copyMembers(_ stage: StarSchema.Stage, _ day: String) throws {
        guard let bytes = ahead.flatMap({ $0.day == day ? $0.rows[stage.name] : nil }) else {
            _ = try copy(stage, day)
            return
        }
        _ = try session.copyIn(stage.name, stage.columns.map(\.name)) { send in try bytes.withUnsafeBytes(send) }
    }

    private func bringVersions(_ statements: DayStatements) throws {
        let days = StarSchema.qualified("loaded_days")
        let known = try session.query(
            """
            SELECT coalesce(bool_or(business_day > DATE '\(statements.day)'), false), 
                coalesce(bool_or(business_day = DATE '\(statements.day)'), false) FROM \(days)
            """)
        let (hasLaterDays, isLoaded) = (known.first?[0] == "t", known.first?[1] == "t")
        for dimension in schema.dimensions {
            guard let history = dimension.history else { continue }
            let all =
                hasLaterDays || isLoaded
                ? statements.versions(dimension, history, hasLaterDays: hasLaterDays)
                : statements.versionsOfNewestDay(dimension, history)
            for statement in all { try session.run(statement) }
        }
    }

    // MARK: - Keys

    /// Fetches the keys of the day's members, unless there are too many.
    private func takeKeys(_ statements: DayStatements) throws -> Keys {
        let counts = schema.dimensions.map { "(SELECT count(*) FROM \($0.stage))" }.joined(separator: ", ")
        for count in try session.query("SELECT \(counts)").first ?? [] {
            guard let count = count.flatMap({ Int($0) }), count <= keysMax else { return .none }
        }
        var keys = Keys.hours
        for dimension in schema.dimensions {
            let rows = try session.query(statements.keys(of: dimension))
            let isTime = dimension.natural.type == .instant
            try connection.register(try KeyRows(rows, isTime: isTime), as: KeyRows.name(dimension.name))
            if isTime, try takeMinutes(rows, statements.day) { keys = .minutes }
        }
        return keys
    }

    /// Finds the hour of each minute of the day.
    /// - Returns: whether every minute is in one hour, as it is wherever clocks differ from UTC by whole minutes.
    private func takeMinutes(_ hours: [[String?]], _ day: String) throws -> Bool {
        var keys: [Int64: Int32] = [:]
        for row in hours {
            if let hour = row[0].flatMap({ Int64($0) }), let key = row[1].flatMap({ Int32($0) }) { keys[hour] = key }
        }
        var minutes: [(minute: Int64, key: Int32)] = []
        for row in try connection.query(source.minutes(day: day)).rows {
            guard let minute = row[0].integer, let hour = row[1].integer, hour == row[2].integer, let key = keys[hour]
            else { return false }
            minutes.append((minute, key))
        }
        try connection.register(MinuteRows(minutes), as: MinuteRows.name)
        return true
    }

    private func forgetKeys() {
        for name in schema.dimensions.map({ KeyRows.name($0.name) }) + [MinuteRows.name] {
            // What is not registered is forgotten already.
            try? connection.unregister(name)
        }
    }

    // MARK: - Facts

    /// Makes the facts' day what the lake says; the server may still be busy with the last one.
    /// - Returns: how many rows each of them has.
    private func loadFacts(_ statements: DayStatements, _ keys: Keys) throws -> [String: Int] {
        let day = statements.day
        let counted = try connection.query(try source.counts(schema.facts.map { schema.stage($0.stage) }, day: day))
        let here = try session.query(
            "SELECT " + schema.facts.map { statements.isThere($0) }.joined(separator: ", "))
        var rows: [String: Int] = [:]
        var new: [(fact: StarSchema.Fact, rows: Int)] = []
        for (index, fact) in schema.facts.enumerated() {
            let count = Int(clamping: counted.rows.first?[index].integer ?? 0)
            if here.first?[index] == "t" {
                let stage = schema.stage(fact.stage)
                rows[fact.name] = try copy(stage, day)
                for statement in statements.change(fact) { try session.run(statement) }
            } else if count > 0 {
                new.append((fact, count))
            } else {
                rows[fact.name] = 0
            }
        }
        // The largest comes last: while the server indexes it there is the next day to read.
        new.sort { $0.rows < $1.rows }
        guard keys != .none else {
            for (fact, _) in new {
                rows[fact.name] = try copy(schema.stage(fact.stage), day)
                for statement in statements.fill(fact) { try session.run(statement) }
            }
            return rows
        }
        // A day that has no table yet is copied straight into one, beside the fact: that is its staging. Not frozen, since
        // transactions that began before would see rows of it, and not their members.
        for (fact, _) in new { try session.run(statements.fillingDirectly(fact).make) }
        for (fact, _) in new {
            let select = try source.select(fact, schema, day: day, hasMinutes: keys == .minutes)
            rows[fact.name] = try copy(
                select, into: StarSchema.qualified(StarSchema.leaf(fact.name, day)), fact.columns.map(\.column))
            try session.start(statements.fillingDirectly(fact).attach)
        }
        return rows
    }

    // MARK: - Rows

    /// Copies the day's rows of a stage from the lake.
    private func copy(_ stage: StarSchema.Stage, _ day: String) throws -> Int {
        try copy(try source.select(stage, day: day), into: stage.name, stage.columns)
    }

    private func copy(_ select: String, into table: String, _ columns: [StarSchema.Column]) throws -> Int {
        try session.copyIn(table, columns.map(\.name)) { send in _ = try encode(select, columns, send) }
    }

    /// Gives a statement's rows as the server takes them.
    /// - Returns: how many there are.
    private func encode(
        _ select: String, _ columns: [StarSchema.Column], _ send: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        let types = columns.map(\.type)
        var rows = BinaryRows()
        try connection.streamChunks(select) { try rows.append($0, as: types, send: send) }
        try rows.finish(send: send)
        return rows.rowCount
    }
}
