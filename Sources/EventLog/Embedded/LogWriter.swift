import Events
import Glibc

/// The one writer of an embedded log: takes what waits, writes it as one commit, syncs, and only then answers.
///
/// It runs on a thread of its own, since it spends its life in system calls. While one commit is being synced the
/// next batches gather, so the cost of a sync is shared by all who wait for it (group commit).
final class LogWriter {
    private let format: LogFormat
    private let published: PublishedState
    private let index: SegmentIndex
    private var segments: SegmentWriter
    private var record: CommitRecord
    private var isConfirmed: Bool
    private var producers: ProducerTable
    private let clock: @Sendable () -> Int64
    // Used again for every commit.
    private var sizes: [Int]
    private var counts: [Int]
    private let cursors: UnsafeMutablePointer<UnsafeMutableRawPointer>

    init(
        _ recovered: LogRecovery, published: PublishedState, segmentBytes: Int64,
        clock: @escaping @Sendable () -> Int64
    ) throws(LogError) {
        format = recovered.format
        record = recovered.record
        isConfirmed = recovered.isConfirmed
        producers = recovered.producers
        index = recovered.index
        self.published = published
        self.clock = clock
        let slots = Topic.allCases.count * format.partitions
        sizes = Array(repeating: 0, count: slots)
        counts = sizes
        cursors = .allocate(capacity: slots)
        let folder = LogRecovery.segmentsFolder(recovered.folder)
        segments = SegmentWriter(folder: folder, sizeLimit: segmentBytes)
        try LogRetention.remove(recovered.expired, folder)
        if let unfinished = recovered.unfinished { try LogWriter.setAside(unfinished, in: recovered.folder) }
        if let last = recovered.segments.last {
            try segments.resume(last, at: recovered.goodBytes)
        } else if let begun = try beginSegmentIfFull(record.commit + 1) {
            // There is always a segment, so that a lost one can be told from a new log.
            try segments.write(published.directory.recent)
            published.directory.add(begun)
        }
        if try LogStart.read(recovered.folder) == nil { try LogStart.write(recovered.folder, 1) }
        published.publish(record.cut)
    }

    deinit { cursors.deallocate() }

    /// Takes a segment without one whole commit out of the way, and keeps what is in it: should it ever have held more,
    /// somebody can look.
    private static func setAside(_ unfinished: Segment, in folder: String) throws(LogError) {
        if try SystemFile(opening: unfinished.path, flags: O_RDONLY).size() == 0 {
            guard unlink(unfinished.path) == 0 else { throw LogError.last("remove", unfinished.path) }
        } else {
            let damaged = folder + "/damaged"
            try SystemFolder.create(damaged)
            let kept = damaged + "/" + unfinished.name.dropLast(4) + "-unfinished.bytes"
            guard rename(unfinished.path, kept) == 0 else { throw LogError.last("rename", unfinished.path) }
            try SystemFolder.sync(damaged)
        }
        try SystemFolder.sync(LogRecovery.segmentsFolder(folder))
    }

    /// Whether the last commit still lacks something behind it that says it is durable.
    var needsConfirmation: Bool { !isConfirmed }

    /// The number of the last commit.
    var lastCommit: Int64 { record.commit }

    /// The last sequence stored for a producer; 0 for one that is not known.
    func lastSequence(of producer: String) -> Int64 { producers.lastSequence(of: producer) }

    /// Writes batches as one commit and syncs it; returns the commit's number.
    func commit(_ batches: [AppendBatch]) throws(LogError) -> Int64 {
        var next = record
        next.commit += 1
        // Clocks step back; the order of commits must not.
        next.receivedAt = max(clock(), record.receivedAt + 1)
        next.producers = batches.compactMap(\.stamp)
        next.namesAllProducers = false
        for batch in batches {
            next.totals.received += batch.received
            next.totals.accepted += batch.accepted
            next.totals.quarantined += batch.quarantined
        }
        let begun = try beginSegmentIfFull(next.commit)
        putFrames(of: batches, &next)
        put(next, .commit)
        try segments.write(published.directory.recent)
        for stamp in next.producers { producers.note(stamp) }
        record = next
        isConfirmed = false
        if let begun { published.directory.add(begun) }
        index.note(segments.size, record)
        published.publish(record.cut)
        return record.commit
    }

