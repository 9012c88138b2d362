import Glibc
import Synchronization

/// How much of a log is kept. What is over a bound goes, a whole segment at a time, oldest first.
public struct LogRetention: Sendable, Equatable {
    /// The bytes of all segments beyond which the oldest go; nil for no bound.
    public var maxBytes: Int64?
    /// The age, in seconds since a segment's last commit was received, after which it goes; nil for no bound.
    public var maxAgeSeconds: Double?

    /// A policy; without a bound nothing goes.
    public init(maxBytes: Int64? = nil, maxAgeSeconds: Double? = nil) {
        self.maxBytes = maxBytes
        self.maxAgeSeconds = maxAgeSeconds
    }

    /// What a removal took away.
    public struct Removal: Sendable, Equatable {
        /// Segments removed.
        public var segments = 0
        /// Their bytes.
        public var bytes: Int64 = 0
        /// Segments that are over a bound and stay, since not everybody has taken in what they hold.
        public var held = 0

        /// Nothing removed.
        public init() {}
    }

    /// Unlinks segments and their indexes, and syncs the folder.
    static func remove(_ segments: [Segment], _ folder: String) throws(LogError) {
        guard !segments.isEmpty else { return }
        for segment in segments {
            for path in [segment.indexPath, segment.path] {
                guard unlink(path) == 0 || errno == ENOENT else { throw LogError.last("remove", path) }
            }
        }
        try SystemFolder.sync(folder)
    }
}

extension EmbeddedLog {
    /// Removes the oldest segments that a policy lets go and that everybody has taken in; never the newest.
    ///
    /// The log's new beginning is durable before the first file goes, so a crash in between leaves files that the next
    /// start removes. Readers that have a removed file open read it to its end; others are told that it is gone.
    ///
    /// - Parameters:
    ///   - policy: the bounds.
    ///   - offsets: what all who read the log have durably taken in; records from there on stay.
    ///   - now: the time of day in microseconds since 1970 UTC.
    public func removeSegments(
        _ policy: LogRetention, coveredBy offsets: LogOffsets, now: Int64 = EmbeddedLog.wallClock()
    ) throws(LogError) -> LogRetention.Removal {
        guard !published.directory.isReadOnly else { throw .closed }
        return try retention.withLock { _ throws(LogError) in
            let segments = published.directory.all
            var sizes: [Int64] = []
            for segment in segments { sizes.append(try SystemFile(opening: segment.path, flags: O_RDONLY).size()) }
            let (removal, start) = try choose(policy, segments, sizes, offsets, now)
            guard let start else { return removal }
            try LogStart.writeState(folder, start, format)
            try LogStart.write(folder, start.commit + 1)
            for _ in 0..<removal.segments { _ = published.directory.removeFirst() }
            try LogRetention.remove(Array(segments.prefix(removal.segments)), LogRecovery.segmentsFolder(folder))
            return removal
        }
    }

    /// Which segments go, and the state with which the first that stays begins.
    private func choose(
        _ policy: LogRetention, _ segments: [Segment], _ sizes: [Int64], _ offsets: LogOffsets, _ now: Int64
    ) throws(LogError) -> (LogRetention.Removal, start: CommitRecord?) {
        var total = sizes.reduce(0, +)
        var removal = LogRetention.Removal()
        var start: CommitRecord?
        for index in segments.indices.dropLast() {
            let next = try published.directory.head(of: segments[index + 1])
            let isTooMuch = policy.maxBytes.map { total > $0 } ?? false
            let isTooOld = policy.maxAgeSeconds.map { Double(now - next.receivedAt) / 1e6 > $0 } ?? false
            guard isTooMuch || isTooOld else { break }
            total -= sizes[index]
            if removal.held == 0, offsets.partitions == partitions, offsets.covers(next.ends) {
                removal.segments += 1
                removal.bytes += sizes[index]
                start = next
            } else {
                removal.held += 1
            }
        }
        return (removal, start)
    }
}
