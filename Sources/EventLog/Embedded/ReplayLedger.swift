import Events
import Glibc
import Synchronization

/// Events from the quarantine that are on their way back into the log.
public struct ReplayBatch: Sendable, Equatable {
    /// Names the batch to the log, so that storing it again appends nothing.
    public let stamp: ProducerStamp
    /// Where their old records stand in the quarantine.
    public let offsets: OffsetSet
    /// The events, each a line of JSON.
    public let body: [UInt8]
}

/// Which records of the quarantine were judged again and stored, so that each is at most once, however often somebody
/// asks and whenever the machine stops.
///
/// A batch is written down, with its events and a number, before it is sent to the log, and its offsets are marked once
/// the log has it. A batch that is found written down is sent again as it is: the log knows its number if it has it.
///
/// ```
/// folder/replay/done       the records stored so far, and the number of the last batch
/// folder/replay/pending    the batch that is on its way
/// ```
public final class ReplayLedger: Sendable {
    private struct State {
        var producer = ""
        var sequence: Int64 = 0
        var replayed = OffsetSet()
        var pending: ReplayBatch?
    }

    /// The largest batch, in bytes of events.
    public static let batchBytes = 12 << 20
    private static let fileBytes = 64 << 20

    private let folder: String
    private let format: LogFormat
    private let lock: FileLock
    private let state = Mutex(State())

    /// Opens the ledger of a log, for one process at a time.
    ///
    /// - Parameter folder: the log's folder.
    /// - Throws: `LogError.inUse` when another process replays, `LogError.damaged` when a file is not what was written.
    public init(folder logFolder: String) throws(LogError) {
        guard let format = try LogFormat.read(logFolder) else {
            throw .missing(path: logFolder + "/format", what: "there is no log here")
        }
        let folder = logFolder + "/replay"
        try SystemFolder.create(folder)
        guard let lock = try FileLock(folder + "/lock", waiting: false) else {
            throw .inUse(path: folder, owner: "another `cartograph quarantine replay`")
        }
        self.lock = lock
        self.format = format
        self.folder = folder
        let read = try ReplayLedger.read(folder, format)
        state.withLock { $0 = read }
        if read.producer.isEmpty { try renew() }
    }

    /// The records that were stored, whatever ledger is kept of them, without taking it: for showing.
    public static func replayed(folder logFolder: String) throws(LogError) -> OffsetSet {
        guard let format = try LogFormat.read(logFolder), access(logFolder + "/replay/done", F_OK) == 0 else {
            return OffsetSet()
        }
        return try read(logFolder + "/replay", format).replayed
    }

    /// The records that were stored so far.
    public var replayed: OffsetSet { state.withLock { $0.replayed } }

    /// The batch that was on its way when the last replay ended.
    public var pending: ReplayBatch? { state.withLock { $0.pending } }

    /// Writes down a batch before it is sent.
    public func begin(_ offsets: OffsetSet, _ body: [UInt8]) throws(LogError) -> ReplayBatch {
        try state.withLock { state throws(LogError) in
            precondition(state.pending == nil, "one batch at a time")
            let stamp = ProducerStamp(producer: state.producer, sequence: state.sequence + 1)
            let batch = ReplayBatch(stamp: stamp, offsets: offsets, body: body)
            try write(batch)
            state.pending = batch
            return batch
        }
    }

    /// Marks the records of the batch that the log now has.
    public func finish(_ batch: ReplayBatch) throws(LogError) {
        try state.withLock { state throws(LogError) in
            precondition(state.pending == batch, "not the batch that is on its way")
            var next = state
            next.sequence = batch.stamp.sequence
            next.replayed.formUnion(batch.offsets)
            next.pending = nil
            try save(next)
            guard unlink(folder + "/pending") == 0 else { throw LogError.last("remove", folder + "/pending") }
            try SystemFolder.sync(folder)
            state = next
        }
    }

    /// Numbers the batches anew, under a name that the log has not seen; a batch that is on its way goes with them.
    ///
    /// For a log that no longer knows the old name, after a repair or ten thousand other senders: whether it has the
    /// batch cannot be told then, and its events may be stored twice. They count once all the same, by their ids.
    public func renew() throws(LogError) {
        let body: (OffsetSet, [UInt8])? = try state.withLock { state throws(LogError) in
            var next = state
            next.producer = ReplayLedger.newProducer()
            next.sequence = 0
            next.pending = nil
            try save(next)
            let pending = state.pending.map { ($0.offsets, $0.body) }
            state = next
            return pending
        }
        if let body { _ = try begin(body.0, body.1) }
    }

