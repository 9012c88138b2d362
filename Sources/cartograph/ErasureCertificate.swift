import Events
import Foundation
import Lake

/// What an erasure did and what was found afterwards, without saying whom it was about.
struct ErasureCertificate: Codable {
    /// What the log lost.
    struct Log: Codable {
        /// Records overwritten, by topic, of this and of interrupted runs.
        var records: [String: Int64] = [:]
        /// Segments written anew in this run.
        var segments: [String] = []
        /// Names of senders that named one of them, overwritten in this run.
        var senders = 0
    }

    /// What an object store kept of objects that are gone, and lost.
    struct Store: Codable, Equatable {
        /// Old versions, and marks of deleted objects.
        var versions = 0
        /// Uploads in parts that were never completed.
        var uploads = 0
    }

    /// What was found afterwards.
    struct Verification: Codable {
        /// Whether the books balance.
        var balanced = false
        /// Lines of the books that do not, and what kept them from being read.
        var problems: [String] = []
        /// The scan of all bytes.
        var scan = ErasureScan.Report()
    }

    /// Names the erasure.
    var id: String
    /// The keyed hashes of the people's ids, sorted; the key is in `erasures/people`.
    var subjects: [String]
    var version: String
    /// Nothing was changed.
    var dryRun = false
    var startedAt: String
    var finishedAt = ""
    var seconds = 0.0
    /// Events of these people up to then are not let in again.
    var erasedUntil = ""
    var log = Log()
    var tables: [TableErasure.Report] = []
    /// Business days made again; nil for all.
    var businessDays: Int?
    /// Models whose tables changed.
    var models = 0
    /// Lines taken out of a quarantine replay that was on its way.
    var replayLines = 0
    /// Files that repairs had set aside and that named one of them, deleted.
    var setAside: [String] = []
    /// Files deleted that killed processes had left half-written, whosever they were.
    var deadFiles = 0
    /// What was deleted beside the tables' files; nil where no table is in an object store.
    var store: Store?
    var verification = Verification()
    /// Whether nothing is left and the books balance.
    var complete: Bool {
        verification.balanced && verification.problems.isEmpty && verification.scan.leftovers.isEmpty
    }

    enum CodingKeys: String, CodingKey {
        case id, subject, subjects, version, log, tables, store, models, seconds, verification, complete
        case dryRun = "dry_run"
        case startedAt = "started_at"
        case finishedAt = "finished_at"
        case erasedUntil = "erased_until"
        case businessDays = "business_days"
        case replayLines = "replay_lines"
        case setAside = "set_aside"
        case deadFiles = "dead_files"
    }

    init(id: String, subjects: [String], startedAt: Int64) {
        self.id = id
        self.subjects = subjects
        version = Cartograph.version
        self.startedAt = Timestamp.text(startedAt)
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        id = try values.decode(String.self, forKey: .id)
        // One person is told in the way of the time when there was never more than one.
        subjects =
            try values.decodeIfPresent(String.self, forKey: .subject).map { [$0] }
            ?? values.decode([String].self, forKey: .subjects)
        version = try values.decode(String.self, forKey: .version)
        dryRun = try values.decode(Bool.self, forKey: .dryRun)
        startedAt = try values.decode(String.self, forKey: .startedAt)
        finishedAt = try values.decode(String.self, forKey: .finishedAt)
        seconds = try values.decode(Double.self, forKey: .seconds)
        erasedUntil = try values.decode(String.self, forKey: .erasedUntil)
        log = try values.decode(Log.self, forKey: .log)
        tables = try values.decode([TableErasure.Report].self, forKey: .tables)
        businessDays = try values.decodeIfPresent(Int.self, forKey: .businessDays)
        models = try values.decode(Int.self, forKey: .models)
        replayLines = try values.decode(Int.self, forKey: .replayLines)
        setAside = try values.decode([String].self, forKey: .setAside)
        deadFiles = try values.decode(Int.self, forKey: .deadFiles)
        store = try values.decodeIfPresent(Store.self, forKey: .store)
        verification = try values.decode(Verification.self, forKey: .verification)
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(id, forKey: .id)
        if subjects.count == 1 {
            try values.encode(subjects[0], forKey: .subject)
        } else {
            try values.encode(subjects, forKey: .subjects)
        }
        try values.encode(version, forKey: .version)
        try values.encode(complete, forKey: .complete)
        try values.encode(dryRun, forKey: .dryRun)
        try values.encode(startedAt, forKey: .startedAt)
        try values.encode(finishedAt, forKey: .finishedAt)
        try values.encode(seconds, forKey: .seconds)
        try values.encode(erasedUntil, forKey: .erasedUntil)
        try values.encode(log, forKey: .log)
        try values.encode(tables, forKey: .tables)
        try values.encode(businessDays, forKey: .businessDays)
        try values.encode(models, forKey: .models)
        try values.encode(replayLines, forKey: .replayLines)
        try values.encode(setAside, forKey: .setAside)
        try values.encode(deadFiles, forKey: .deadFiles)
        try values.encodeIfPresent(store, forKey: .store)
        try values.encode(verification, forKey: .verification)
    }

