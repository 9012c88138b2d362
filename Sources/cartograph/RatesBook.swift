import Engine
import EventLog
import Events
import Foundation
import Iceberg
import Lake
import Rates

/// The exchange rates of a shop: those that came with the program, those of files, and those fetched.
struct RatesBook {
    /// What the rates that came with the program are called.
    static let builtInSource = "ECB, shipped with Cartograph"

    /// How the last attempt to fetch went, kept in the data folder so that a command tells it, too.
    struct Attempt: Codable {
        /// The address asked.
        var url: String
        /// When, RFC 3339.
        var at: String
        /// When one last succeeded, RFC 3339.
        var succeededAt: String?
        /// Why this one failed; nil when it did not.
        var failure: String?
    }

    let folder: DataFolder
    let home: Home
    let catalog: any Catalog

    private var attemptFile: String { folder.path + "/rates.json" }

    /// The last day that a file may have rates of: tomorrow, for clocks and zones ahead of ours.
    static func lastDay(now: Int64 = EmbeddedLog.wallClock()) -> Int32 { Int32(clamping: now / 86_400_000_000) + 1 }

    /// An engine for a moment's work with the rates.
    static func connect(objectStore: (@Sendable () throws -> [ObjectStoreAccess])?) throws -> Connection {
        var settings = DuckDB.Settings()
        settings.threads = 1
        settings.memoryLimitBytes = 128 << 20
        settings.objectStore = objectStore
        return try DuckDB(settings).connect()
    }

    /// Puts in the rates that came with the program, where the shop has none yet.
    func addBuiltIn(_ connection: Connection) throws {
        let table = RatesTable(catalog, connection)
        guard try !table.exists() else { return }
        let path = home.path + "/config/ecb-reference-rates.csv"
        let rates = try Self.read(path)
        try table.add(rates, source: Self.builtInSource, now: EmbeddedLog.wallClock())
    }

    /// The rates in a file of the ECB.
    static func read(_ path: String) throws -> [ExchangeRate] {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw CommandError("\(path) cannot be read: give a file such as eurofxref-hist.zip")
        }
        defer { try? file.close() }
        let bytes = try file.read(upToCount: ReferenceRates.bytesMax + 1) ?? Data()
        do {
            return try ReferenceRates(parsing: Array(bytes), lastDay: lastDay()).rates
        } catch let error as RatesError {
            throw CommandError("\(path): \(error)")
        }
    }

    /// Fetches and keeps rates, and writes down how it went.
    /// - Throws: `RatesError` when there were none; what was known stays.
    func fetch(_ source: RatesSource, _ connection: Connection) throws -> RatesTable.Report {
        let now = EmbeddedLog.wallClock()
        var attempt = Attempt(
            url: source.url, at: Timestamp.text(now), succeededAt: lastAttempt?.succeededAt, failure: nil)
        do {
            let rates = try source.fetch(lastDay: Self.lastDay(now: now))
            let report = try RatesTable(catalog, connection).add(rates, source: source.url, now: now)
            attempt.succeededAt = attempt.at
            try write(attempt)
            return report
        } catch {
            attempt.failure = "\(error)"
            try write(attempt)
            throw error
        }
    }

    /// How the last attempt went; nil when there was none.
    var lastAttempt: Attempt? {
        FileManager.default.contents(atPath: attemptFile).flatMap { try? JSONDecoder().decode(Attempt.self, from: $0) }
    }

    private func write(_ attempt: Attempt) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(attempt).write(to: URL(fileURLWithPath: attemptFile), options: .atomic)
    }
}
