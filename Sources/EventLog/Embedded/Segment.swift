import Synchronization

/// A file of commits, named after the first of them.
package struct Segment: Sendable, Equatable {
    /// The size at which a new segment is begun, unless a log is opened with another.
    static let sizeLimit: Int64 = 256 << 20

    package let firstCommit: Int64
    package let path: String

    package init(firstCommit: Int64, folder: String) {
        self.firstCommit = firstCommit
        let digits = String(firstCommit)
        path = folder + "/" + String(repeating: "0", count: max(0, 20 - digits.count)) + digits + ".log"
    }

    /// Where the segment's index is kept.
    var indexPath: String { String(path.dropLast(4)) + ".index" }

    /// The file's name.
    var name: String { String(path.split(separator: "/").last ?? "") }

    /// The segments in a folder, oldest first.
    static func list(_ folder: String) throws(LogError) -> [Segment] {
        var segments: [Segment] = []
        for name in try SystemFolder.names(in: folder) where name.hasSuffix(".log") {
            guard let first = Int64(name.dropLast(4)), first > 0,
                case let segment = Segment(firstCommit: first, folder: folder), segment.name == name
            else {
                throw .incompatible(path: folder + "/" + name, what: "not a segment of the log: move it elsewhere")
            }
            segments.append(segment)
        }
        return segments
    }
}

/// The segments that hold durable commits, as readers see them.
final class SegmentDirectory: Sendable {
    let format: LogFormat
    let recent = RecentBytes()
    private let segments: Mutex<[Segment]>
    private let activeIndex: SegmentIndex
    let isReadOnly: Bool

    init(_ format: LogFormat, _ segments: [Segment], activeIndex: SegmentIndex, isReadOnly: Bool = false) {
        self.isReadOnly = isReadOnly
        self.format = format
        self.segments = Mutex(segments)
        self.activeIndex = activeIndex
    }

    var all: [Segment] { segments.withLock { $0 } }

    func add(_ segment: Segment) { segments.withLock { $0.append(segment) } }

    /// Takes out the oldest segment, so that no new reader opens it; nil when it is the only one.
    func removeFirst() -> Segment? { segments.withLock { $0.count > 1 ? $0.removeFirst() : nil } }

    /// The segment that begins with a commit.
    func segment(beginningWith commit: Int64) -> Segment? {
        segments.withLock { list in list.last { $0.firstCommit == commit } }
    }

    /// The last point of the index that satisfies `isBefore`, which holds up to some point of the log and not after;
    /// nil when it does not even hold at the log's beginning.
    func locate(_ isBefore: (CommitRecord) -> Bool) throws(LogError) -> (segment: Segment, point: IndexPoint)? {
        let list = all
        var low = 0
        var high = list.count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(try head(of: list[middle])) { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let segment = list[low - 1]
        var points = low == list.count ? activeIndex.points(of: segment) : nil
        if points == nil { points = try SegmentIndex.load(segment, format, isReadOnly: isReadOnly) }
        let best = points?.last { isBefore($0.record) }
        if let best { return (segment, best) }
        return (segment, IndexPoint(position: 0, record: try head(of: segment)))
    }

    /// The state at the beginning of a segment.
    func head(of segment: Segment) throws(LogError) -> CommitRecord {
        let reader = try FrameReader(segment, format)
        guard let header = try reader.header(at: 0), header.kind == .state,
            let payload = try reader.payload(of: header, at: 0),
            let record = CommitRecord(header, payload, partitions: format.partitions)
        else {
            throw .damaged(path: segment.path, at: 0, what: "the segment does not begin with the log's state")
        }
        return record
    }
}
