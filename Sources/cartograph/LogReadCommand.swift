import ArgumentParser
import EventLog
import Events
import Foundation

/// `cartograph log read`.
struct LogReadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read", abstract: "Print a topic's events as lines of JSON.",
        discussion: """
            With --group it goes on where the group was, and the group's place moves on once the lines are written: \
            each is printed at least once, however often the command is stopped. Groups and --follow see what is \
            certainly durable, at most a tenth of a second late.
            """)
    @OptionGroup var options: ShopOptions
    @Option(name: .long, help: "clicks, searches, carts, wishlists, purchases, orders, stock or quarantine.")
    var topic: String
    @Option(name: .long, help: "Only this partition.") var partition: Int?
    @Option(name: .long, help: "From this offset on, in each partition that is read.") var fromOffset: Int64?
    @Option(name: .long, help: "From what was received at or after a time (RFC 3339).") var fromTime: String?
    @Option(name: .long, help: "At most so many events.") var limit: Int?
    @Option(name: .long, help: "Go on where this group of readers was.") var group: String?
    @Flag(name: .long, help: "Wait for more and print it as it comes.") var follow = false
    @Flag(name: .long, help: "Print each event with its topic, partition, offset and time.") var envelope = false

    /// Seconds between two looks at a log that another process writes to.
    private static let pollSeconds = 0.1
    /// Events after which a group's place is written down.
    private static let groupEvents = 10_000

    func validate() throws {
        guard Topic(name: topic) != nil else {
            throw ValidationError(
                "there is no topic '\(topic)'; there are \(Topic.allCases.map(\.name).joined(separator: ", "))")
        }
        if fromOffset != nil, fromTime != nil { throw ValidationError("give --from-offset or --from-time, not both") }
        if let fromOffset, fromOffset < 0 { throw ValidationError("--from-offset must be 0 or more") }
        if let limit, limit < 1 { throw ValidationError("--limit must be 1 or more") }
        if let fromTime, Timestamp.parse(fromTime) == nil {
            throw ValidationError("--from-time '\(fromTime)' is no time such as 2026-11-21T10:00:00Z")
        }
        if let group {
            guard ConsumerGroups.isName(group) else {
                throw ValidationError(
                    "--group '\(group)': a name is 1 to \(ConsumerGroups.nameBytes) letters, digits, dots, underscores "
                        + "and hyphens")
            }
            if partition != nil { throw ValidationError("a group reads all partitions: leave --partition out") }
        }
    }

    func run() async throws {
        let folder = try DataFolder.existing(try options.settings().data)
        let log = try EmbeddedLog(reading: folder.log)
        let topic = Topic(name: topic) ?? .clicks
        if let partition, !(0..<log.partitions).contains(partition) {
            throw CommandError("there is no partition \(partition): a topic of this log has \(log.partitions), from 0")
        }
        let groups = try group.map { _ in try ConsumerGroups(folder: folder.log) }
        let isCareful = follow || group != nil
        var cut = isCareful ? try log.refresh() : log.cut()
        var place = try start(log, topic, groups)
        if let group, !cut.offsets.covers(place) {
            throw CommandError(
                "group \(group) is ahead of the log, which ends at \(cut.offsets): was the log put back from an older "
                    + "copy? `cartograph log groups set \(group) --to end` puts the group at its end")
        }
        let consumer = try log.consumer(of: [topic], from: place)
        var output = LineOutput()
        var left = limit ?? .max
        var uncommitted = 0
        var lost: Int64 = 0
        while left > 0 {
            let more = try consumer.next(before: cut) { frame in
                let receivedAt = frame.header.receivedAt
                let partition = frame.partition
                try frame.forEachRecord { offset, raw in
                    guard left > 0, self.partition ?? partition.partition == partition.partition else { return }
                    output.add(raw, partition, offset, receivedAt, envelope: envelope)
                    place[partition] = offset + 1
                    left -= 1
                    uncommitted += 1
                }
                if output.isFull { try output.write() }
            }
            if consumer.lost > lost {
                CommandExit.say("\(consumer.lost - lost) events were lost in a repair and are passed over")
                lost = consumer.lost
            }
            if left > 0 { place = consumer.offsets }
            if !more || uncommitted >= LogReadCommand.groupEvents || left == 0 {
                try output.write()
                if let group, uncommitted > 0 { try groups?.commit(group, place, of: [topic]) }
                uncommitted = 0
            }
            guard !more else { continue }
            guard follow else { break }
            try await Task.sleep(for: .seconds(LogReadCommand.pollSeconds))
            cut = try log.refresh()
        }
        try output.write()
    }

    /// Where to begin.
    private func start(_ log: EmbeddedLog, _ topic: Topic, _ groups: ConsumerGroups?) throws -> LogOffsets {
        if let group, let known = try groups?.group(group) {
            guard fromOffset == nil, fromTime == nil else {
                throw CommandError(
                    "group \(group) has a place: leave --from-offset and --from-time out, or move it with "
                        + "`cartograph log groups set`")
            }
            guard known.topics == [topic] else {
                let topics = known.topics.map(\.name).joined(separator: ", ")
                throw CommandError("group \(group) reads \(topics): choose another name for \(topic.name)")
            }
            return known.offsets
        }
        var offsets = try log.start().offsets
        if let fromTime, let instant = Timestamp.parse(fromTime) { return try log.cut(before: instant).offsets }
        if let fromOffset {
            for partition in 0..<log.partitions where self.partition ?? partition == partition {
                offsets[topic, partition] = fromOffset
            }
        }
        return offsets
    }
}

