import CBytes
import Events
import Synchronization

/// A point of a segment between two commits: where it lies, and the state of the log there.
struct IndexPoint: Sendable, Equatable {
    let position: Int64
    let record: CommitRecord
}

/// The sparse index of a segment by offset and by time: points about a mebibyte apart.
///
/// Kept in memory for the segment that is written to and in a file beside each finished one. The file holds nothing
/// that the segment does not: one that is missing or does not sum up is made again.
final class SegmentIndex: Sendable {
    /// The least distance of two points, in bytes.
    private static let stride: Int64 = 1 << 20
    private static let magic: UInt32 = 0x3249_5443  // "CTI2"

    private struct Held {
        var firstCommit: Int64 = 0
        var points: [IndexPoint] = []
    }

    private let held = Mutex(Held())

    /// The points of a segment, if it is the one that the index was begun for.
    func points(of segment: Segment) -> [IndexPoint]? {
        held.withLock { $0.firstCommit == segment.firstCommit ? $0.points : nil }
    }

    /// Forgets all points and begins a segment.
    func begin(_ segment: Segment) { held.withLock { $0 = Held(firstCommit: segment.firstCommit) } }

    /// Notes a point, unless the last one is near.
    func note(_ position: Int64, _ record: CommitRecord) {
        held.withLock { held in
            guard position - (held.points.last?.position ?? 0) >= SegmentIndex.stride else { return }
            var record = record
            record.producers = []
            record.namesAllProducers = false
            held.points.append(IndexPoint(position: position, record: record))
        }
    }

    /// The points of a finished segment; they are kept for the next time unless nothing may be changed.
    static func load(
        _ segment: Segment, _ format: LogFormat, isReadOnly: Bool
    ) throws(LogError) -> [IndexPoint] {
        if let points = read(segment, format) { return points }
        let index = SegmentIndex()
        index.begin(segment)
        let scan = try SegmentScan(segment, format, from: nil) { index.note($0, $1) }
        let points = index.points(of: segment) ?? []
        // A damaged segment gets no index: what lies behind the damage would stay hidden after a repair.
        if scan.fault == nil, !isReadOnly { save(points, of: segment, format) }
        return points
    }

    /// Writes the index beside its segment. One that cannot be written is made again by whoever needs it.
    static func save(_ points: [IndexPoint], of segment: Segment, _ format: LogFormat) {
        var bytes: [UInt8] = []
        func put<T: FixedWidthInteger>(_ value: T) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        put(magic)
        put(UInt32(0))
        put(format.logID)
        put(segment.firstCommit)
        put(UInt32(format.partitions))
        put(UInt32(points.count))
        for point in points {
            put(point.position)
            put(point.record.commit)
            put(point.record.receivedAt)
            let payload = point.record.encoded()
            put(UInt32(payload.count))
            bytes.append(contentsOf: payload)
        }
        let crc = bytes.withUnsafeBytes { cbytes_crc32c(0, $0.baseAddress.map { $0 + 8 }, bytes.count - 8) }
        withUnsafeBytes(of: crc.littleEndian) { bytes.replaceSubrange(4..<8, with: $0) }
        let folder = segment.path.dropLast(segment.name.count + 1)
        let name = String(segment.indexPath.dropFirst(folder.count + 1))
        do { try SystemFile.replace(String(folder), name, with: bytes) } catch { return }
    }

    /// The points in the file beside a segment; nil when there is none that sums up.
    static func read(_ segment: Segment, _ format: LogFormat) -> [IndexPoint]? {
        guard let bytes = try? SystemFile.readWhole(segment.indexPath, limit: 1 << 28), bytes.count >= 32 else {
            return nil
        }
        return bytes.withUnsafeBytes { bytes -> [IndexPoint]? in
            var at = 0
            func take<T: FixedWidthInteger>(_ type: T.Type) -> T? {
                guard at + MemoryLayout<T>.size <= bytes.count else { return nil }
                defer { at += MemoryLayout<T>.size }
                return T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
            }
            guard take(UInt32.self) == magic, let crc = take(UInt32.self),
                crc == cbytes_crc32c(0, bytes.baseAddress.map { $0 + 8 }, bytes.count - 8),
                take(UInt64.self) == format.logID, take(Int64.self) == segment.firstCommit,
                take(UInt32.self) == UInt32(format.partitions), let count = take(UInt32.self)
            else { return nil }
            var points: [IndexPoint] = []
            for _ in 0..<count {
                guard let position = take(Int64.self), let commit = take(Int64.self),
                    let receivedAt = take(Int64.self), let length = take(UInt32.self),
                    at + Int(length) <= bytes.count
                else { return nil }
                let header = FrameHeader(
                    payloadBytes: Int(length), records: 1, baseOffset: commit, receivedAt: receivedAt, commit: commit,
                    topic: FrameHeader.recordTopic, partition: 0, kind: .state, logID: format.logID)
                let payload = UnsafeRawBufferPointer(rebasing: bytes[at..<(at + Int(length))])
                guard let record = CommitRecord(header, payload, partitions: format.partitions) else { return nil }
                at += Int(length)
                points.append(IndexPoint(position: position, record: record))
            }
            return at == bytes.count ? points : nil
        }
    }
}
