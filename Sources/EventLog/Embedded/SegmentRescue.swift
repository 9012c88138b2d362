import Events

/// Finds, in a part of a segment that cannot be read on, the frames that can be trusted, and goes on behind it.
///
/// A frame is trusted when its checksum holds and it fits between the state before the part and the next record that can
/// be read. Records of repair stand before and behind what is saved, so that what is gone shows as a jump of offsets.
struct SegmentRescue {
    /// The record from which on the segment can be read again.
    private struct Anchor {
        let position: Int64
        let header: FrameHeader
        let record: CommitRecord
    }

    /// Saved frames of one commit, in the order of their partitions: at most one for each.
    private struct Group {
        var frames: [(header: FrameHeader, position: Int64, place: (partition: TopicPartition, slot: Int))] = []
        var commit: Int64 { frames.last?.header.commit ?? 0 }

        /// Moves the ends of the group's partitions to where its frames begin.
        func starts(_ ends: LogOffsets) -> LogOffsets {
            frames.reduce(into: ends) { $0[$1.place.partition] = $1.header.baseOffset }
        }
    }

    private let reader: FrameReader
    private let format: LogFormat
    private let start: Int64
    private let size: Int64
    private let before: CommitRecord
    private let place: SegmentSurvey.Place
    private let isAtHead: Bool
    /// The state of the next segment, unless this one has come to another already.
    private let limit: CommitRecord?
    private var anchor: Anchor?
    /// Whether something proves that the part was durable.
    private var isProven = false

    init(_ reader: FrameReader, _ format: LogFormat, _ survey: SegmentSurvey, from start: Int64) {
        self.reader = reader
        self.format = format
        self.start = start
        size = survey.size
        let before = survey.chain.record ?? survey.place.state
        self.before = before
        place = survey.place
        isAtHead = survey.chain.record == nil
        limit = survey.place.next.flatMap { before.canLead(to: $0) ? $0 : nil }
    }

    /// Whether the part is the end of the log and nothing proves that it was ever durable: a write that is under way, or
    /// that was when the process or the machine stopped.
    mutating func isHarmless() throws(LogError) -> Bool {
        try findAnchor()
        guard place.isNewest else { return try isZero() }
        if isAtHead, let header = try reader.header(at: 0), header.kind == .state, header.commit != before.commit,
            try reader.payload(of: header, at: 0) != nil
        {
            isProven = true
        }
        if !isProven, !isAtHead, let anchor, anchor.header.kind == .commit {
            // A whole commit behind something else: that one was durable before it.
            isProven =
                try groups(upTo: anchor).last.map {
                    $0.starts(anchor.record.ends) == before.ends && $0.frames.first.map { $0.position > start } == true
                } ?? false
        }
        return !isProven
    }

    func isZero() throws(LogError) -> Bool {
        var at = start
        while at < size {
            let count = Int(min(size - at, 64 << 10))
            guard let bytes = try reader.bytes(count, at: at) else { return false }
            for index in 0..<count where bytes.load(fromByteOffset: index, as: UInt8.self) != 0 { return false }
            at += Int64(count)
        }
        return true
    }

    // MARK: - Finding the way on

    /// Hands every whole frame of the log from the part's first byte on to `body`, until that returns false.
    private func forEachFrame(
        _ body: (FrameHeader, Int64) throws(LogError) -> Bool
    ) throws(LogError) {
        var at = start
        while let position = try isFrame(at)
            ? at : SegmentScan.findFrame(reader, after: at, size, format, where: { _ in true })
        {
            guard let header = try reader.header(at: position), try body(header, position) else { return }
            at = position + Int64(header.frameBytes)
        }
    }

    private func isFrame(_ position: Int64) throws(LogError) -> Bool {
        guard let header = try reader.header(at: position) else { return false }
        return try reader.payload(of: header, at: position) != nil
    }