    /// Takes the lines that `isWanted` says yes to out of the batch that is on its way; returns how many.
    ///
    /// The batch keeps its number: if the log has it, sending it again stores nothing, and if not, the rest of it.
    public func erase(where isWanted: (UnsafeRawBufferPointer) -> Bool) throws(LogError) -> Int {
        try state.withLock { state throws(LogError) in
            guard let pending = state.pending else { return 0 }
            let lines = pending.body.split(separator: 0x0a)
            let kept = lines.filter { line in !Array(line).withUnsafeBytes { isWanted($0) } }
            guard kept.count < lines.count else { return 0 }
            guard !kept.isEmpty else {
                // Whether the log has the batch is not known, so its number cannot be given to another one.
                var next = state
                next.producer = ReplayLedger.newProducer()
                next.sequence = 0
                next.replayed.formUnion(pending.offsets)
                next.pending = nil
                try save(next)
                guard unlink(folder + "/pending") == 0 else { throw LogError.last("remove", folder + "/pending") }
                try SystemFolder.sync(folder)
                state = next
                return lines.count
            }
            let body = kept.flatMap { $0 + [0x0a] }
            let batch = ReplayBatch(stamp: pending.stamp, offsets: pending.offsets, body: body)
            try write(batch)
            state.pending = batch
            return lines.count - kept.count
        }
    }

    private static func newProducer() -> String { "quarantine/" + String(UInt64.random(in: .min ... .max), radix: 16) }

    // MARK: - Files

    private func write(_ batch: ReplayBatch) throws(LogError) {
        let text =
            "cartograph-replay-batch 1\nlog \(String(format.logID, radix: 16))\nproducer \(batch.stamp.producer)\n"
            + "sequence \(batch.stamp.sequence)\noffsets \(batch.offsets)\n"
        try write("pending", Array(text.utf8) + batch.body)
    }

    private func save(_ state: State) throws(LogError) {
        let text =
            "cartograph-replay 1\nlog \(String(format.logID, radix: 16))\nproducer \(state.producer)\n"
            + "sequence \(state.sequence)\noffsets \(state.replayed)\n"
        try write("done", Array(text.utf8))
    }

    private func write(_ name: String, _ body: [UInt8]) throws(LogError) {
        try SystemFile.replace(folder, name, with: SealedText.sealed(body))
    }

    private static func read(_ folder: String, _ format: LogFormat) throws(LogError) -> State {
        var state = State()
        guard let done = try parse(folder + "/done", "cartograph-replay 1", format) else { return state }
        state.producer = done.producer
        state.sequence = done.sequence
        state.replayed = done.offsets
        if let batch = try parse(folder + "/pending", "cartograph-replay-batch 1", format) {
            // One that was marked already was merely not removed yet.
            if batch.producer == done.producer, batch.sequence == done.sequence + 1 {
                let stamp = ProducerStamp(producer: batch.producer, sequence: batch.sequence)
                state.pending = ReplayBatch(stamp: stamp, offsets: batch.offsets, body: batch.rest)
            }
        }
        return state
    }

    private static func parse(
        _ path: String, _ title: String, _ format: LogFormat
    ) throws(LogError) -> (producer: String, sequence: Int64, offsets: OffsetSet, rest: [UInt8])? {
        guard access(path, F_OK) == 0 else { return nil }
        let text = SealedText.opened(try SystemFile.readWhole(path, limit: fileBytes))
        let parts = text.map { $0.split(separator: 0x0a, maxSplits: 5, omittingEmptySubsequences: false) } ?? []
        let lines = parts.prefix(5).map { String(decoding: $0, as: UTF8.self) }
        guard parts.count == 6, lines[0] == title, lines[1].hasPrefix("log "), lines[2].hasPrefix("producer "),
            lines[3].hasPrefix("sequence "), lines[4].hasPrefix("offsets"),
            let sequence = Int64(lines[3].dropFirst(9)), let offsets = OffsetSet(String(lines[4].dropFirst(8)))
        else {
            throw .damaged(
                path: path, at: 0, what: "not the ledger of replayed events: without it they would be stored again")
        }
        guard lines[1].dropFirst(4) == String(format.logID, radix: 16) else {
            throw .incompatible(path: path, what: "the ledger of another log: move the folder elsewhere")
        }
        return (String(lines[2].dropFirst(9)), sequence, offsets, Array(parts[5]))
    }
}
