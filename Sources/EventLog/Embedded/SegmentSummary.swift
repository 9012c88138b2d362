/// What a segment holds, as its neighbours' beginnings tell without reading all of it.
public struct SegmentSummary: Sendable {
    /// The file's name.
    public let name: String
    /// The file's size.
    public let bytes: Int64
    /// The log's state before its first commit.
    public let start: LogCut
    /// The log's state after its last commit.
    public let end: LogCut
    /// When its first commit was received, microseconds since 1970 UTC; 0 while it holds none.
    public let firstReceivedAt: Int64

    /// How many records it holds, in all topics; those that a repair gave up are among them.
    public var records: Int64 {
        end.totals.accepted + end.totals.quarantined - start.totals.accepted - start.totals.quarantined
    }
}

extension EmbeddedLog {
    /// The segments, oldest first.
    public func segmentSummaries() throws(LogError) -> [SegmentSummary] {
        let segments = published.directory.all
        var summaries: [SegmentSummary] = []
        for (index, segment) in segments.enumerated() {
            let start = try published.directory.head(of: segment).cut
            let end = index + 1 < segments.count ? try published.directory.head(of: segments[index + 1]).cut : cut()
            let reader = try FrameReader(segment, format)
            let head = try reader.header(at: 0)
            let first = try head.flatMap { head throws(LogError) in try reader.header(at: Int64(head.frameBytes)) }
            summaries.append(
                SegmentSummary(
                    name: segment.name, bytes: try reader.size(), start: start, end: end,
                    firstReceivedAt: end.commit > start.commit ? first?.receivedAt ?? 0 : 0))
        }
        return summaries
    }
}
