import ArgumentParser
import EventLog
import Events
import Foundation
import Iceberg
import Lake

/// `cartograph log`: the log's files.
struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Look into the log: list it, check and repair its files, read events, see how far readers are.",
        discussion: "Everything but `repair` works beside a running server.",
        subcommands: [List.self, LogCheckCommand.self, LogRepairCommand.self, LogReadCommand.self, LogGroups.self])

    /// What the lake has taken from the log, if there is a lake: nothing of it can have been lost unnoticed.
    static func taken(_ folder: DataFolder, _ settings: Settings) throws -> LogOffsets? {
        let place = try LakePlace(settings.lake, folder)
        guard place.hasCatalog, let partitions = try EmbeddedLog.partitions(of: folder.log)
        else { return nil }
        return try BronzeWriter.coveredOffsets(try place.openCatalog(), partitions: partitions)
    }

    static func print(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        Swift.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// A time for people; nothing for 0.
    static func time(_ micros: Int64) -> String { micros == 0 ? "" : Timestamp.text(micros) }

    /// `cartograph log ls`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "List the segments, and where each topic begins and ends.")
        @OptionGroup var options: ShopOptions

        private struct SegmentEntry: Encodable {
            let segment: String
            let first_commit: Int64
            let last_commit: Int64
            let records: Int64
            let bytes: Int64
            let first_received_at: String?
            let last_received_at: String?
        }

        private struct TopicEntry: Encodable {
            let topic: String
            let partition: Int
            let start: Int64
            let end: Int64
        }

        private struct Listing: Encodable {
            let segments: [SegmentEntry]
            let topics: [TopicEntry]
            let commit: Int64
            let bytes: Int64
        }

        func run() async throws {
            let folder = try DataFolder.existing(try options.settings().data)
            let log = try EmbeddedLog(reading: folder.log)
            let cut = log.cut()
            let start = try log.start()
            let segments = try log.segmentSummaries().map { summary in
                let isEmpty = summary.end.commit == summary.start.commit
                return SegmentEntry(
                    segment: summary.name, first_commit: summary.start.commit + 1, last_commit: summary.end.commit,
                    records: summary.records, bytes: summary.bytes,
                    first_received_at: summary.firstReceivedAt == 0 ? nil : Timestamp.text(summary.firstReceivedAt),
                    last_received_at: isEmpty ? nil : Timestamp.text(summary.end.receivedAt))
            }
            let topics = cut.offsets.all.map {
                TopicEntry(
                    topic: $0.topic.name, partition: $0.partition, start: start.offsets[$0], end: cut.offsets[$0])
            }
            let bytes = segments.reduce(0) { $0 + $1.bytes }
            if options.json {
                return try LogCommand.print(
                    Listing(segments: segments, topics: topics, commit: cut.commit, bytes: bytes))
            }
            var table = TextTable(["segment", "commits", "records", "bytes", "first received", "last received"])
            for entry in segments {
                table.add([
                    entry.segment, "\(entry.first_commit)-\(entry.last_commit)", entry.records.grouped,
                    entry.bytes.grouped, entry.first_received_at ?? "", entry.last_received_at ?? "",
                ])
            }
            Swift.print(table.text)
            var ends = TextTable(["topic", "partition", "first offset", "end", "records held"])
            for entry in topics where entry.end > 0 {
                ends.add([
                    entry.topic, String(entry.partition), entry.start.grouped, entry.end.grouped,
                    (entry.end - entry.start).grouped,
                ])
            }
            Swift.print(ends.text)
            Swift.print("\(cut.commit.grouped) commits, \(bytes.grouped) bytes")
        }
    }
}