/// Lines on their way to the standard output.
struct LineOutput {
    private static let limit = 1 << 18
    private var bytes: [UInt8] = []

    var isFull: Bool { bytes.count >= LineOutput.limit }

    /// Adds an event.
    mutating func add(
        _ raw: UnsafeRawBufferPointer, _ partition: TopicPartition, _ offset: Int64, _ receivedAt: Int64, envelope: Bool
    ) {
        if envelope {
            add(
                "{\"topic\":\"\(partition.topic.name)\",\"partition\":\(partition.partition),\"offset\":\(offset),"
                    + "\"received_at\":\"\(Timestamp.text(receivedAt, fraction: 6))\",\"event\":")
        }
        if partition.topic == .quarantine, let (record, rejected) = QuarantineRecord.decode(raw) {
            add(RejectedText.json(record, rejected))
        } else {
            addLine(raw)
        }
        if envelope { add("}") }
        bytes.append(0x0a)
    }

    /// Adds JSON on one line: a line end in it can only be white space between values.
    mutating func addLine(_ raw: UnsafeRawBufferPointer) {
        for byte in raw { bytes.append(byte == 0x0a || byte == 0x0d ? 0x20 : byte) }
    }

    mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func add(bytes raw: some Sequence<UInt8>) { bytes.append(contentsOf: raw) }

    /// Writes what was added; throws when nobody takes it.
    mutating func write() throws {
        guard !bytes.isEmpty else { return }
        try FileHandle.standardOutput.write(contentsOf: Data(bytes))
        bytes.removeAll(keepingCapacity: true)
    }
}

/// Rejected bytes in forms that are safe to print.
enum RejectedText {
    /// As JSON: bytes that are no UTF-8 in base64.
    static func json(_ record: QuarantineRecord, _ raw: UnsafeRawBufferPointer) -> String {
        let text = String(validating: raw, as: UTF8.self)
        let body = text.map { "\"raw\":\(quoted($0))" } ?? "\"raw_base64\":\"\(Data(raw).base64EncodedString())\""
        return "{\"reason\":\(quoted(record.reason)),\"source\":\(quoted(record.source)),\(body)}"
    }

    /// A text as a JSON string.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{2028}", "\u{2029}":
                quoted += "\\u" + hex(scalar.value, 4)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// For a terminal: nothing in it moves the cursor, changes colours or turns the direction of writing.
    static func shown(_ raw: some Sequence<UInt8>, limit: Int) -> String {
        var shown = ""
        var iterator = raw.makeIterator()
        var decoder = UTF8()
        var length = 0
        // Bytes that are no UTF-8 are looked at one by one.
        let bytes = Array(IteratorSequence(iterator))
        guard String(validating: bytes, as: UTF8.self) != nil else {
            for byte in bytes.prefix(limit) {
                shown += (0x20..<0x7f).contains(byte) ? String(UnicodeScalar(byte)) : "\\x" + hex(UInt32(byte), 2)
            }
            return bytes.count > limit ? shown + "…" : shown
        }
        iterator = raw.makeIterator()
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            length += 1
            if length > limit { return shown + "…" }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate:
                shown += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    private static func hex(_ value: UInt32, _ digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
