import ArgumentParser
import Collector
import EventLog
import Events
import Foundation

/// `cartograph quarantine replay`.
struct QuarantineReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Judge rejected events again, and let in those that are now good.",
        discussion: """
            After a fix: a newer version of Cartograph accepts what an older one did not, or --through mends the events \
            on their way, as in --through "sed s/,/./". The command gets one event a line and must write one line for \
            each, in the same order; an empty line leaves the event where it is.

            Each event is let in at most once, however often this runs and whenever it is stopped. It is received \
            again and accepted, so the books go on balancing; its old record stays in the quarantine. Those that are \
            still no good stay as they are. With a server running on the data folder, the replay goes through it.
            """)
    @OptionGroup var options: ShopOptions
    @OptionGroup var choice: QuarantineChoice
    @Option(name: .long, help: "At most so many events of the quarantine.") var limit: Int?
    @Option(name: .long, help: "A shell command that the events are piped through.") var through: String?
    @Flag(name: .long, help: "Show the verdicts, and let nothing in.") var dryRun = false
    @Flag(
        name: .long,
        help:
            "Send a batch that an earlier replay left under way under a new number, when the log has forgotten the old."
    )
    var renumber = false

    /// The events of one batch, and their bytes.
    private static let batchEvents = 5_000
    private static let batchBytes = 4 << 20

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit must be 1 or more") }
    }

    /// What became of the events.
    struct Outcome: Encodable {
        var judged = 0
        var accepted = 0
        var stillRejected: [String: Int] = [:]
        var leftAlone = 0
        var letInBefore = 0
        var rejectedByServer = 0
        var dryRun = false

        enum CodingKeys: String, CodingKey {
            case judged, accepted
            case stillRejected = "still_rejected"
            case leftAlone = "left_alone"
            case letInBefore = "let_in_before"
            case rejectedByServer = "rejected_by_server"
            case dryRun = "dry_run"
        }
    }

    func run() async throws {
        let settings = try options.settings()
        let folder = try DataFolder.existing(settings.data)
        var outcome = Outcome()
        outcome.dryRun = dryRun
        if dryRun {
            let replayed = try ReplayLedger.replayed(folder: folder.log)
            for batch in try batches(try EmbeddedLog(reading: folder.log), replayed, &outcome) {
                _ = try judge(batch, &outcome)
            }
        } else if let address = folder.runningServer() {
            let target = ServerReplayTarget(
                server: ServerImportTarget(address: try CollectorAddress(address, token: settings.token)))
            try await replay(try EmbeddedLog(reading: folder.log), folder, target, &outcome)
        } else {
            let shop = try Shop.open(folder, settings, report: options.reporter())
            defer { shop.close() }
            let target = LogReplayTarget(
                log: shop.log, collector: Collector(log: shop.log, metrics: shop.metrics, erased: shop.erased))
            try await replay(shop.log, folder, target, &outcome)
        }
        try report(outcome)
        if outcome.rejectedByServer > 0 { throw ExitCode(1) }
    }

    private func replay(
        _ log: EmbeddedLog, _ folder: DataFolder, _ target: some ReplayTarget, _ outcome: inout Outcome
    ) async throws {
        let ledger = try ReplayLedger(folder: folder.log)
        if renumber { try ledger.renew() }
        if let pending = ledger.pending { try await send(pending, ledger, target, &outcome) }
        let bar = SharedProgress("replaying", quiet: options.json)
        let chosen = try batches(log, ledger.replayed, &outcome)
        for (index, batch) in chosen.enumerated() {
            let (offsets, body) = try judge(batch, &outcome)
            if offsets.count > 0 { try await send(try ledger.begin(offsets, body), ledger, target, &outcome) }
            bar.show(Int64(index + 1), of: Int64(chosen.count), "\(Int64(outcome.accepted).grouped) let in")
        }
        bar.finish()
    }

    private func send(
        _ batch: ReplayBatch, _ ledger: ReplayLedger, _ target: some ReplayTarget, _ outcome: inout Outcome
    ) async throws {
        let answer = try await target.store(batch)
        try ledger.finish(batch)
        // One that the log had already was let in by an earlier run that did not live to tell.
        let rejected = answer.rejected.values.reduce(0, +)
        outcome.accepted += Int(batch.offsets.count) - rejected
        outcome.rejectedByServer += rejected
    }

    /// The offsets of the chosen events that were not let in yet, in batches: read again when their turn comes, so that
    /// not all of them need be in memory.
    private func batches(
        _ log: EmbeddedLog, _ replayed: OffsetSet, _ outcome: inout Outcome
    ) throws -> [QuarantineBatch] {
        var batches: [QuarantineBatch] = []
        var offsets = OffsetSet()
        var bytes = 0
        var left = limit ?? .max
        try choice.read(log) { record in
            if replayed.contains(record.offset) {
                outcome.letInBefore += 1
                return true
            }
            guard left > 0 else { return false }
            left -= 1
            if offsets.count >= QuarantineReplayCommand.batchEvents
                || (offsets.count > 0 && bytes + record.raw.count > QuarantineReplayCommand.batchBytes)
            {
                batches.append(QuarantineBatch(log: log, offsets: offsets))
                offsets = OffsetSet()
                bytes = 0
            }
            offsets.insert(record.offset)
            bytes += record.raw.count
            return true
        }
        if offsets.count > 0 { batches.append(QuarantineBatch(log: log, offsets: offsets)) }
        return batches
    }

    /// Judges a batch: the offsets of those that are good now, and these as lines.
    private func judge(_ batch: QuarantineBatch, _ outcome: inout Outcome) throws -> (OffsetSet, [UInt8]) {
        let events = try batch.events()
        var lines = events.map { QuarantineReplayCommand.line($0.raw) }
        if let through { lines = try LineCommand(through).run(lines) }
        let decoder = EventDecoder(now: EmbeddedLog.wallClock())
        let row = EventBatch(capacity: 1)
        var offsets = OffsetSet()
        var body: [UInt8] = []
        for (event, line) in zip(events, lines) {
            outcome.judged += 1
            guard !line.isEmpty else {
                outcome.leftAlone += 1
                continue
            }
            row.removeAll()
            let padded = PaddedBytes(copying: line)
            if let reason = padded.withBytes({ decoder.decode($0, into: row) }) {
                outcome.stillRejected[reason.description, default: 0] += 1
            } else {
                offsets.insert(event.offset)
                body += line
                body.append(0x0a)
                if dryRun { outcome.accepted += 1 }
            }
        }
        return (offsets, body)
    }

    /// An event on one line: in JSON a line end is white space, and what is no JSON is mended by the line.
    private static func line(_ raw: [UInt8]) -> [UInt8] { raw.map { $0 == 0x0a || $0 == 0x0d ? 0x20 : $0 } }

    private func report(_ outcome: Outcome) throws {
        if options.json { return try LogCommand.print(outcome) }
        let verb = dryRun ? "would be let in" : "let in"
        print(
            "\(Int64(outcome.judged).grouped) rejected events judged again, \(Int64(outcome.accepted).grouped) \(verb)")
        for (reason, count) in outcome.stillRejected.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            print("  \(Int64(count).grouped) still \(reason)")
        }
        if outcome.leftAlone > 0 { print("  \(Int64(outcome.leftAlone).grouped) left alone by the command") }
        if outcome.letInBefore > 0 { print("  \(Int64(outcome.letInBefore).grouped) had been let in before") }
        if outcome.rejectedByServer > 0 {
            CommandExit.say(
                "cartograph: the server rejected \(outcome.rejectedByServer) events that this command takes for good, and "
                    + "keeps them in the quarantine anew: is it of another version?")
        }
    }
}

/// Some events of the quarantine, which are read when they are needed.
struct QuarantineBatch {
    let log: EmbeddedLog
    let offsets: OffsetSet

    func events() throws -> [RejectedEvent] {
        guard let first = offsets.ranges.first?.lowerBound, let last = offsets.ranges.last?.upperBound else {
            return []
        }
        var start = try log.start().offsets
        start[.quarantine, 0] = max(start[.quarantine, 0], first)
        let consumer = try log.consumer(of: [.quarantine], from: start)
        let cut = log.cut()
        var events: [RejectedEvent] = []
        while consumer.offsets[.quarantine, 0] < last,
            try consumer.next(
                before: cut,
                { frame in
                    let receivedAt = frame.header.receivedAt
                    try frame.forEachRecord { offset, bytes in
                        guard offsets.contains(offset), let (words, raw) = QuarantineRecord.decode(bytes) else {
                            return
                        }
                        events.append(
                            RejectedEvent(offset: offset, receivedAt: receivedAt, words: words, raw: Array(raw)))
                    }
                })
        {}
        return events
    }
}