    /// Looks for the first record that can follow the state before the part. One that is itself followed by earlier
    /// commits stands in the wrong place.
    private mutating func findAnchor() throws(LogError) {
        var found: Anchor?
        var proven = false
        let last = before.commit
        let lastAllowed = min(place.lastCommit, limit?.commit ?? .max)
        try forEachFrame { header, position throws(LogError) in
            switch header.kind {
            case .records, .commit: proven = proven || header.commit > last + 1
            case .state, .repair: proven = proven || header.commit > last
            }
            let isNewer = header.commit > last || (header.commit == last && header.kind != .records)
            guard isNewer, header.commit <= lastAllowed else { return true }
            if let candidate = found {
                let isSame = header.commit == candidate.header.commit
                if header.commit > candidate.header.commit
                    || (isSame && (header.kind == .state || header.kind == .repair))
                {
                    return false
                }
                found = nil
            }
            guard header.kind != .records, let payload = try reader.payload(of: header, at: position),
                let record = CommitRecord(header, payload, partitions: format.partitions), before.canLead(to: record),
                limit.map({ record.canLead(to: $0) }) ?? true, header.kind != .commit || record.commit > last
            else { return true }
            found = Anchor(position: position, header: header, record: record)
            return true
        }
        anchor = found
        isProven = proven
    }

    // MARK: - Saving frames

    /// The frames before the anchor that fit, in groups of one commit; called with each group when it is complete.
    private func forEachGroup(
        upTo anchor: Anchor?, _ body: (Group) throws(LogError) -> Void, skipped: (Range<Int64>) -> Void = { _ in }
    ) throws(LogError) {
        var group = Group()
        var ends = before.ends
        var lastCommit = before.commit
        var lastReceivedAt = before.receivedAt
        var done = start
        let bound = anchor?.record ?? limit
        let commitMax = min(place.lastCommit, bound?.commit ?? .max)
        try forEachFrame { header, position throws(LogError) in
            if let anchor, position >= anchor.position { return false }
            guard header.kind == .records, let place = header.place(in: format), header.commit > lastCommit,
                header.commit <= commitMax, header.receivedAt > lastReceivedAt,
                header.receivedAt <= bound?.receivedAt ?? .max, header.baseOffset >= ends[place.partition],
                header.endOffset <= bound?.ends[place.partition] ?? .max, header.commit >= group.commit
            else { return true }
            if let anchor, header.commit == anchor.record.commit, anchor.header.kind != .repair {
                guard header.receivedAt == anchor.record.receivedAt,
                    header.endOffset == anchor.record.ends[place.partition]
                else { return true }
            }
            if let last = group.frames.last {
                if header.commit == last.header.commit {
                    guard header.receivedAt == last.header.receivedAt, place.slot > last.place.slot else { return true }
                } else {
                    guard header.receivedAt > last.header.receivedAt else { return true }
                    lastCommit = last.header.commit
                    lastReceivedAt = last.header.receivedAt
                    try body(group)
                    group = Group()
                }
            }
            ends[place.partition] = header.endOffset
            group.frames.append((header, position, place))
            if done < position { skipped(done..<position) }
            done = position + Int64(header.frameBytes)
            return true
        }
        if !group.frames.isEmpty { try body(group) }
        let end = anchor?.position ?? size
        if done < end { skipped(done..<end) }
    }

    private func groups(upTo anchor: Anchor) throws(LogError) -> [Group] {
        var last: Group?
        try forEachGroup(upTo: anchor) { last = $0 }
        return last.map { $0.commit == anchor.record.commit ? [$0] : [] } ?? []
    }

    /// Hands out what can be saved, and goes on behind the part.
    mutating func run(_ survey: inout SegmentSurvey, _ damage: inout LogDamage) throws(LogError) {
        var cut: Range<Int64>?
        var closing: Group?
        let anchor = anchor
        try forEachGroup(upTo: anchor) { group throws(LogError) in
            if let anchor, anchor.header.kind == .commit, group.commit == anchor.record.commit {
                closing = group
            } else {
                try saveLoose(group, &survey, &damage)
            }
        } skipped: {
            cut = (cut?.lowerBound ?? $0.lowerBound)..<$0.upperBound
        }
        if let anchor {
            let isGone = try finish(at: anchor, closing, &survey, &damage)
            survey.doneBytes = anchor.position + Int64(anchor.header.frameBytes)
            if isGone {
                cut = (cut?.lowerBound ?? anchor.position)..<survey.doneBytes
            } else if let record = survey.chain.record {
                survey.visit(survey.doneBytes, record)
            }
        } else {
            if place.isNewest, !survey.chain.isBetweenCommits {
                // Nothing tells what else the last of them held.
                try repair(survey.state, &survey, &damage)
            }
            damage.isOpenEnded = true
            damage.firstCommit = before.commit + 1
            damage.lastCommit = survey.state.commit > before.commit ? survey.state.commit : nil
            survey.doneBytes = size
        }
        if let cut {
            damage.from = cut.lowerBound
            damage.to = cut.upperBound
            try survey.sink(.cut(cut))
        }
    }