    /// The certificate as it is kept and printed.
    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    /// The certificate for people.
    var text: String {
        let records = log.records.values.reduce(0, +)
        var lines = [dryRun ? "Dry run: nothing was changed." : "Certificate of erasure \(id)", ""]
        var table = TextTable(["", ""])
        func add(_ name: String, _ value: String) { table.add([name, value]) }
        if !dryRun {
            if subjects.count == 1 {
                add("person (keyed hash)", subjects[0])
            } else {
                add("people (keyed hashes in the kept certificate)", Int64(subjects.count).grouped)
            }
            add("started, finished", "\(startedAt), \(finishedAt)")
        }
        if !dryRun { add("events up to", erasedUntil) }
        add("records in the log", records.grouped)
        for (topic, count) in log.records.sorted(by: { $0.key < $1.key }) { add("  \(topic)", count.grouped) }
        if dryRun { return (lines + [table.text]).joined(separator: "\n") }
        add("segments written anew", Int64(log.segments.count).grouped)
        if log.senders > 0 { add("names of senders", Int64(log.senders).grouped) }
        add("rows in tables", tables.reduce(0) { $0 + $1.rows }.grouped)
        add("files of tables replaced", Int64(tables.reduce(0) { $0 + $1.filesReplaced }).grouped)
        add("old snapshots forgotten", Int64(tables.reduce(0) { $0 + $1.snapshotsExpired }).grouped)
        add(
            "old files deleted",
            Int64(tables.reduce(0) { $0 + $1.dataFilesDeleted + $1.manifestsDeleted + $1.orphansDeleted }).grouped)
        let dropped = tables.flatMap { report in report.referencesDropped.map { "\(report.table) \($0)" } }
        if !dropped.isEmpty { add("tags and branches forgotten", dropped.joined(separator: ", ")) }
        add("business days made again", businessDays.map { Int64($0).grouped } ?? "all")
        if replayLines > 0 { add("lines of a replay", Int64(replayLines).grouped) }
        for file in setAside { add("deleted", file) }
        if deadFiles > 0 { add("half-written files deleted", Int64(deadFiles).grouped) }
        if let store {
            add("old versions in the object store", Int64(store.versions).grouped)
            add("unfinished uploads there", Int64(store.uploads).grouped)
        }
        add(
            "looked at afterwards",
            "\(Int64(verification.scan.files).grouped) files, \(verification.scan.bytes.grouped) bytes, "
                + "\(verification.scan.records.grouped) records")
        lines.append(table.text)
        for leftover in verification.scan.leftovers { lines.append("  ✗ still there: \(leftover)") }
        for problem in verification.problems { lines.append("  ✗ \(problem)") }
        lines.append(
            complete
                ? "Nothing of \(subjects.count == 1 ? "the person" : "these people") is left, and the books balance."
                : "The erasure is NOT complete.")
        return lines.joined(separator: "\n")
    }
}
