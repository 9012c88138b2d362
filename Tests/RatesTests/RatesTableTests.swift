import Engine
import Foundation
import Iceberg
import Lake
import Rates
import Storage
import TestServers
import Testing

@Suite struct RatesTableTests {
    private let folder = NSTemporaryDirectory() + "rates-" + UUID().uuidString
    // 2026-03-12, a Thursday.
    private static let now: Int64 = 1_773_273_600_000_000

    private func open() throws -> (SQLiteCatalog, RatesTable, Connection) {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let catalog = try SQLiteCatalog(path: folder + "/catalog.sqlite", warehouse: folder)
        let connection = try DuckDB().connect()
        return (catalog, RatesTable(catalog, connection), connection)
    }

    private func rates(_ text: String) throws -> [ExchangeRate] {
        try ReferenceRates(parsing: Array(text.utf8), lastDay: ReferenceRatesTests.lastDay).rates
    }

    private func days(_ catalog: SQLiteCatalog) throws -> String? {
        try catalog.loadTable(RatesTable.identifier).currentSnapshot?.summary[SnapshotState.days]
    }

    @Test func onlyNewsIsKeptAndCorrectionsComeOnTop() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (catalog, table, connection) = try open()
        let first = try rates("Date,USD,GBP\n2026-03-06,1.1,0.8\n2026-03-09,1.2,N/A\n")
        #expect(try table.add(first, source: "a", now: Self.now) == .init(added: 3, corrected: 0, known: 0))
        let snapshot = try catalog.loadTable(RatesTable.identifier).currentSnapshot?.id
        #expect(try table.add(first, source: "b", now: Self.now + 5) == .init(added: 0, corrected: 0, known: 3))
        #expect(try catalog.loadTable(RatesTable.identifier).currentSnapshot?.id == snapshot, "no commit without news")

        // The clock stands still, and still the correction is the later one.
        let second = try rates("Date,USD,GBP\n2026-03-06,1.1,0.85\n2026-03-10,1.3,0.9\n")
        #expect(try table.add(second, source: "c", now: Self.now) == .init(added: 2, corrected: 1, known: 1))
        let scan = try LakeTable(catalog.loadTable(RatesTable.identifier)).scanSQL()
        #expect(try connection.query("SELECT count(*) FROM (\(scan))").rows[0][0].integer == 6)
        #expect(try connection.query("SELECT count(DISTINCT fetched_at) FROM (\(scan))").rows[0][0].integer == 2)
        #expect(
            try table.latest().map { "\($0.currency) \($0.rate) \($0.date) \($0.source)" }
                == ["GBP 0.900000 2026-03-10 c", "USD 1.300000 2026-03-10 c"])
        let third = try rates("Date,GBP\n2026-03-06,0.85\n")
        #expect(try table.add(third, source: "d", now: Self.now) == .init(added: 0, corrected: 0, known: 1))
    }

    @Test func aCommitNamesTheDaysThatUsedAnotherRate() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (catalog, table, _) = try open()
        try table.add(try rates("Date,USD\n2026-03-06,1.1\n2026-03-09,1.2\n"), source: "a", now: Self.now)
        // Events may be of two days after today.
        #expect(
            try days(catalog)
                == "2026-03-06,2026-03-07,2026-03-08,2026-03-09,2026-03-10,2026-03-11,2026-03-12,2026-03-13,2026-03-14")
        // Friday's rate held over the weekend.
        try table.add(try rates("Date,USD\n2026-03-06,1.15\n"), source: "b", now: Self.now)
        #expect(try days(catalog) == "2026-03-06,2026-03-07,2026-03-08")
        // A currency by itself: the dollar's rates are no end of the pound's.
        try table.add(try rates("Date,GBP\n2026-03-11,0.8\n"), source: "b", now: Self.now)
        #expect(try days(catalog) == "2026-03-11,2026-03-12,2026-03-13,2026-03-14")
        // A history is on more days than are named.
        try table.add(try rates("Date,GBP\n2024-01-02,0.8\n"), source: "b", now: Self.now)
        #expect(try days(catalog) == nil)
    }

    // MARK: - Fetching

    @Test func ratesAreFetchedOverHTTP() throws {
        let endpoint = try LoopbackEndpoint { _ in .status(200, body: "Date,USD\n2026-03-06,1.1\n") }
        defer { endpoint.stop() }
        let source = try RatesSource(url: endpoint.url + "/eurofxref.csv")
        #expect(try source.fetch(lastDay: ReferenceRatesTests.lastDay).map(\.text) == ["1.100000"])
        #expect(endpoint.requests.first?.line.hasPrefix("GET /eurofxref.csv ") == true)
    }

    @Test func whyThereAreNoRatesIsSaid() throws {
        func reason(_ answer: LoopbackEndpoint.Answer) throws -> String {
            let endpoint = try LoopbackEndpoint { _ in answer }
            defer { endpoint.stop() }
            let source = try RatesSource(url: endpoint.url + "/r")
            let error = #expect(throws: RatesError.self) { try source.fetch(lastDay: ReferenceRatesTests.lastDay) }
            return error?.description ?? ""
        }
        #expect(try reason(.status(503)).contains("answered 503"))
        #expect(
            try reason(.status(301, headers: ["Location": "https://else.where/"])).contains("set rates_url to that"))
        #expect(try reason(.status(200, body: "<html>maintenance</html>")).contains("cannot be used"))
        #expect(try reason(.close).contains("closed"))
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nDate,USD\n2026-03-06,1.1\n"
        #expect(try !reason(.raw(cut)).isEmpty, "half a file is none")
        let endless = "HTTP/1.1 200 OK\r\nContent-Length: \(ReferenceRates.bytesMax + 1)\r\n\r\n"
        let flood = endless + String(repeating: "a", count: ReferenceRates.bytesMax + 1)
        #expect(try reason(.raw(flood)).contains("more than the"))
        for url in ["ftp://x/", "file:///etc/passwd", "https://", "https:///x", "http://a b/", "eurofxref.csv"] {
            #expect(RatesSource.fault(url) != nil, "\(url)")
        }
    }
}
