import Foundation
import Testing
import Warehouse

/// The DDL and the load of each dialect, beside files that people have read. `CARTOGRAPH_GOLDEN=write` writes them anew.
@Suite struct DialectTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Golden"

    private func expect(_ text: String, is name: String) throws {
        if ProcessInfo.processInfo.environment["CARTOGRAPH_GOLDEN"] == "write" {
            try text.write(toFile: "\(Self.folder)/\(name)", atomically: true, encoding: .utf8)
        }
        let golden = try String(contentsOfFile: "\(Self.folder)/\(name)", encoding: .utf8)
        #expect(text == golden, "\(name) is not what the schema says: look at the difference, then write it anew")
    }

    @Test(arguments: Dialect.allCases) func theTables(dialect: Dialect) throws {
        try expect(Script.ddl(dialect), is: "\(dialect.rawValue)-ddl.sql")
    }

    @Test func aDayOfRedshift() throws {
        let text = Script.redshiftDay(
            "2026-03-01", from: "s3://shop/stage/2026-03-01", credentials: "IAM_ROLE default",
            sources: "{\"a\":\"it's\"}")
        try expect(text, is: "redshift-day.sql")
        // What Redshift does not know (Amazon Redshift, Unsupported PostgreSQL features; SQL commands).
        for word in [
            "IS DISTINCT", "ON CONFLICT", "ON COMMIT", "OVERRIDING", "PARTITION BY RANGE", "CREATE INDEX", " text",
        ] {
            #expect(!text.contains(word) && !Script.ddl(.redshift).contains(word), "\(word)")
        }
    }
}