    /// Writes that the last commit is durable, so that damage to it can be told from a crash in its middle.
    func confirm() throws(LogError) {
        guard !isConfirmed, !segments.isFull || !segments.isEmpty else { return }
        var state = record
        state.producers = []
        state.namesAllProducers = false
        put(state, .state)
        try segments.write(published.directory.recent)
        isConfirmed = true
    }

    /// Forgets producers.
    func forget(_ isWanted: (String) -> Bool) {
        producers.forget(isWanted)
        record.producers.removeAll { isWanted($0.producer) }
    }

    /// Lets `work` put another file of the same size in the newest segment's place, and goes on behind it.
    func exchangeNewest(_ work: (Segment) throws(LogError) -> Void) throws(LogError) {
        guard let segment = segments.segment, !segments.isEmpty else { return }
        let end = segments.size
        try segments.finish()
        var failure: LogError?
        do throws(LogError) { try work(segment) } catch { failure = error }
        try segments.resume(segment, at: end)
        published.directory.recent.clear()
        if let failure { throw failure }
    }

    /// Whether a segment is open for the next commit.
    var isWritable: Bool { segments.isOpen }

    /// Ends the newest segment where its frames end.
    func finish() throws(LogError) { try segments.finish() }

    /// Begins a new segment with the state of the log, so that it can be read by itself.
    private func beginSegmentIfFull(_ commit: Int64) throws(LogError) -> Segment? {
        // One that is full of its head alone still takes the commit that it is named after.
        guard segments.isFull, segments.segment?.firstCommit != commit else { return nil }
        if let finished = segments.segment, let points = index.points(of: finished) {
            SegmentIndex.save(points, of: finished, format)
        }
        try segments.begin(commit)
        if let begun = segments.segment { index.begin(begun) }
        var state = record
        state.producers = producers.stamps
        state.namesAllProducers = true
        put(state, .state)
        return segments.segment
    }

    /// Puts one frame for every partition that gets records into the block: all records are copied in one pass, each to
    /// its frame's cursor.
    private func putFrames(of batches: [AppendBatch], _ next: inout CommitRecord) {
        for slot in sizes.indices {
            sizes[slot] = 0
            counts[slot] = 0
        }
        for batch in batches {
            for slot in sizes.indices {
                let share = batch.share(slot)
                sizes[slot] &+= share.bytes
                counts[slot] &+= share.records
            }
        }
        var total = 0
        for slot in sizes.indices where counts[slot] > 0 { total += FrameHeader.size + sizes[slot] }
        let start = segments.block.extend(total)
        var frame = start
        for slot in sizes.indices where counts[slot] > 0 {
            cursors[slot] = frame + FrameHeader.size
            frame += FrameHeader.size + sizes[slot]
        }
        for batch in batches { batch.write(to: cursors) }
        frame = start
        for slot in sizes.indices where counts[slot] > 0 {
            let topic = Topic.allCases[slot / format.partitions]
            let partition = slot % format.partitions
            let header = FrameHeader(
                payloadBytes: sizes[slot], records: counts[slot], baseOffset: next.ends[topic, partition],
                receivedAt: next.receivedAt, commit: next.commit, topic: UInt16(topic.rawValue),
                partition: UInt16(partition), kind: .records, logID: format.logID)
            header.write(to: frame)
            next.ends[topic, partition] = header.endOffset
            frame += header.frameBytes
        }
    }

    private func put(_ record: CommitRecord, _ kind: FrameHeader.Kind) {
        let payload = record.encoded()
        let frame = segments.block.extend(FrameHeader.size + payload.count)
        payload.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            (frame + FrameHeader.size).copyMemory(from: base, byteCount: bytes.count)
        }
        FrameHeader(
            payloadBytes: payload.count, records: 1, baseOffset: record.commit, receivedAt: record.receivedAt,
            commit: record.commit, topic: FrameHeader.recordTopic, partition: 0, kind: kind, logID: format.logID
        ).write(to: frame)
    }
}
