import Engine
import EventLog
import Events
import Foundation
import Iceberg
import Lake
import Simulator
import Storage
import Testing

/// Our own Parquet files as an engine reads them, column by column beside the events' JSON.
@Suite struct BronzeContentTests {
    private let midnight: Int64 = 1_767_312_000_000_000

    /// What the engine makes of an event's JSON, for a column of the contract.
    private func expected(_ field: EventField) -> String {
        let member = "(j->>'\(field.name)')"
        return switch field.kind {
        case .id, .text, .word, .currency, .type: member
        case .integer: "CAST(\(member) AS BIGINT)"
        case .money: "CAST(\(member) AS DECIMAL(18,4))"
        case .timestamp: "CAST(\(member) AS TIMESTAMPTZ)"
        case .items:
            """
            list_transform(CAST(j->'items' AS JSON[]), lambda i: {'product_id': i->>'product_id', \
            'quantity': CAST(i->>'quantity' AS INTEGER), 'unit_price': CAST(i->>'unit_price' AS DECIMAL(18,4))})
            """
        }
    }

    private func fill(_ folder: BronzeFolder, events count: Int) throws -> [Topic: Int] {
        var simulator = try ShopSimulator(SimulationSettings(seed: 7, rate: 5_000, start: midnight))
        var buffer = LineBuffer(lines: 1_000)
        let decoder = EventDecoder()
        let row = EventBatch(capacity: 1)
        var counts: [Topic: Int] = [:]
        var made = 0
        while made < count {
            buffer.removeAll()
            simulator.generate(1_000, into: &buffer)
            var byTopic: [Topic: [String]] = [:]
            for line in 0..<buffer.lineCount {
                let range = buffer.range(ofLine: line)
                let text = buffer.withBytes { String(decoding: $0[range], as: UTF8.self) }
                row.removeAll()
                let rejected = PaddedBytes(copying: Array(text.utf8)).withBytes { decoder.decode($0, into: row) }
                #expect(rejected == nil)
                byTopic[row.type(0).topic, default: []].append(text)
            }
            for (topic, events) in byTopic {
                try folder.append(events, to: topic, at: midnight + Int64(made))
                counts[topic, default: 0] += events.count
            }
            made += 1_000
        }
        return counts
    }

    @Test(arguments: zip([2_000_000, 9_000], [BronzeWriter.Limits.Compression.byPlace, .zstd(1)]))
    func everyColumnSaysWhatTheEventSays(fileRows: Int, _ compression: BronzeWriter.Limits.Compression) throws {
        let folder = try BronzeFolder()
        let counts = try fill(folder, events: 40_000)
        var limits = BronzeWriter.Limits()
        limits.fileRows = fileRows
        limits.compression = compression
        let report = try BronzeWriter(log: folder.log, catalog: folder.catalog, limits: limits)
            .drain(to: folder.log.cut())
        #expect(report.rowCount == counts.values.reduce(0, +))
        let connection = try DuckDB().connect()
        for topic in Topic.events {
            guard let type = topic.eventType, let count = counts[topic] else { continue }
            let table = try folder.catalog.loadTable(BronzeTable(topic).identifier)
            let files = try table.files()
            #expect(fileRows > 9_000 ? files.count == 1 : files.count > 1 || count < 9_000)
            let scan = try LakeTable(table).scanSQL()
            let checks = EventSchema.of(type).columns.map {
                "count(*) FILTER (\($0.name) IS DISTINCT FROM \(expected($0))) AS \($0.name)"
            }
            let result = try connection.query(
                """
                SELECT count(*), \(checks.joined(separator: ", ")) FROM (SELECT *, CAST(raw AS JSON) AS j FROM (\(scan)))
                """)
            #expect(result.rows[0][0] == .integer(Int64(count)), "\(topic.name)")
            for (name, value) in zip(result.columns, result.rows[0]).dropFirst() {
                #expect(value == .integer(0), "\(topic.name).\(name) differs in \(value.text) rows")
            }
            // Every record of the log once, and its place.
            let places = try connection.query(
                """
                SELECT log_partition, count(*), count(DISTINCT log_offset), min(log_offset), max(log_offset) + 1
                FROM (\(scan)) GROUP BY 1 ORDER BY 1
                """)
            for place in places.rows {
                #expect(place[1] == place[2] && place[1] == place[4] && place[3] == .integer(0))
            }
            try checkStatistics(table, files, isFresh: compression == .byPlace, connection)
        }
    }

