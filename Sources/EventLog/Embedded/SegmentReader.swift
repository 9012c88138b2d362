import Events
import Glibc
import Synchronization

/// The segments of one partition, as its readers see them.
final class SegmentList: Sendable {
    private let segments: Mutex<[Segment]>

    init(_ segments: [Segment]) { self.segments = Mutex(segments) }

    func replace(_ new: [Segment]) { segments.withLock { $0 = new } }

    /// The segment that holds an offset: the last one that begins at or before it.
    func segment(holding offset: Int64) -> Segment? {
        segments.withLock { list in
            var low = 0
            var high = list.count
            while low < high {
                let middle = (low + high) / 2
                if list[middle].baseOffset <= offset { low = middle + 1 } else { high = middle }
            }
            return low > 0 ? list[low - 1] : nil
        }
    }
}

/// Reads one partition of an embedded log, frame by frame.
final class SegmentReader: PartitionReader {
    let partition: TopicPartition
    private(set) var offset: Int64
    private let list: SegmentList
    private var segment: Segment?
    private var file: SystemFile?
    private var position: Int64 = 0
    private var peeked: FrameHeader?
    private var buffer = PaddedBytes(capacity: 64 << 10)

    init(_ partition: TopicPartition, from offset: Int64, _ list: SegmentList) {
        self.partition = partition
        self.offset = offset
        self.list = list
    }

    func peek(before end: Int64) throws(LogError) -> FrameHeader? {
        guard offset < end else { return nil }
        if let peeked { return peeked }
        try openSegment()
        while true {
            let header = try readHeader()
            // A consumer may start in the middle of a segment: step over the frames before its offset.
            if header.endOffset <= offset {
                position += Int64(FrameHeader.size + header.payloadBytes)
                continue
            }
            guard header.baseOffset == offset else {
                throw damaged("a frame begins at offset \(header.baseOffset) where \(offset) was expected")
            }
            peeked = header
            return header
        }
    }

    func next(before end: Int64, _ body: (borrowing Frame) throws -> Void) throws -> Bool {
        guard let header = try peek(before: end) else { return false }
        let size = FrameHeader.size + header.payloadBytes
        buffer.removeAll()
        buffer.reserve(size)
        let got = try read(size, into: UnsafeMutableRawPointer(buffer.start))
        guard got == size else { throw damaged("the file ends inside a frame") }
        buffer.append(room: size) { _ in size }
        guard header.checksumHolds(buffer.start) else { throw damaged("a frame's checksum does not hold") }
        let payload = UnsafeRawBufferPointer(rebasing: buffer.bytes[FrameHeader.size...])
        try body(Frame(header: header, partition: partition, payload: payload))
        position += Int64(size)
        offset = header.endOffset
        peeked = nil
        return true
    }

    /// Opens the segment that holds the next offset, unless it is open.
    private func openSegment() throws(LogError) {
        guard let wanted = list.segment(holding: offset) else {
            throw .missing(
                partition: partition.description, path: "its folder", expected: offset + 1, found: offset)
        }
        guard wanted != segment else { return }
        file = try SystemFile(opening: wanted.path, flags: O_RDONLY)
        segment = wanted
        position = 0
    }

    private func read(_ count: Int, into target: UnsafeMutableRawPointer) throws(LogError) -> Int {
        guard file != nil else { throw .closed }
        return try file?.read(count, at: position, into: target) ?? 0
    }

    private func readHeader() throws(LogError) -> FrameHeader {
        buffer.removeAll()
        buffer.reserve(FrameHeader.size)
        guard try read(FrameHeader.size, into: UnsafeMutableRawPointer(buffer.start)) == FrameHeader.size else {
            throw damaged("the file ends where offset \(offset) was expected")
        }
        guard let header = FrameHeader(buffer.start), header.topic == UInt16(partition.topic.rawValue),
            Int(header.partition) == partition.partition
        else { throw damaged("no frame of \(partition) where offset \(offset) was expected") }
        return header
    }

    private func damaged(_ what: String) -> LogError {
        .damaged(path: segment?.path ?? partition.description, at: position, what: what)
    }
}
