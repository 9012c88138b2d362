/// The senders' names in a segment's file.
public enum SegmentProducers {
    /// The names that the states and commits of a segment hold.
    public static func names(in path: String) throws(LogError) -> Set<String> {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count > 2, let first = Int64(parts[parts.count - 1].dropLast(4)),
            let format = try LogFormat.read(parts.dropLast(2).joined(separator: "/"))
        else { throw .incompatible(path: path, what: "not a segment of a log") }
        var names: Set<String> = []
        let reader = try FrameReader(Segment(firstCommit: first, path: path), format)
        var position: Int64 = 0
        while let header = try reader.header(at: position) {
            if header.kind != .records, let payload = try reader.payload(of: header, at: position),
                let record = CommitRecord(header, payload, partitions: format.partitions)
            {
                for stamp in record.producers { names.insert(stamp.producer) }
            }
            position += Int64(header.frameBytes)
        }
        return names
    }
}
