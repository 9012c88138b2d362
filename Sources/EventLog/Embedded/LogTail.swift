import Events
import Glibc

/// The end of a log that another process writes to, as a reader has seen it so far.
struct LogTail {
    private let folder: String
    private let format: LogFormat
    private var segment: Segment?
    private var chain: CommitChain
    private var goodBytes: Int64
    /// How often in a row nothing but unreadable bytes were found behind the last commit.
    private var stuck = 0

    /// After how many looks at the same unreadable bytes the log is opened anew to find out what they are.
    private static let patience = 20

    init(_ recovery: LogRecovery) {
        folder = recovery.folder
        format = recovery.format
        segment = recovery.segments.last
        goodBytes = recovery.goodBytes
        chain = recovery.chain ?? CommitChain(recovery.format, firstCommit: 1)
    }

    /// The last commit that is known to be durable: one that something was written after.
    var confirmed: CommitRecord { chain.confirmed ?? .empty(partitions: format.partitions) }

    /// Reads what was written since; calls `begun` with every segment that was begun meanwhile.
    ///
    /// - Returns: the state after the last whole commit.
    /// - Throws: `LogError.damaged` when what stands there is not a write under way.
    mutating func advance(_ begun: (Segment) -> Void) throws(LogError) -> CommitRecord {
        let before = (chain.record?.commit, goodBytes)
        while true {
            if let segment { try read(segment) }
            let next = Segment(
                firstCommit: (chain.record?.commit ?? 0) + 1, folder: LogRecovery.segmentsFolder(folder))
            guard next != segment, access(next.path, F_OK) == 0,
                let head = try LogSurvey.head(of: next, format),
                chain.record.map({ $0.isSameState(as: head) }) ?? (head.commit == 0)
            else { break }
            segment = next
            chain = CommitChain(format, firstCommit: next.firstCommit)
            goodBytes = 0
            begun(next)
        }
        stuck = before == (chain.record?.commit, goodBytes) ? stuck + 1 : 0
        if stuck >= LogTail.patience, let segment {
            stuck = 0
            let size = try SystemFile(opening: segment.path, flags: O_RDONLY).size()
            if size > goodBytes { _ = try LogRecovery.settled(folder: folder, format: format) }
        }
        return chain.record ?? .empty(partitions: format.partitions)
    }

    private mutating func read(_ segment: Segment) throws(LogError) {
        let reader = try FrameReader(segment, format)
        chain.dropOpenCommit()
        var position = goodBytes
        while let header = try reader.header(at: position), let payload = try reader.payload(of: header, at: position),
            chain.take(header, payload) == nil
        {
            position += Int64(header.frameBytes)
            if chain.isBetweenCommits { goodBytes = position }
        }
    }
}

extension LogRecovery {
    /// How often a log is read again while what is found at its end keeps changing.
    private static let attempts = 5

    /// Reads a log that another process may be writing to.
    ///
    /// What is proven to be damaged is so by something written after it: bytes that were merely on their way have come
    /// when they are read for the second time.
    static func settled(folder: String, format: LogFormat) throws(LogError) -> LogRecovery {
        var seen: String?
        for _ in 1..<attempts {
            do {
                return try LogRecovery(folder: folder, format: format)
            } catch {
                // The same twice is no write under way.
                if error.description == seen { throw error }
                seen = error.description
            }
        }
        return try LogRecovery(folder: folder, format: format)
    }
}
