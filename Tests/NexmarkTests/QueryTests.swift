import Engine
import Foundation
import Nexmark
import Streaming
import Testing

/// Every query gives what DuckDB gives for the query's SQL over the same events.
@Suite struct QueryTests {
    /// Sixty seconds of the auction house: six windows of ten.
    static let events = 60_000
    static let eventRate = 1_000.0

    @Test("In order")
    func inOrder() throws {
        try check(EventCase(seed: 1))
    }

    @Test("Out of order by up to the watermark's delay", arguments: [UInt64(2), 3])
    func outOfOrder(_ seed: UInt64) throws {
        try check(EventCase(seed: seed, disorder: QueryRun.outOfOrder))
    }

    @Test("Thrown away and restored from snapshots on the way")
    func snapshots() throws {
        var chance = Chances(seed: 11)
        let stops = (0..<7).map { _ in Int(chance.next() % UInt64(QueryTests.events)) }
        try check(EventCase(seed: 4, disorder: QueryRun.outOfOrder), stops: stops)
    }

    @Test("Thrown away and restored on another number of shards, out of order")
    func shards() throws {
        let queries = QueryName.allCases.filter(\.hasOneKey)
        #expect(queries.count == 11)
        try check(
            EventCase(seed: 7, disorder: QueryRun.outOfOrder), stops: [9_000, 21_345, 30_001, 47_000],
            shards: [1, 4, 3, 1, 2], queries)
    }

    @Test("With bids that come twice, out of order: as SQL counts them")
    func repeats() throws {
        try check(EventCase(seed: 8, disorder: QueryRun.outOfOrder, repeats: 10))
    }

    @Test("A file of events gives the events back, and one that is damaged says where")
    func file() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("events.csv").path
        let batch = EventCase(seed: 6).batch()
        var writer = try EventFile.Writer(path)
        try writer.write(batch)
        try writer.close()

        var reader = try EventFile.Reader(path)
        var part = EventBatch(capacity: 999)
        var count = 0
        while try reader.fill(&part) {
            for index in 0..<part.count {
                let isSame =
                    switch (batch.entries[count].event, part.entries[index].event) {
                    case (.person(let a), .person(let b)): texts(a) == texts(b) && a.id == b.id
                    case (.auction(let a), .auction(let b)):
                        texts(a) == texts(b) && a.id == b.id && a.expires == b.expires && a.category == b.category
                            && a.initialBid == b.initialBid && a.reserve == b.reserve && a.seller == b.seller
                    case (.bid(let a), .bid(let b)):
                        texts(a) == texts(b) && a.auction == b.auction && a.bidder == b.bidder && a.price == b.price
                    default: false
                    }
                if !isSame || batch.entries[count].time != part.entries[index].time { Issue.record("event \(count)") }
                count += 1
            }
        }
        #expect(count == batch.count)

        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").prefix(100)
        for damage in ["", "2,1", "x", "2,,1,2,3,,,,a,b,,,,c", "2,1,2,3,99999999999999999999,,,,a,b,,,,c", "3,1,2"] {
            let text = (lines + [Substring(damage)]).joined(separator: "\n") + "\n"
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            #expect {
                var reader = try EventFile.Reader(path)
                var part = EventBatch(capacity: 1_000)
                while try reader.fill(&part) {}
            } throws: { error in
                "\(error)".contains("line 101")
            }
        }
    }

    private func texts(_ row: some Row) -> [String] {
        var row = row
        var texts: [String] = []
        row.forEachText { texts.append($0.string) }
        return texts
    }

    @Test("The same configuration makes the same events, in the proportions of the benchmark")
    func generator() throws {
        let one = EventCase(seed: 5).batch()
        let other = EventCase(seed: 5).batch()
        var kinds = [0, 0, 0]
        for index in 0..<one.count {
            switch (one.entries[index].event, other.entries[index].event) {
            case (.person(let a), .person(let b)):
                kinds[0] += 1
                #expect(a.id == b.id && a.name.string == b.name.string && a.extra.string == b.extra.string)
            case (.auction(let a), .auction(let b)):
                kinds[1] += 1
                #expect(a.id == b.id && a.seller == b.seller && a.extra.string == b.extra.string)
            case (.bid(let a), .bid(let b)):
                kinds[2] += 1
                if a.price != b.price || a.url.string != b.url.string { Issue.record("bid \(index) differs") }
            default: Issue.record("event \(index) is of another kind")
            }
        }
        #expect(kinds == [QueryTests.events / 50, QueryTests.events * 3 / 50, QueryTests.events * 46 / 50])
    }

    private func check(
        _ events: EventCase, stops: [Int] = [], shards: [Int] = [1], _ queries: [QueryName] = QueryName.allCases
    ) throws {
        let batch = events.batch()
        let table = try EventTable(batch)
        for name in queries {
            let ours = try QueryRun.lines(of: name, batch, step: 500, stops: stops, shards: shards)
            let theirs = try table.lines(QuerySQL.text(name))
            #expect(!theirs.isEmpty, "\(name)")
            #expect(ours.count == theirs.count, "\(name)")
            if ours != theirs {
                let missing = Set(theirs).subtracting(ours).sorted().prefix(3)
                let wrong = Set(ours).subtracting(theirs).sorted().prefix(3)
                Issue.record("\(name): SQL has \(Array(missing)), the stream has \(Array(wrong))")
            }
        }
    }
}

