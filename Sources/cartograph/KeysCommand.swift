import Access
import ArgumentParser
import Foundation

/// `cartograph keys`: who may send events.
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Write keys: make, list and revoke them, also beside a running server.",
        discussion: """
            A write key lets a tracker or a sender post events, and nothing else. As soon as there is one, nobody \
            posts without a key or the token. A running server takes changes over within \(KeyStore.watchSeconds) s.
            """,
        subcommands: [Add.self, List.self, Revoke.self])

    /// What is told of a key.
    private struct Entry: Encodable {
        let id: String
        let label: String
        let created_at: String
        let revoked_at: String?
        let rate: Int?
        let burst: Int?
        let daily: Int?
        let origins: [String]
        /// Only when it was just made.
        var key: String?

        init(_ record: KeyRecord, key: String? = nil) {
            id = record.id
            label = record.label
            created_at = record.createdAt
            revoked_at = record.revokedAt
            rate = record.rate
            burst = record.burst
            daily = record.daily
            origins = record.origins
            self.key = key
        }
    }

    private static func file(_ options: ShopOptions) throws -> KeyFile {
        KeyFile(folder: KeyFile.folder(inData: try DataFolder.open(try options.settings().data).path))
    }

    private static func print(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        Swift.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// `cartograph keys add`.
    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add", abstract: "Make a key and show it, this once: only its digest is kept.")
        @OptionGroup var options: ShopOptions
        @Option(name: .long, help: "Whose key it is.") var label: String
        @Option(name: .long, help: "Events a second that it may write on average (default: no limit).") var rate: Int?
        @Option(name: .long, help: "Events that it may write at once after a pause (default: the rate).") var burst:
            Int?
        @Option(name: .long, help: "Events that it may write in a UTC day (default: no limit).") var daily: Int?
        @Option(
            name: .customLong("origin"), parsing: .singleValue,
            help: "A web page's origin that may use it, such as https://shop.example; may be given several times.")
        var origins: [String] = []

        func run() throws {
            let key = WriteKey.generate()
            let record: KeyRecord
            do {
                record = try KeyRecord(
                    key, label: label, rate: rate, burst: burst, daily: daily, origins: origins)
            } catch {
                throw ValidationError(error.description)
            }
            try KeysCommand.file(options).change { $0.append(record) }
            guard !options.json else { return try KeysCommand.print(Entry(record, key: key.text)) }
            Swift.print(
                """
                \(key.text)
                Keep it: it is not shown again. `cartograph keys revoke \(key.id)` ends it.
                """)
        }
    }

    /// `cartograph keys ls`.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ls", abstract: "List the keys.")
        @OptionGroup var options: ShopOptions

        func run() throws {
            let records = try KeysCommand.file(options).read() ?? []
            guard !options.json else { return try KeysCommand.print(records.map { Entry($0) }) }
            func number(_ value: Int?) -> String { value.map { Int64($0).grouped } ?? "" }
            var table = TextTable(["id", "label", "rate/s", "burst", "daily", "origins", "made", "revoked"])
            for record in records {
                table.add([
                    record.id, record.label, number(record.rate), number(record.burst),
                    number(record.daily), record.origins.joined(separator: " "), record.createdAt,
                    record.revokedAt ?? "",
                ])
            }
            Swift.print(table.text, terminator: "")
        }
    }

    /// `cartograph keys revoke`.
    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke", abstract: "End a key's right to write.")
        @OptionGroup var options: ShopOptions
        @Argument(help: "The key's id, as `cartograph keys ls` shows it.") var id: String

        func run() throws {
            let revoked = try KeysCommand.file(options).change { records in
                guard let place = records.firstIndex(where: { $0.id == id }) else {
                    throw CommandError("there is no key '\(id)': `cartograph keys ls` lists them")
                }
                if records[place].revokedAt == nil { records[place].revoke() }
                return records[place]
            }
            guard !options.json else { return try KeysCommand.print(Entry(revoked)) }
            Swift.print("The key \(id) (\(revoked.label)) no longer writes.")
        }
    }
}