    /// What the manifests say of the files' columns, beside what the engine counts in them.
    private func checkStatistics(
        _ table: Table, _ files: [DataFile], isFresh: Bool, _ connection: Connection
    ) throws {
        for file in files {
            let path = SQL.literal(try Location.path(of: file.location))
            for field in table.schema.fields where field.type.isPrimitive {
                let name = SQL.identifier(field.name)
                let row = try connection.query(
                    """
                    SELECT count(*), count(*) - count(\(name)), CAST(min(\(name)) AS VARCHAR), CAST(max(\(name)) AS VARCHAR)
                    FROM read_parquet(\(path))
                    """
                ).rows[0]
                #expect(file.valueCounts[field.id].map { .integer($0) } == row[0])
                #expect(file.nullValueCounts[field.id].map { .integer($0) } == row[1])
                guard field.name != "raw", let smallest = row[2].string, let largest = row[3].string else {
                    #expect(file.lowerBounds[field.id] == nil, "\(field.name)")
                    continue
                }
                let lower = try SingleValue.decode(try #require(file.lowerBounds[field.id]), as: field.type)
                let upper = try SingleValue.decode(try #require(file.upperBounds[field.id]), as: field.type)
                // Bounds of long strings are cut, and only then not the values themselves.
                if case .string(let text) = lower {
                    #expect(smallest.hasPrefix(text))
                    if case .string(let text) = upper { #expect(text >= largest) }
                } else if case .timestamptz(let micros) = lower {
                    #expect(Timestamp.parse(smallest + ":00") == micros)
                }
            }
            // What readers of the file itself may skip by: DuckDB finds nothing outside of its own bounds.
            let codec = isFresh ? "if(path_in_schema = 'raw', 'SNAPPY', 'UNCOMPRESSED')" : "'ZSTD'"
            let footer = try connection.query(
                """
                SELECT count(*) FROM parquet_metadata(\(path)) WHERE compression <> \(codec) OR num_values = 0
                """)
            #expect(footer.rows[0][0] == .integer(0))
        }
    }

    @Test func rejectedEventsOfAnyBytesAreKept() throws {
        let folder = try BronzeFolder()
        let batch = AppendBatch(partitions: 2)
        let bodies: [[UInt8]] = [
            [], [0xff, 0x00, 0xfe], Array("{\"half".utf8), Array(repeating: 0x41, count: 700_000),
        ]
        for _ in 0..<3 {
            for body in bodies {
                batch.received += 1
                PaddedBytes(copying: body).withBytes {
                    batch.quarantine($0, reason: "not_json", source: "http \u{1F6D2}")
                }
            }
        }
        _ = try folder.log.appendAndWait(batch)
        #expect(try folder.writer().drain(to: folder.log.cut()).rowCount == 12)
        let table = try folder.catalog.loadTable(BronzeTable(.quarantine).identifier)
        let rows = try DuckDB().connect().query(
            """
            SELECT octet_length(raw), count(*), min(reason), min(source), min(hex(raw[1:3])) FROM (\(try LakeTable(table).scanSQL()))
            GROUP BY 1 ORDER BY 1
            """
        ).rows.map { $0.map(\.text).joined(separator: " ") }
        #expect(rows.count == 4)
        #expect(rows[1] == "3 3 not_json http \u{1F6D2} FF00FE")
        #expect(rows[3].hasPrefix("700000 3 not_json"))
    }
}
