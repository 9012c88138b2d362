import ArgumentParser
import EventLog
import Events
import Foundation

/// `cartograph log groups`: groups of readers and how far they are.
struct LogGroups: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "groups", abstract: "Groups of readers: how far each is, moving and forgetting them.",
        subcommands: [List.self, Move.self, Remove.self], defaultSubcommand: List.self)

    /// `cartograph log groups ls`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ls", abstract: "List the groups and their lag.")
        @OptionGroup var options: ShopOptions

        private struct Entry: Encodable {
            let group: String
            let topics: [String]
            let lag: Int64
            let offsets: [String: [Int64]]
            let committed_at: String
        }

        func run() async throws {
            let folder = try DataFolder.existing(try options.settings().data)
            let log = try EmbeddedLog(reading: folder.log)
            let cut = log.cut()
            let entries = try ConsumerGroups(folder: folder.log).list().map { group in
                let offsets = group.topics.map { topic in
                    (topic.name, (0..<log.partitions).map { group.offsets[topic, $0] })
                }
                return Entry(
                    group: group.name, topics: group.topics.map(\.name), lag: group.lag(behind: cut),
                    offsets: Dictionary(uniqueKeysWithValues: offsets),
                    committed_at: Timestamp.text(group.committedAt))
            }
            if options.json { return try LogCommand.print(entries) }
            guard !entries.isEmpty else {
                return print("There are no groups: `cartograph log read --group` makes one.")
            }
            var table = TextTable(["group", "topics", "lag", "last moved"])
            for entry in entries {
                table.add([entry.group, entry.topics.joined(separator: ","), entry.lag.grouped, entry.committed_at])
            }
            print(table.text, terminator: "")
        }
    }

    /// `cartograph log groups set`.
    struct Move: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "set", abstract: "Move a group.")
        @OptionGroup var options: ShopOptions
        @Argument(help: "The group.") var group: String
        @Option(name: .long, help: "start, end, or a time (RFC 3339): what was received from then on comes next.")
        var to: String
        @Option(name: .long, help: "The topic that a new group reads.") var topic: String?

        func run() async throws {
            let folder = try DataFolder.existing(try options.settings().data)
            let log = try EmbeddedLog(reading: folder.log)
            let groups = try ConsumerGroups(folder: folder.log)
            let known = try groups.names().contains(group) ? topics(groups) : nil
            guard let topics = try topic.map({ name in try [LogGroups.topic(name)] }) ?? known else {
                throw CommandError("there is no group \(group) yet: say with --topic what it reads")
            }
            let offsets: LogOffsets
            switch to {
            case "start": offsets = try log.start().offsets
            case "end": offsets = try log.refresh().offsets
            default:
                guard let instant = Timestamp.parse(to) else {
                    throw CommandError("--to '\(to)' is neither start, end nor a time such as 2026-11-21T10:00:00Z")
                }
                offsets = try log.cut(before: instant).offsets
            }
            try groups.commit(group, offsets, of: topics)
        }

        /// What the group reads; nothing where its file is not readable and is about to be replaced.
        private func topics(_ groups: ConsumerGroups) throws -> [Topic]? {
            do { return try groups.group(group)?.topics } catch LogError.damaged where topic != nil { return nil }
        }
    }

    /// `cartograph log groups remove`.
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "remove", abstract: "Forget a group.")
        @OptionGroup var options: ShopOptions
        @Argument(help: "The group.") var group: String

        func run() async throws {
            let folder = try DataFolder.existing(try options.settings().data)
            guard try ConsumerGroups(folder: folder.log).remove(group) else {
                throw CommandError("there is no group \(group): see `cartograph log groups`")
            }
        }
    }

    fileprivate static func topic(_ name: String) throws -> Topic {
        guard let topic = Topic(name: name) else {
            throw CommandError(
                "there is no topic '\(name)'; there are \(Topic.allCases.map(\.name).joined(separator: ", "))")
        }
        return topic
    }
}
