import Events

/// A walk through all of a segment, past whatever is damaged: what stays, what has to be cut out, and which records
/// have to stand in for it so that readers can pass.
///
/// It reads only. `LogCheck` tells what it finds; `LogRepair` writes the pieces that it hands out.
struct SegmentSurvey {
    /// What the rest of the log says of a segment.
    struct Place {
        /// The state before it, with all known producers.
        var state: CommitRecord
        /// The state at the beginning of the next one, if that is readable.
        var next: CommitRecord?
        /// The last commit that it may hold.
        var lastCommit: Int64 = .max
        /// Whether the log's end is in it, where a write may be under way.
        var isNewest = true
    }

    /// A piece of the repaired segment, or of what is set aside.
    enum Piece {
        /// Bytes that stay as they are.
        case kept(Range<Int64>)
        /// A record in place of what is gone.
        case written(CommitRecord, FrameHeader.Kind)
        /// Bytes that are set aside; frames among them that were saved stay as well.
        case cut(Range<Int64>)
    }

    /// The most damages that are named one by one.
    static let damagesMax = 1_000

    let segment: Segment
    let place: Place
    let format: LogFormat
    let sink: (Piece) throws(LogError) -> Void
    let visit: (Int64, CommitRecord) -> Void
    let reader: FrameReader?
    /// Bytes of the file when the walk began.
    let size: Int64
    /// The rules, and what they made of what stays.
    var chain: CommitChain
    /// Up to where the file is dealt with.
    var doneBytes: Int64 = 0
    private(set) var damages: [LogDamage] = []
    private(set) var damageCount = 0
    /// Bytes at the end that were being written, or that a crash left: nothing of them was ever acknowledged.
    var harmlessTail: Range<Int64>?
    /// Whether the file holds nothing that was ever durable: a crash left it so, and the next start removes it.
    var isUnfinished: Bool { chain.record == nil }

    /// Walks through a segment.
    ///
    /// - Parameters:
    ///   - isMissing: there is no file: what is needed in its place is handed to `sink`.
    ///   - visit: sees every point between two commits that stays where it is.
    ///   - progress: called now and then with the bytes read.
    init(
        _ segment: Segment, _ format: LogFormat, _ place: Place, isMissing: Bool = false,
        visit: @escaping (Int64, CommitRecord) -> Void = { _, _ in }, progress: (Int64) -> Void = { _ in },
        sink: @escaping (Piece) throws(LogError) -> Void = { _ in }
    ) throws(LogError) {
        self.segment = segment
        self.format = format
        self.place = place
        self.visit = visit
        self.sink = sink
        chain = CommitChain(format, firstCommit: segment.firstCommit, lastCommit: place.lastCommit)
        reader = isMissing ? nil : try FrameReader(segment, format)
        size = try reader?.size() ?? 0
        try walk(progress)
        // Only a file that a crash cut short may stay without a head.
        if chain.record == nil, !place.isNewest { try beginAnew() }
    }

    /// The state at the end; what was known before while the segment holds nothing.
    var state: CommitRecord { chain.stateSoFar ?? place.state }

    /// Whether the file may stay as it is.
    var isClean: Bool { damageCount == 0 }

    private mutating func walk(_ progress: (Int64) -> Void) throws(LogError) {
        guard let reader else { return }
        var position: Int64 = 0
        var told: Int64 = 0
        var lookedAgainAt: Int64 = -1
        while position < size {
            if position - told >= 4 << 20 {
                told = position
                progress(position)
            }
            var what: String? = "no whole frame of this log"
            var end = position
            if let header = try reader.header(at: position), let payload = try reader.payload(of: header, at: position)
            {
                what = chain.take(header, payload, expected: place.state)
                end += Int64(header.frameBytes)
            }
            if let what {
                if place.isNewest, lookedAgainAt != doneBytes {
                    // It may have been on its way when it was read ahead.
                    lookedAgainAt = doneBytes
                    reader.forget()
                    chain.dropOpenCommit()
                    position = doneBytes
                    continue
                }
                try pass(from: doneBytes, fault: position, what)
                position = doneBytes
                continue
            }
            position = end
            if chain.isBetweenCommits { try keep(upTo: position) }
        }
        if doneBytes < size { try pass(from: doneBytes, fault: doneBytes, "the last commit has no end") }
        progress(size)
    }

    mutating func keep(upTo end: Int64) throws(LogError) {
        try sink(.kept(doneBytes..<end))
        doneBytes = end
        if let record = chain.record { visit(end, record) }
    }

    /// Passes over what cannot be read from a byte between two commits on.
    private mutating func pass(from start: Int64, fault: Int64, _ what: String) throws(LogError) {
        chain.dropOpenCommit()
        guard let reader else { return }
        var rescue = SegmentRescue(reader, format, self, from: start)
        if try rescue.isHarmless() {
            if try !rescue.isZero() { harmlessTail = start..<size }
            doneBytes = size
            return
        }
        var damage = LogDamage(file: segment.name, from: fault, to: fault, what: what)
        if chain.record == nil { try beginAnew() }
        try rescue.run(&self, &damage)
        add(damage)
    }

    /// Begins with the state that the segment before ends with.
    mutating func beginAnew() throws(LogError) {
        var head = place.state
        head.namesAllProducers = true
        try write(head, .state)
    }

    /// Hands out a record in place of what is gone; returns the ends before it.
    @discardableResult
    mutating func write(_ record: CommitRecord, _ kind: FrameHeader.Kind) throws(LogError) -> LogOffsets {
        let before = state.ends
        if let wrong = chain.take(record, kind) {
            throw .damaged(
                path: segment.path, at: doneBytes,
                what: "what is left does not fit together (\(wrong)), so it cannot be repaired")
        }
        try sink(.written(record, kind))
        return before
    }

    /// Forgets the damages that another walk did not find: the file was being written to.
    mutating func keepDamages(foundBy other: SegmentSurvey) {
        let kept = damages.filter { other.damages.contains($0) }
        damageCount -= damages.count - kept.count
        damages = kept
    }

    mutating func add(_ damage: LogDamage) {
        damageCount += 1
        if damages.count < SegmentSurvey.damagesMax { damages.append(damage) }
    }

    /// Writes, behind everything, the state with which the log goes on after this segment.
    mutating func close(with target: CommitRecord, _ what: String) throws(LogError) {
        var repair = target
        repair.producers = []
        repair.namesAllProducers = false
        let first = state.commit + 1
        if chain.record == nil { try beginAnew() }
        let before = try write(repair, .repair)
        if let index = damages.indices.last, damages[index].isOpenEnded {
            damages[index].addLost(before, target.ends)
            damages[index].lastCommit = max(damages[index].lastCommit ?? 0, target.commit)
            damages[index].isOpenEnded = place.isNewest
            return
        }
        var damage = LogDamage(file: segment.name, from: size, to: size, what: what)
        damage.addLost(before, target.ends)
        if target.commit >= first {
            damage.firstCommit = first
            damage.lastCommit = target.commit
        }
        add(damage)
    }

    /// Notes that the next segment goes on where this one ends: what was cut at its end held no commit.
    mutating func settle() {
        guard let index = damages.indices.last, damages[index].isOpenEnded, !place.isNewest else { return }
        damages[index].isOpenEnded = false
        if damages[index].lostRecords == 0 { damages[index].firstCommit = nil }
    }

    /// Writes that the last commit is durable, unless something says so already.
    mutating func confirm() throws(LogError) {
        guard var record = chain.record, !chain.isConfirmed else { return }
        record.producers = []
        record.namesAllProducers = false
        try write(record, .state)
    }
}