    /// Saves frames of a commit whose record is gone.
    private mutating func saveLoose(
        _ group: Group, _ survey: inout SegmentSurvey, _ damage: inout LogDamage
    ) throws(LogError) {
        let state = survey.state
        var start = state
        start.ends = group.starts(state.ends)
        start.commit = group.commit - 1
        start.receivedAt = (group.frames.first?.header.receivedAt ?? 0) - 1
        start.totals.count(from: state.ends, to: start.ends)
        if !survey.chain.isBetweenCommits || start.commit != state.commit || start.ends != state.ends {
            try repair(start, &survey, &damage)
        }
        try keep(group, &survey)
    }

    /// Goes on at the anchor; returns whether its own frame has to go.
    private mutating func finish(
        at anchor: Anchor, _ group: Group?, _ survey: inout SegmentSurvey, _ damage: inout LogDamage
    ) throws(LogError) -> Bool {
        let state = survey.state
        let record = anchor.record
        if anchor.header.kind == .commit, let group {
            var start = record
            start.producers = []
            start.commit = record.commit - 1
            start.receivedAt = record.receivedAt - 1
            start.ends = group.starts(record.ends)
            start.totals.uncount(from: start.ends, to: record.ends)
            start.totals.received = max(start.totals.received, state.totals.received)
            if !survey.chain.isBetweenCommits || start.commit != state.commit || start.ends != state.ends {
                try repair(start, &survey, &damage)
                damage.lastCommit = record.commit
            }
            try keep(group, &survey)
            try keep(anchor, &survey)
            return false
        }
        if anchor.header.kind == .repair {
            note(from: state, to: record, &damage)
            try keep(anchor, &survey)
            return false
        }
        let isSame = survey.chain.isBetweenCommits && record.isSameState(as: state)
        if !isSame {
            // Its producers are known, whatever else of the commit is gone.
            var repair = record
            repair.namesAllProducers = false
            try self.repair(repair, &survey, &damage)
        }
        guard anchor.header.kind == .state else { return true }
        try keep(anchor, &survey)
        return false
    }

    private mutating func repair(
        _ record: CommitRecord, _ survey: inout SegmentSurvey, _ damage: inout LogDamage
    ) throws(LogError) {
        note(from: survey.state, to: record, &damage)
        try survey.write(record, .repair)
    }

    private func note(from state: CommitRecord, to record: CommitRecord, _ damage: inout LogDamage) {
        damage.addLost(state.ends, record.ends)
        damage.firstCommit = damage.firstCommit ?? before.commit + 1
        damage.lastCommit = max(damage.lastCommit ?? 0, record.commit, before.commit + 1)
    }

    private func keep(_ group: Group, _ survey: inout SegmentSurvey) throws(LogError) {
        for frame in group.frames { try keep(frame.header, frame.position, &survey) }
    }

    private func keep(_ anchor: Anchor, _ survey: inout SegmentSurvey) throws(LogError) {
        try keep(anchor.header, anchor.position, &survey)
    }

    private func keep(_ header: FrameHeader, _ position: Int64, _ survey: inout SegmentSurvey) throws(LogError) {
        guard let payload = try reader.payload(of: header, at: position) else {
            throw .damaged(path: reader.path, at: position, what: "the file changed while it was read")
        }
        if let wrong = survey.chain.take(header, payload) {
            throw .damaged(
                path: reader.path, at: position,
                what: "what is left does not fit together (\(wrong)), so it cannot be repaired")
        }
        try survey.sink(.kept(position..<(position + Int64(header.frameBytes))))
    }
}

extension LogTotals {
    /// Adds what the offsets between two ends hold, as if all of it had been received.
    mutating func count(from start: LogOffsets, to end: LogOffsets) {
        let newAccepted = end.acceptedRecords - start.acceptedRecords
        let newQuarantined = end.records(in: .quarantine) - start.records(in: .quarantine)
        accepted += newAccepted
        quarantined += newQuarantined
        received += newAccepted + newQuarantined
    }

    /// Takes off what the offsets between two ends hold.
    mutating func uncount(from start: LogOffsets, to end: LogOffsets) { count(from: end, to: start) }
}
