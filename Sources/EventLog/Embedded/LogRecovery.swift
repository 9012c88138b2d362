import Events
import Glibc

/// What opening a folder found: where the log really ends, and what a crash left behind it. Changes nothing.
struct LogRecovery {
    let format: LogFormat
    let folder: String
    /// The state after the last whole commit.
    private(set) var record: CommitRecord
    /// Whether something behind that commit says that it is durable.
    private(set) var isConfirmed = true
    private(set) var producers = ProducerTable()
    /// What the newest segment came to; nil without one.
    private(set) var chain: CommitChain?
    /// The segments that hold commits, oldest first.
    private(set) var segments: [Segment] = []
    /// Where the good frames of the newest of them end.
    private(set) var goodBytes: Int64 = 0
    /// Files that retention was removing.
    private(set) var expired: [Segment] = []
    /// A file that a crash left without one whole commit.
    private(set) var unfinished: Segment?
    /// The index of the newest segment.
    let index = SegmentIndex()
    /// What is to be cut off, for the log line: nothing of it was ever acknowledged.
    private(set) var notes: [String] = []

    static func segmentsFolder(_ folder: String) -> String { folder + "/segments" }

    /// Reads the newest segments and decides where the log ends.
    ///
    /// - Throws: `LogError.missing` or `LogError.damaged` when what was acknowledged cannot be read.
    init(folder: String, format: LogFormat) throws(LogError) {
        self.folder = folder
        self.format = format
        record = .empty(partitions: format.partitions)
        let path = LogRecovery.segmentsFolder(folder)
        var list = try Segment.list(path)
        let first = try LogStart.read(folder)
        if let first {
            guard let oldest = list.first, oldest.firstCommit <= first else {
                throw .missing(
                    path: Segment(firstCommit: first, folder: path).path, what: "the log begins with commit \(first)")
            }
            if list.contains(where: { $0.firstCommit == first }) {
                // A crash while retention removed them.
                expired = list.filter { $0.firstCommit < first }
                list.removeAll { $0.firstCommit < first }
            }
        }
        guard let newest = list.last else { return }
        index.begin(newest)
        var scan = try SegmentScan(newest, format, from: nil) { [index] in index.note($0, $1) }
        if scan.head == nil {
            // The first write to a segment also brings its head: without it, nothing in it was ever durable.
            if let fault = scan.fault, fault.isProvenDamage { throw damaged(newest, fault) }
            unfinished = newest
            list.removeLast()
            notes.append("\(newest.name): set aside, a crash left it without a whole commit")
            guard let earlier = list.last else {
                // Only while the log was being made can its first segment have been cut short.
                guard newest.firstCommit == 1, first == nil else {
                    throw .missing(path: path, what: "the segment before \(newest.name) is not there")
                }
                return
            }
            index.begin(earlier)
            scan = try SegmentScan(earlier, format, from: nil) { [index] in index.note($0, $1) }
            // A segment is begun only after everything in the one before it was durable.
            if let fault = scan.fault { throw damaged(earlier, fault) }
            guard scan.record?.commit == newest.firstCommit - 1 else {
                throw .damaged(
                    path: earlier.path, at: scan.goodBytes,
                    what: "commits up to \(newest.firstCommit - 1) were expected")
            }
        }
        guard let end = scan.record, let last = list.last else {
            throw .damaged(path: newest.path, at: 0, what: "the segment does not begin with the log's state")
        }
        if let fault = scan.fault {
            if fault.isProvenDamage { throw damaged(last, fault) }
            notes.append(
                "\(last.name): cut \(scan.size - scan.goodBytes) bytes of a commit that was under way when the process ended"
            )
        }
        record = end
        isConfirmed = scan.isConfirmed && unfinished == nil
        producers = scan.producers
        chain = scan.chain
        segments = list
        goodBytes = scan.goodBytes
    }

    /// Checks that the log still holds what others have taken from it.
    func check(_ taken: LogOffsets) throws(LogError) {
        guard taken.partitions == format.partitions else {
            throw .incompatible(
                path: folder, what: "the lake was written from a log of \(taken.partitions) partitions a topic")
        }
        guard !record.ends.covers(taken) else { return }
        throw .missing(
            path: segments.last?.path ?? LogRecovery.segmentsFolder(folder),
            what: "the lake already holds records that the log has lost (lake: \(taken); log: \(record.ends))")
    }

    private func damaged(_ segment: Segment, _ fault: SegmentScan.Fault) -> LogError {
        .damaged(path: segment.path, at: fault.position, what: fault.what)
    }
}

/// The first commit that the log holds, kept in the file `start` once it has a segment: a first segment that is gone for
/// another reason than retention is missed.
enum LogStart {
    private static let name = "start"

    /// The commit; nil while the log is being made.
    static func read(_ folder: String) throws(LogError) -> Int64? {
        let path = folder + "/" + name
        guard try SystemFolder.names(in: folder).contains(name) else { return nil }
        let words = String(decoding: try SystemFile.readWhole(path, limit: 1_000), as: UTF8.self).split(
            whereSeparator: \.isWhitespace)
        guard words.count == 2, words[0] == "commit", let commit = Int64(words[1]), commit > 0 else {
            throw .damaged(path: path, at: 0, what: "not the number of a commit")
        }
        return commit
    }

    static func write(_ folder: String, _ commit: Int64) throws(LogError) {
        try SystemFile.replace(folder, name, with: Array("commit \(commit)\n".utf8))
    }
}
