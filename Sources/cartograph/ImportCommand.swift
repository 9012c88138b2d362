import ArgumentParser
import Collector
import EventLog
import Events
import FileImport
import Foundation
import NIOCore
import Telemetry

/// `cartograph import`: somebody else's file becomes events.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Turn somebody else's files into events through a mapping.",
        discussion: """
            Rows that become no event are counted by reason and kept in the quarantine. Importing a file again, or \
            after a crash, stores nothing twice. With a server running on the data folder, the import goes through it.
            """)

    @OptionGroup var options: ShopOptions
    @Option(name: .long, help: "The name of a shipped mapping (cdnow, online-retail), or a mapping file.")
    var mapping: String
    @Flag(name: .long, help: "Leave building silver and gold for later.") var noBatch = false
    @Argument(help: "The files.") var paths: [String]

    func validate() throws {
        guard !paths.isEmpty else { throw ValidationError("name at least one file") }
    }

    /// What became of one file.
    struct Outcome: Encodable {
        var file: String
        var rows = 0
        var accepted = 0
        var rejected: [String: Int] = [:]
        var erased = 0
        var chunks = 0
        var repeatedChunks = 0
        var seconds = 0.0

        var isRepeat: Bool { chunks > 0 && repeatedChunks == chunks }

        enum CodingKeys: String, CodingKey {
            case file, rows, accepted, rejected, erased, chunks, seconds
            case repeatedChunks = "repeated_chunks"
        }
    }

    func run() async throws {
        let settings = try options.settings()
        let home = try Home.find()
        let mapping = try MappingLibrary(folder: home.mappings).mapping(mapping)
        try ImportCommand.check(mapping)
        let folder = try DataFolder.open(settings.data)
        if let address = folder.runningServer() {
            let collector = try CollectorAddress(address, token: settings.token)
            var target = ServerImportTarget(address: collector)
            let outcomes = try await importAll(mapping, into: &target)
            if !noBatch {
                let answer = try await CollectorConnection.open(collector) {
                    try await $0.post("/api/v1/batch", ByteBuffer(), contentType: "application/json")
                }
                guard answer.status == 200 else {
                    throw CommandError(
                        "imported, but the models did not run: \(String(decoding: answer.body.prefix(300), as: UTF8.self))"
                    )
                }
            }
            try report(outcomes, sales: nil)
            return
        }
        let shop = try Shop.open(folder, settings, report: options.reporter())
        defer { shop.close() }
        var target = LogImportTarget(
            log: shop.log, collector: Collector(log: shop.log, metrics: shop.metrics, erased: shop.erased))
        let outcomes = try await importAll(mapping, into: &target)
        var sales: [SalesSummary] = []
        if !noBatch {
            _ = try BatchCommand.run(shop, quiet: options.json)
            sales = try SalesSummary.read(shop.catalog, try shop.batch.makeBench().connection)
        }
        try report(outcomes, sales: noBatch ? nil : sales)
    }

    /// Refuses a mapping that could only make events that are then rejected.
    private static func check(_ mapping: Mapping) throws {
        for outline in mapping.outlines {
            guard let type = EventType.allCases.first(where: { $0.name == outline.type }) else {
                let names = EventType.allCases.map(\.name).joined(separator: ", ")
                throw CommandError(
                    "mapping \(mapping.name): \(outline.path).type '\(outline.type)' is none of \(names)")
            }
            for field in EventSchema.of(type).required where !outline.fields.contains(field.name) {
                throw CommandError(
                    "mapping \(mapping.name): \(outline.path) makes \(type.name) events without \(field.name), which "
                        + "they need")
            }
        }
    }

    // MARK: - Importing

    private func importAll(_ mapping: Mapping, into target: inout some ImportTarget) async throws -> [Outcome] {
        var outcomes: [Outcome] = []
        for path in paths { outcomes.append(try await importFile(path, mapping, into: &target)) }
        return outcomes
    }

    private func importFile(
        _ path: String, _ mapping: Mapping, into target: inout some ImportTarget
    ) async throws -> Outcome {
        let began = ContinuousClock.now
        let name = (path as NSString).lastPathComponent
        let reading = SharedProgress("reading \(name)", quiet: options.json)
        let file = try ImportFile(path: path, mapping: mapping) { done, total in reading.show(done, of: total, "") }
        reading.finish()
        var outcome = Outcome(file: path)
        let bar = SharedProgress("importing \(name)", quiet: options.json)
        var stream = try file.stream()
        var sequences = Sequences(identity: file.identity)
        while let chunk = try stream.next() {
            let answer = try await store(chunk, name, &sequences, into: &target)
            outcome.chunks += 1
            if answer.isRepeat { outcome.repeatedChunks += 1 }
            outcome.rows = chunk.rows
            outcome.accepted += answer.accepted
            outcome.erased += answer.erased
            outcome.rejected.merge(answer.rejected) { $0 + $1 }
            bar.show(
                chunk.bytesRead, of: chunk.totalBytes,
                "\(Int64(outcome.accepted).grouped) events, \(Int64(outcome.rejected.values.reduce(0, +)).grouped) rejected"
            )
        }
        bar.finish()
        let took = ContinuousClock.now - began
        outcome.seconds = took.inSeconds
        return outcome
    }

    /// Numbers a file's parts, events and rejected rows apart: the same file gives the same numbers every time.
    private struct Sequences {
        let identity: String
        private var events: Int64 = 0
        private var rejected: Int64 = 0

        init(identity: String) { self.identity = identity }

        mutating func nextEvents() -> ProducerStamp {
            events += 1
            return ProducerStamp(producer: "import/\(identity)/events", sequence: events)
        }

        mutating func nextRejected() -> ProducerStamp {
            rejected += 1
            return ProducerStamp(producer: "import/\(identity)/rejected", sequence: rejected)
        }
    }

    /// Stores one part of the file; storing it again changes nothing.
    private func store(
        _ chunk: ImportChunk, _ name: String, _ sequences: inout Sequences, into target: inout some ImportTarget
    ) async throws -> ImportAnswer {
        var answer = ImportAnswer()
        var repeats: [Bool] = []
        if let first = chunk.events.first, let last = chunk.events.last {
            let source = "import \(name):\(first.firstLine)-\(last.lastLine)"
            let stored = try await target.store(chunk.events, source: source, stamp: sequences.nextEvents())
            answer.accepted += stored.accepted
            answer.erased += stored.erased
            answer.rejected.merge(stored.rejected) { $0 + $1 }
            repeats.append(stored.isRepeat)
        }
        if !chunk.rejected.isEmpty {
            let rows = try chunk.rejected.map { row in
                let source = "import \(name):\(row.line)"
                guard let kept = RejectedBytes(reason: row.reason, source: source, raw: row.raw) else {
                    throw CommandError("\(source): '\(row.reason)' is no reason of the contract")
                }
                return kept
            }
            let kept = try await target.keep(rows, stamp: sequences.nextRejected())
            answer.rejected.merge(kept.rejected) { $0 + $1 }
            answer.erased += kept.erased
            repeats.append(kept.isRepeat)
        }
        answer.isRepeat = repeats.allSatisfy { $0 }
        return answer
    }

    // MARK: - Telling

    private struct Report: Encodable {
        let files: [Outcome]
        let sales: [SalesSummary]?
    }

    private func report(_ outcomes: [Outcome], sales: [SalesSummary]?) throws {
        if options.json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
            print(String(decoding: try encoder.encode(Report(files: outcomes, sales: sales)), as: UTF8.self))
            return
        }
        for outcome in outcomes {
            let rejected = outcome.rejected.values.reduce(0, +)
            if outcome.isRepeat {
                print("\(outcome.file) was imported before: nothing changed.")
            } else {
                print(
                    "\(outcome.file): \(Int64(outcome.rows).grouped) rows, \(Int64(outcome.accepted).grouped) events, "
                        + "\(Int64(rejected).grouped) rejected, "
                        + (outcome.erased > 0 ? "\(Int64(outcome.erased).grouped) of erased people left out, " : "")
                        + "in \(outcome.seconds.rounded(to: 1)) s")
            }
            for (reason, count) in outcome.rejected.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
                print("  \(Int64(count).grouped) \(reason)")
            }
        }
        guard let sales, !sales.isEmpty else { return }
        print("\nSales in the shop now:")
        var table = TextTable(["currency", "orders", "customers", "units", "revenue", "first day", "last day"])
        for line in sales {
            table.add([
                line.currency, line.orders.grouped, line.customers.grouped, line.units.grouped,
                Money(line.revenue)?.grouped ?? line.revenue, line.first_day, line.last_day,
            ])
        }
        print(table.text, terminator: "")
    }
}
