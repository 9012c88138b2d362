import Dispatch
package import EventLog
import Events
import Synchronization

/// Writes checkpoints of a state: takes a copy of what has to be written, which is all that the state waits for, and puts
/// it in the folder on a thread of its own.
///
/// While the state is small, every checkpoint holds all of it. Beyond `wholeBytes`, each holds a part of the key groups
/// whole, in turn, and of the others what changed, so that the pause follows the changes and not the state.
package final class CheckpointWriter: @unchecked Sendable {
    /// About how many bytes of keyed state a checkpoint holds whole.
    package static let wholeBytes = 8 << 20
    /// The fewest groups that a checkpoint holds whole: after 8 checkpoints every group was.
    static let groupsLeast = KeyGroup.count / 8

    /// The largest checkpoint whose memory is kept for the next one, in bytes.
    static let spareBytes = 192 << 20

    private let store: CheckpointStore
    private let queue = DispatchQueue(label: "checkpoints")
    private let wholeBytes: Int
    private let fault: (CheckpointStore.Step) throws -> Void
    // Of the thread that owns the state.
    private var sequence: Int64 = 0
    private var links: [CheckpointStore.Link] = []
    private var nextGroup = 0
    // What the writing thread tells.
    private let outcome = Mutex(Outcome())

    private struct Outcome {
        var isBusy = false
        var failure: (any Error)?
        var restartsFrom: LogOffsets?
        /// The memory of the last checkpoint, for the next one.
        var spare: ByteMemory?
    }

    /// A writer into the folder of a path.
    ///
    /// - Parameters:
    ///   - loaded: the files that the state came from, if it came from any.
    ///   - wholeBytes: about how many bytes of keyed state a checkpoint holds whole.
    ///   - fault: called at each step of keeping a checkpoint; what it throws ends it there.
    package init(
        path: String, loaded: [CheckpointStore.Link] = [], wholeBytes: Int = CheckpointWriter.wholeBytes,
        fault: @escaping (CheckpointStore.Step) throws -> Void = { _ in }
    ) throws {
        store = CheckpointStore(path: path)
        self.wholeBytes = wholeBytes
        self.fault = fault
        links = loaded
        // Numbers of files that were given up, since they are damaged, are not used again.
        sequence = try store.sequences().first ?? 0
        nextGroup = loaded.last.map { $0.whole.upperBound % KeyGroup.count } ?? 0
    }

    /// Whether a checkpoint is being put in the folder.
    package var isBusy: Bool { outcome.withLock { $0.isBusy } }

    /// What a restart from any kept checkpoint reads again from the log: nothing before these offsets.
    package var restartsFrom: LogOffsets? { outcome.withLock { $0.restartsFrom } }

    /// Takes a copy of what has to be written of a state, and begins to put it in the folder.
    ///
    /// - Parameter streams: the state, by its shards.
    package func begin(_ streams: [ShopStream], _ position: Checkpoint.Position) {
        precondition(!isBusy, "the checkpoint before is not in the folder yet")
        let previous = links.last?.sequence
        let isFirst = previous == nil || streams.contains { $0.needsWholeCheckpoint }
        let bytes = streams.reduce(0) { $0 + $1.keyedBytes }
        let share = bytes <= wholeBytes ? KeyGroup.count : wholeBytes * KeyGroup.count / bytes
        let groups = isFirst ? KeyGroup.count : max(CheckpointWriter.groupsLeast, share)
        let whole =
            groups >= KeyGroup.count
            ? KeyGroup.all : nextGroup..<min(nextGroup + groups, KeyGroup.count)
        sequence += 1
        nextGroup = whole.upperBound % KeyGroup.count
        let link = CheckpointStore.Link(
            sequence: sequence, previous: whole == KeyGroup.all ? nil : previous, whole: whole, position: position)
        let spare = outcome.withLock { outcome in
            defer { outcome.spare = nil }
            return outcome.spare
        }
        var out = ByteWriter(reusing: spare)
        CheckpointFile.begin(
            &out, sequence: sequence, previous: link.previous, whole: whole, position, zone: streams[0].calendar.name)
        for (shard, stream) in streams.enumerated() { stream.write(to: &out, whole: whole, isFirst: shard == 0) }
        links.append(link)
        links = CheckpointStore.needed(links)
        let kept = links
        let content = out.finish()
        outcome.withLock { $0.isBusy = true }
        queue.async { [self] in keep(link.sequence, content, kept) }
    }

    private func keep(_ sequence: Int64, _ content: ByteMemory, _ kept: [CheckpointStore.Link]) {
        let result = Result {
            CheckpointFile.seal(content)
            try store.keep(sequence, content.bytes, kept: Set(kept.map(\.sequence)), at: fault)
        }
        let from = kept.map { $0.position.filterOffsets.minimum($0.position.offsets) }
        outcome.withLock { outcome in
            outcome.isBusy = false
            outcome.spare = content.bytes.count <= CheckpointWriter.spareBytes ? content : nil
            switch result {
            case .success: outcome.restartsFrom = from.dropFirst().reduce(from[0]) { $0.minimum($1) }
            case .failure(let error): outcome.failure = error
            }
        }
    }

    /// Waits until what was begun is in the folder.
    ///
    /// - Throws: why it is not.
    package func finish() throws {
        queue.sync {}
        try check()
    }

    /// Throws why a checkpoint is not in the folder, if one is not.
    func check() throws {
        if let failure = outcome.withLock({ $0.failure }) { throw failure }
    }
}
