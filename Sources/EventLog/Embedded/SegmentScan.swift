import Events
import Glibc

/// A walk through a segment from its beginning, which holds every frame against its checksum and every commit against
/// the state before it.
struct SegmentScan {
    /// Why a segment cannot be read on from a byte.
    struct Fault: Equatable {
        let position: Int64
        let what: String
        /// Whether something behind the byte proves that what stood there was durable: then it is damaged. Otherwise it
        /// may be the rest of a write that was under way when the process or the machine stopped.
        var isProvenDamage = false
    }

    let segment: Segment
    /// The rules, and what they made of the frames read.
    private(set) var chain: CommitChain
    /// Where the last whole commit ends, in bytes.
    private(set) var goodBytes: Int64 = 0
    /// Bytes of the file.
    private(set) var size: Int64
    /// What ended the walk before the end of the file, other than the zeros that fill up the last block.
    private(set) var fault: Fault?

    private let format: LogFormat

    /// The state at the segment's beginning; nil when it does not begin with a readable one.
    var head: CommitRecord? { chain.head }
    /// The state after the last whole commit; nil without a head.
    var record: CommitRecord? { chain.record }
    /// Whether the last whole commit is known to be durable.
    var isConfirmed: Bool { chain.isConfirmed }
    /// The producers' places in the order of their last batches, oldest first.
    var producers: ProducerTable { chain.producers }

    /// Walks through a segment.
    ///
    /// - Parameters:
    ///   - expected: the state that the segment must begin with, if known.
    ///   - visit: sees every point between two commits.
    init(
        _ segment: Segment, _ format: LogFormat, from expected: CommitRecord?,
        visit: (Int64, CommitRecord) -> Void = { _, _ in }
    ) throws(LogError) {
        self.segment = segment
        self.format = format
        chain = CommitChain(format, firstCommit: segment.firstCommit)
        let reader = try FrameReader(segment, format)
        size = try reader.size()
        try walk(reader, from: 0, expected, visit)
        try judgeTail(reader)
    }

    /// Takes in frames from a byte between two commits on, up to the end or to what cannot be read.
    private mutating func walk(
        _ reader: FrameReader, from start: Int64, _ expected: CommitRecord?, _ visit: (Int64, CommitRecord) -> Void
    ) throws(LogError) {
        var position = start
        while position < size {
            guard let header = try reader.header(at: position),
                let payload = try reader.payload(of: header, at: position)
            else {
                fault = Fault(position: position, what: "no whole frame of this log")
                break
            }
            if let what = chain.take(header, payload, expected: expected) {
                fault = Fault(position: position, what: what)
                break
            }
            position += Int64(header.frameBytes)
            guard chain.isBetweenCommits, let record = chain.record else { continue }
            goodBytes = position
            visit(goodBytes, record)
        }
        if fault == nil, goodBytes < size {
            fault = Fault(position: goodBytes, what: "the last commit has no end")
        }
    }

    /// Finds out what stands behind the last whole commit: nothing but zeros, a write that was under way, or damage.
    private mutating func judgeTail(_ reader: FrameReader) throws(LogError) {
        guard fault != nil else { return }
        if try isZero(reader, from: goodBytes) {
            fault = nil
            return
        }
        let last = record?.commit ?? segment.firstCommit - 1
        if head == nil, let first = try reader.header(at: 0), first.kind == .state, first.commit != last,
            try reader.payload(of: first, at: 0) != nil
        {
            // A write that was under way cannot have left the whole head of another segment.
            fault?.isProvenDamage = true
            return
        }
        fault?.isProvenDamage =
            try Self.findFrame(reader, after: goodBytes, size, format) { header in
                switch header.kind {
                // The commit after the last one may have been written in any order and in part.
                case .records, .commit: header.commit > last + 1
                case .state, .repair: header.commit > last
                }
            } != nil
        if fault?.isProvenDamage == false, try isWholeCommitBehindState(reader) { fault?.isProvenDamage = true }
    }

    /// Whether the next commit stands whole where it would if the last one had been noted as durable: then that note is
    /// what is damaged. The rest of a torn commit never looks so, since its record counts the frames that are gone.
    private func isWholeCommitBehindState(_ reader: FrameReader) throws(LogError) -> Bool {
        guard var state = record else { return false }
        state.producers = []
        state.namesAllProducers = false
        var behind = self
        behind.fault = nil
        behind.chain.dropOpenCommit()
        let start = goodBytes + Int64(FrameHeader.size + state.encoded().count)
        try behind.walk(reader, from: start, nil) { _, _ in }
        return behind.chain.commits > chain.commits
    }

    private func isZero(_ reader: FrameReader, from position: Int64) throws(LogError) -> Bool {
        var at = position
        while at < size {
            let count = Int(min(size - at, 64 << 10))
            guard let bytes = try reader.bytes(count, at: at) else { return false }
            for i in 0..<count where bytes.load(fromByteOffset: i, as: UInt8.self) != 0 { return false }
            at += Int64(count)
        }
        return true
    }

    /// Looks for a whole frame of the log at any byte from a position on; returns where the first one stands.
    static func findFrame(
        _ reader: FrameReader, after position: Int64, _ size: Int64, _ format: LogFormat,
        where isWanted: (FrameHeader) -> Bool
    ) throws(LogError) -> Int64? {
        var at = position
        while at + Int64(FrameHeader.size) <= size {
            // A frame's header may reach past what is looked through in one step.
            let count = Int(min(size - at, 64 << 10))
            var hits: [Int64] = []
            guard let bytes = try reader.bytes(count, at: at) else { return nil }
            let word = FrameHeader.magic.littleEndian
            for i in 0...(count - 4) where bytes.loadUnaligned(fromByteOffset: i, as: UInt32.self) == word {
                hits.append(at + Int64(i))
            }
            for hit in hits {
                guard let header = try reader.header(at: hit), isWanted(header) else { continue }
                if try reader.payload(of: header, at: hit) != nil { return hit }
            }
            at += Int64(count - 3)
        }
        return nil
    }
}
