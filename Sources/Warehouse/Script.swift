public import Engine
import Iceberg

/// The star schema and its load as texts, for servers that are reached in other ways: Amazon Redshift above all.
public enum Script {
    /// The statements that make the tables in an empty database.
    public static func ddl(_ dialect: Dialect) -> String {
        var statements: [String]
        switch dialect {
        case .postgres:
            statements = [StarSchema.Role.owner, StarSchema.Role.loader, StarSchema.Role.reader].map {
                "CREATE ROLE \($0) NOLOGIN"
            }
            statements += [
                "GRANT \(StarSchema.Role.owner) TO CURRENT_USER",
                "CREATE SCHEMA \(StarSchema.name) AUTHORIZATION \(StarSchema.Role.owner)",
                "SET LOCAL ROLE \(StarSchema.Role.owner)",
            ]
        case .redshift:
            statements = [
                "CREATE ROLE \(StarSchema.Role.loader)", "CREATE ROLE \(StarSchema.Role.reader)",
                "CREATE SCHEMA \(StarSchema.name)",
            ]
        }
        return text(["BEGIN"] + statements + StarSchema.shop.ddl(dialect) + ["COMMIT"])
    }

    /// The load of a business day as Redshift runs it: from Parquet files, one transaction.
    /// - Parameters:
    ///   - day: `2026-03-01`.
    ///   - location: where ``write(_:day:to:_:)`` put the files, `s3://bucket/prefix`.
    ///   - credentials: what Redshift reads them with, such as `IAM_ROLE 'arn:…'`.
    ///   - sources: the snapshots that they are of, JSON.
    public static func redshiftDay(_ day: String, from location: String, credentials: String, sources: String) -> String
    {
        let schema = StarSchema.shop
        let statements = DayStatements(schema: schema, dialect: .redshift, day: day)
        var all = DayStatements.temporaryTables(schema, .redshift) + ["BEGIN"]
        for stage in schema.stages {
            all.append(
                "COPY \(stage.name) (\(stage.columns.map(\.name).joined(separator: ", ")))\n"
                    + "FROM \(SQL.literal("\(location)/\(stage.name).parquet"))\n\(credentials) FORMAT AS PARQUET")
        }
        all += statements.newMembers()
        for dimension in schema.dimensions {
            guard let history = dimension.history else { continue }
            // Whether there are later days is not known here; where there are none, nothing moves.
            all += statements.versions(dimension, history, hasLaterDays: true)
        }
        for fact in schema.facts { all += statements.change(fact) }
        for dimension in schema.dimensions where dimension.history != nil {
            all.append(statements.removeEnded(dimension))
        }
        all += statements.record(sources: sources) + ["COMMIT"]
        return text(all)
    }

    private static func text(_ statements: [String]) -> String { statements.map { $0 + ";\n" }.joined() }
}

extension Warehouse {
    /// Writes a business day's rows as Parquet files that a warehouse elsewhere loads.
    /// - Parameter folder: a folder, or `s3://bucket/prefix` in an object store that the connection reaches.
    /// - Returns: the snapshots that they are of, as ``Script/redshiftDay(_:from:credentials:sources:)`` takes them.
    public func write(day: String, to folder: String, _ connection: Connection) throws -> String {
        let (source, sources) = try source()
        for stage in StarSchema.shop.stages {
            try connection.execute(
                "COPY (\(try source.select(stage, day: day))) TO \(SQL.literal("\(folder)/\(stage.name).parquet")) "
                    + "(FORMAT parquet)")
        }
        return sources
    }
}
