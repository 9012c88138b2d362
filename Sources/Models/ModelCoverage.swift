import Foundation
import Iceberg
import Lake

/// What a snapshot of a model's table was made from. It stands in the snapshot's summary, so that the table and what is
/// known about it change in one commit, and a run that was cut short is caught up by the next.
struct ModelCoverage: Equatable {
    /// Snapshot id of each input, by its name `bronze.clicks`; empty while the input had none.
    var inputs: [String: String]
    /// Names the statement it was made by; another one means everything has to be made anew.
    var definition: String
    /// What the inputs cover of the log: by bronze table, what its snapshot says in `cartograph.offsets`.
    var offsets: [String: String]

    init(inputs: [String: String], definition: String, offsets: [String: String]) {
        self.inputs = inputs
        self.definition = definition
        self.offsets = offsets
    }

    /// What a snapshot says; nil when it was not made by a run.
    init?(_ snapshot: Snapshot) {
        guard let inputs = snapshot.summary[SnapshotState.inputs].flatMap(Self.dictionary),
            let definition = snapshot.summary[SnapshotState.definition]
        else { return nil }
        self.init(
            inputs: inputs, definition: definition,
            offsets: snapshot.summary[SnapshotState.offsets].flatMap(Self.dictionary) ?? [:])
    }

    /// The entries for the summary of a snapshot that changed these days.
    func summary(days: TouchedDays) throws -> [String: String] {
        [
            SnapshotState.inputs: try Self.text(inputs), SnapshotState.definition: definition,
            SnapshotState.offsets: try Self.text(offsets),
            SnapshotState.days: days.description,
        ]
    }

    /// Its inputs as a summary says them.
    func inputsText() throws -> String { try Self.text(inputs) }

    /// The inputs that a summary says.
    static func inputs(_ text: String) -> [String: String]? { dictionary(text) }

    private static func text(_ dictionary: [String: String]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(dictionary), as: UTF8.self)
    }

    private static func dictionary(_ text: String) -> [String: String]? {
        try? JSONDecoder().decode([String: String].self, from: Data(text.utf8))
    }

    /// A short name for a statement (FNV-1a, 64 bits).
    static func name(of text: String) -> String { name(of: text.utf8) }

    /// A short name for bytes (FNV-1a, 64 bits).
    static func name(of bytes: some Sequence<UInt8>) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }
}
