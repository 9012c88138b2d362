import ArgumentParser
import EventLog
import Events
import Foundation

/// `cartograph quarantine`: the events that were turned away.
struct QuarantineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quarantine",
        abstract: "The rejected events: count them, look at them, and let them in after a fix.",
        subcommands: [List.self, Show.self, QuarantineReplayCommand.self])

    /// `cartograph quarantine ls`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "Count the rejected events by reason.")
        @OptionGroup var options: ShopOptions
        @OptionGroup var choice: QuarantineChoice

        private struct Entry: Encodable {
            let reason: String
            var count: Int64 = 0
            var replayed: Int64 = 0
            var oldest: String
            var newest: String
        }

        func run() async throws {
            let folder = try DataFolder.existing(try options.settings().data)
            let replayed = try ReplayLedger.replayed(folder: folder.log)
            var entries: [String: Entry] = [:]
            try choice.read(try EmbeddedLog(reading: folder.log)) { record in
                let at = Timestamp.text(record.receivedAt)
                var entry =
                    entries[record.words.reason] ?? Entry(reason: record.words.reason, oldest: at, newest: at)
                entry.count += 1
                if replayed.contains(record.offset) { entry.replayed += 1 }
                entry.newest = at
                entries[record.words.reason] = entry
                return true
            }
            let sorted = entries.values.sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }
            if options.json { return try LogCommand.print(sorted) }
            guard !sorted.isEmpty else { return print("The quarantine holds nothing of that.") }
            var table = TextTable(["reason", "events", "of them let in", "oldest", "newest"])
            for entry in sorted {
                table.add([
                    RejectedText.shown(entry.reason.utf8, limit: 100), entry.count.grouped, entry.replayed.grouped,
                    entry.oldest, entry.newest,
                ])
            }
            print(table.text, terminator: "")
        }
    }

    /// `cartograph quarantine show`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Show the newest rejected events, oldest of them first.")
        @OptionGroup var options: ShopOptions
        @OptionGroup var choice: QuarantineChoice
        @Option(name: .long, help: "At most so many.") var limit = 20
        @Option(name: .long, help: "Only the one at this offset.") var offset: Int64?
        @Flag(name: .long, help: "Write the events' own bytes and nothing else, a line end behind each.") var raw =
            false

        /// The most characters of an event that are shown in the table.
        private static let shownCharacters = 500
        /// The most that are held to find the newest.
        private static let limitMax = 100_000

        func validate() throws {
            guard (1...Show.limitMax).contains(limit) else {
                throw ValidationError("--limit must be 1 to \(Show.limitMax)")
            }
        }

        private struct Entry: Encodable {
            let offset: Int64
            let received_at: String
            let reason: String
            let source: String
            let replayed: Bool
            let raw: String?
            let raw_base64: String?
        }

        func run() async throws {
            let folder = try DataFolder.existing(try options.settings().data)
            let replayed = try ReplayLedger.replayed(folder: folder.log)
            var newest: [RejectedEvent] = []
            try choice.read(try EmbeddedLog(reading: folder.log)) { record in
                if let offset, record.offset != offset { return record.offset < offset }
                newest.append(record)
                // Half a list at a time, since taking one from the front moves all others.
                if newest.count >= 2 * limit { newest.removeFirst(newest.count - limit) }
                return true
            }
            newest = newest.suffix(limit)
            if let offset, newest.isEmpty {
                throw CommandError("there is no rejected event at offset \(offset) of that kind")
            }
            var output = LineOutput()
            for record in newest {
                if raw {
                    output.add(bytes: record.raw)
                    output.add("\n")
                } else if options.json {
                    let text = String(validating: record.raw, as: UTF8.self)
                    let encoder = JSONEncoder()
                    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
                    let entry = Entry(
                        offset: record.offset, received_at: Timestamp.text(record.receivedAt, fraction: 6),
                        reason: record.words.reason, source: record.words.source,
                        replayed: replayed.contains(record.offset), raw: text,
                        raw_base64: text == nil ? Data(record.raw).base64EncodedString() : nil)
                    output.add(bytes: try encoder.encode(entry))
                    output.add("\n")
                } else {
                    let state = replayed.contains(record.offset) ? ", let in since" : ""
                    output.add(
                        "\(record.offset)  \(Timestamp.text(record.receivedAt))  "
                            + "\(RejectedText.shown(record.words.reason.utf8, limit: 200))\(state)  "
                            + "(\(RejectedText.shown(record.words.source.utf8, limit: 200)), \(record.raw.count) bytes)\n"
                            + "    \(RejectedText.shown(record.raw, limit: Show.shownCharacters))\n")
                }
                if output.isFull { try output.write() }
            }
            try output.write()
        }
    }
}

/// A rejected event as the log keeps it.
struct RejectedEvent {
    let offset: Int64
    let receivedAt: Int64
    let words: QuarantineRecord
    let raw: [UInt8]
}

/// Which rejected events are meant.
struct QuarantineChoice: ParsableArguments {
    @Option(name: .long, help: "Only those rejected for this reason, such as bad_money or missing_field:user_id.")
    var reason: String?
    @Option(name: .long, help: "Only those received at or after a time (RFC 3339).") var since: String?

    func validate() throws {
        if let since, Timestamp.parse(since) == nil {
            throw ValidationError("--since '\(since)' is no time such as 2026-11-21T10:00:00Z")
        }
    }

    /// Whether a reason is meant: the one named, or any with its word, such as missing_field.
    func means(_ text: String) -> Bool {
        reason.map { text == $0 || text.hasPrefix($0 + ":") } ?? true
    }

    /// Hands the chosen events that the log still holds to `body`, in the order in which they came, until it returns
    /// false.
    func read(_ log: EmbeddedLog, _ body: (RejectedEvent) throws -> Bool) throws {
        let cut = try log.refresh()
        var start = try log.start().offsets
        if let since, let instant = Timestamp.parse(since) { start = try log.cut(before: instant).offsets }
        let consumer = try log.consumer(of: [.quarantine], from: start)
        var goesOn = true
        while goesOn,
            try consumer.next(
                before: cut,
                { frame in
                    let receivedAt = frame.header.receivedAt
                    let name = frame.partition.description
                    try frame.forEachRecord { offset, bytes in
                        guard goesOn else { return }
                        guard let (words, raw) = QuarantineRecord.decode(bytes) else {
                            throw LogError.damaged(path: name, at: offset, what: "not a record of the quarantine")
                        }
                        guard means(words.reason) else { return }
                        goesOn = try body(
                            RejectedEvent(offset: offset, receivedAt: receivedAt, words: words, raw: Array(raw)))
                    }
                })
        {}
    }
}