/// Events to check queries over.
struct EventCase {
    var seed: UInt64
    /// How much earlier than an event before it one may be, in milliseconds.
    var disorder: Int64 = 0
    /// Of so many bids one comes a second time, at another place within the disorder. People and auctions do not:
    /// tables hold one version of each, where SQL joins would give each row for each version.
    var repeats: UInt64 = .max

    func batch() -> EventBatch {
        var configuration = NexmarkConfiguration()
        configuration.seed = seed
        configuration.firstEventRate = QueryTests.eventRate
        var generator = NexmarkGenerator(configuration)
        var batch = EventBatch(capacity: QueryTests.events + QueryTests.events / 5)
        generator.fill(&batch, limit: QueryTests.events)
        guard disorder > 0 else { return batch }
        var chance = Chances(seed: seed)
        for index in 0..<batch.count {
            let entry = batch.entries[index]
            guard case .bid = entry.event, chance.next() % repeats == 0 else { continue }
            batch.append(entry.event, time: entry.time, arrival: entry.arrival)
        }
        let arrivals = (0..<batch.count).map { batch.entries[$0].arrival }.sorted()
        let shuffled = (0..<batch.count)
            .map { (batch.entries[$0].time + Int64(chance.next() % UInt64(disorder)), batch.entries[$0]) }
            .sorted { $0.0 < $1.0 }
        for (index, entry) in shuffled.enumerated() {
            batch.entries[index] = entry.1
            batch.entries[index].arrival = arrivals[index]
        }
        return batch
    }
}

/// Events as DuckDB's table.
struct EventTable {
    private let connection: Connection

    init(_ batch: borrowing EventBatch) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let events = folder.appendingPathComponent("events.csv").path
        var writer = try EventFile.Writer(events)
        try writer.write(batch)
        try writer.close()
        let arrivals = folder.appendingPathComponent("arrivals.csv").path
        let lines = (0..<batch.count).map { "\($0),\(batch.entries[$0].arrival)\n" }
        try lines.joined().write(toFile: arrivals, atomically: false, encoding: .utf8)

        connection = try DuckDB(DuckDB.Settings(threads: 1, memoryLimitBytes: 512 << 20)).connect()
        // Numbers are absent where a kind of event has none.
        let fields = EventFile.columns.enumerated().map { index, name in
            (8..<14).contains(index) ? "e.\(name)" : "nullif(e.\(name), '')::BIGINT AS \(name)"
        }
        let types = EventFile.columns.map { "'\($0)': 'VARCHAR'" }.joined(separator: ", ")
        let options = "header = false, quote = '', nullstr = ['\\N'], auto_detect = false, delim = ','"
        try connection.execute(
            """
            CREATE TABLE events AS
            SELECT \(fields.joined(separator: ", ")), a.*
            FROM read_csv('\(events)', \(options), columns = {\(types)}) e
            POSITIONAL JOIN read_csv('\(arrivals)', header = false, auto_detect = false, delim = ',',
                columns = {'seq': 'BIGINT', 'arrival': 'BIGINT'}) a
            """)
        try connection.execute(
            """
            CREATE VIEW person AS SELECT id, name, detail AS emailAddress, card AS creditCard, city, state,
                time AS dateTime, extra, seq FROM events WHERE kind = 0;
            """)
        try connection.execute(
            """
            CREATE VIEW auction AS SELECT id, name AS itemName, detail AS description, price AS initialBid, reserve,
                time AS dateTime, expires, party AS seller, category, extra, seq FROM events WHERE kind = 1;
            """)
        try connection.execute(
            """
            CREATE VIEW bid AS SELECT id AS auction, party AS bidder, price, name AS channel, detail AS url,
                time AS dateTime, extra, seq, arrival FROM events WHERE kind = 2;
            """)
    }

    /// The rows of a query with one column of text, sorted as Swift sorts.
    func lines(_ sql: String) throws -> [String] {
        try connection.query(sql, rowsMax: 200_000).rows.map { row in
            guard case .string(let line) = row[0] else { return "\(row[0])" }
            return line
        }.sorted()
    }
}

/// Chance that a seed repeats: SplitMix64 (Steele, Lea and Flood, 2014).
struct Chances {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
