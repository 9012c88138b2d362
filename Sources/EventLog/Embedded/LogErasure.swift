public import Events
import Glibc
import Synchronization

/// What an erasure did to a log.
public struct LogErasureReport: Sendable, Equatable {
    /// Records that were overwritten now, by topic.
    public var records: [Topic: Int64] = [:]
    /// The segments that were written anew.
    public var segments: [String] = []
    /// Names of senders that were overwritten.
    public var senders = 0

    /// Nothing erased.
    public init() {}
}

extension EmbeddedLog {
    /// Finds the records that `isWanted` says yes to, in everything that the log holds now.
    ///
    /// - Parameter progress: called now and then with the records read and all there are; what it throws ends the search.
    public func places(
        progress: (Int64, Int64) throws -> Void = { _, _ in },
        where isWanted: (Topic, UnsafeRawBufferPointer) throws -> Bool
    ) throws -> LogPlaces {
        var found = LogPlaces()
        let begin = try start().offsets
        let cut = cut()
        let total = begin.all.reduce(0) { $0 + cut.offsets[$1] - begin[$1] }
        var done: Int64 = 0
        let consumer = try consumer(of: Topic.allCases, from: begin)
        while try consumer.next(
            before: cut,
            { frame in
                let partition = frame.partition
                done += Int64(frame.recordCount)
                try frame.forEachRecord { offset, record in
                    if try isWanted(partition.topic, record) { found.insert(offset, of: partition) }
                }
                try progress(done, total)
            })
        {}
        return found
    }

    /// Overwrites records with zeros, for good, in files and in memory, while the log stays open; and names of senders with
    /// hyphens, which are then forgotten: one of them that goes on has to number its batches anew.
    ///
    /// Every segment that holds one of them is copied with these records overwritten, read back, and put in the old one's
    /// place. Nothing moves: offsets, the frames' places and the indexes stay as they are. The newest segment is exchanged
    /// by the writer's own thread between two commits, so that appends wait for that long. A crash leaves every segment
    /// as it was or overwritten, and erasing again finishes it.
    ///
    /// - Parameters:
    ///   - senders: which names of senders are overwritten.
    ///   - progress: called with the segments done and all there are.
    /// - Throws: `LogError`; segments before the one at fault are then done.
    public func erase(
        _ places: LogPlaces, senders: @escaping @Sendable (String) -> Bool = { _ in false },
        progress: (Int64, Int64) -> Void = { _, _ in }
    ) throws(LogError) -> LogErasureReport {
        try erase(places, senders: senders, progress: progress) { _ throws(LogError) in }
    }

    /// The same, calling `step` with the name of what comes next before each change: tests stop there.
    package func erase(
        _ places: LogPlaces, senders: @escaping @Sendable (String) -> Bool = { _ in false },
        progress: (Int64, Int64) -> Void = { _, _ in },
        step: @escaping @Sendable (String) throws(LogError) -> Void
    ) throws(LogError) -> LogErasureReport {
        guard !published.directory.isReadOnly else { throw .closed }
        // Retention must not remove a segment while it is being exchanged.
        return try retention.withLock { _ throws(LogError) in
            var report = LogErasureReport()
            // First of all they must not be written again.
            try onWriter(forgetting: senders) { _ in }
            try LogStart.overwrite(folder, senders, format)
            var named: Set<String> = []
            // What is appended from now on begins behind the places, so segments begun meanwhile need no look.
            let segments = published.directory.all
            var done: Int64 = 0
            let total = Int64(segments.count)
            for segment in segments {
                let erasure = SegmentErasure(segment, format, places, senders, step)
                if segment == published.directory.all.last {
                    try onWriter { newest throws(LogError) in
                        // The log may have gone on to another one since.
                        if newest == segment { try erasure.run() }
                    }
                }
                if !erasure.isDone { try erasure.run() }
                for (topic, count) in erasure.records { report.records[topic, default: 0] += count }
                if erasure.isChanged { report.segments.append(segment.name) }
                named.formUnion(erasure.named)
                done += 1
                progress(done, total)
            }
            report.senders = named.count
            return report
        }
    }

    private func onWriter(
        forgetting senders: (@Sendable (String) -> Bool)? = nil,
        _ body: @escaping @Sendable (Segment) throws(LogError) -> Void
    ) throws(LogError) {
        let work = WriterWork(forgetting: senders, body)
        if let refused = queue.add(work) { throw refused }
        try work.wait()
    }
}

/// Overwrites records of one segment: in a copy, which then takes the segment's place.
private final class SegmentErasure: @unchecked Sendable {
    // Used by the thread that made it, or by the writer's while that one waits.

    private(set) var records: [Topic: Int64] = [:]
    /// The senders whose names were overwritten.
    private(set) var named: Set<String> = []
    private(set) var isDone = false
    private(set) var isChanged = false
    private let segment: Segment
    private let format: LogFormat
    private let places: LogPlaces
    private let senders: @Sendable (String) -> Bool
    private let step: @Sendable (String) throws(LogError) -> Void

    private static let copyBytes = 1 << 20

    init(
        _ segment: Segment, _ format: LogFormat, _ places: LogPlaces, _ senders: @escaping @Sendable (String) -> Bool,
        _ step: @escaping @Sendable (String) throws(LogError) -> Void
    ) {
        self.senders = senders
        self.segment = segment
        self.format = format
        self.places = places
        self.step = step
    }

    func run() throws(LogError) {
        isDone = true
        let scan = try SegmentScan(segment, format, from: nil)
        if let fault = scan.fault, fault.isProvenDamage {
            throw .damaged(path: segment.path, at: fault.position, what: "\(fault.what); repair the log before")
        }
        let temporary = segment.path + ".erased"
        let frames = try frames(before: scan.goodBytes)
        guard !frames.isEmpty else {
            // One that a crash left holds what is to be gone.
            guard unlink(temporary) == 0 || errno == ENOENT else { throw LogError.last("remove", temporary) }
            return
        }
        isChanged = true
        try step("copy \(segment.name)")
        let target = try SystemFile(opening: temporary, flags: O_RDWR | O_CREAT | O_TRUNC)
        try copy(scan.goodBytes, to: target)
        try step("overwrite")
        let reader = try FrameReader(segment, format)
        for position in frames { try overwrite(position, reader, target) }
        try target.sync()
        let written = try SegmentScan(Segment(firstCommit: segment.firstCommit, path: temporary), format, from: nil)
        // Nothing is replaced by what cannot be read itself.
        guard written.fault == nil, written.goodBytes == scan.goodBytes, let end = written.record,
            let before = scan.record, end.isSameState(as: before)
        else {
            throw .damaged(
                path: temporary, at: written.fault?.position ?? written.goodBytes,
                what: "the overwritten segment would not be readable, so the old one stays")
        }
        try step("replace")
        guard rename(temporary, segment.path) == 0 else { throw LogError.last("rename", temporary) }
        try step("sync folder")
        try SystemFolder.sync(String(segment.path.dropLast(segment.name.count + 1)))
    }

    /// Where frames with records that are to go begin.
    private func frames(before end: Int64) throws(LogError) -> [Int64] {
        let reader = try FrameReader(segment, format)
        var found: [Int64] = []
        var position: Int64 = 0
        while position < end, let header = try reader.header(at: position) {
            if let partition = header.place(in: format)?.partition, let wanted = places.offsets[partition] {
                guard let payload = try reader.payload(of: header, at: position) else {
                    throw .damaged(path: segment.path, at: position, what: "a frame's checksum does not hold")
                }
                var count: Int64 = 0
                var steps = FrameRecords(payload: payload, header: header, partition: partition)
                while let (offset, _) = try steps.next() {
                    if wanted.contains(offset) { count += 1 }
                }
                if count > 0 {
                    found.append(position)
                    records[partition.topic, default: 0] += count
                }
            } else if header.kind != .records, let payload = try reader.payload(of: header, at: position),
                let record = CommitRecord(header, payload, partitions: format.partitions)
            {
                let names = record.producers.map(\.producer).filter(senders)
                if !names.isEmpty { found.append(position) }
                named.formUnion(names)
            }
            position += Int64(header.frameBytes)
        }
        return found
    }

    private func copy(_ size: Int64, to target: borrowing SystemFile) throws(LogError) {
        let source = try SystemFile(opening: segment.path, flags: O_RDONLY)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.copyBytes, alignment: 64)
        defer { buffer.deallocate() }
        guard let base = buffer.baseAddress else { return }
        var at: Int64 = 0
        while at < size {
            let count = try source.read(Int(min(Int64(buffer.count), size - at)), at: at, into: base)
            guard count > 0 else {
                throw .damaged(path: segment.path, at: at, what: "the file became shorter while it was read")
            }
            try target.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: at)
            at += Int64(count)
        }
    }

    /// Writes the frame at a position with its records overwritten, and its checksum made anew.
    private func overwrite(
        _ position: Int64, _ reader: FrameReader, _ target: borrowing SystemFile
    ) throws(LogError) {
        guard let header = try reader.header(at: position), let payload = try reader.payload(of: header, at: position)
        else { throw .damaged(path: segment.path, at: position, what: "the file changed while it was read") }
        let frame = UnsafeMutableRawBufferPointer.allocate(byteCount: header.frameBytes, alignment: 64)
        defer { frame.deallocate() }
        guard let start = frame.baseAddress, let source = payload.baseAddress else { return }
        (start + FrameHeader.size).copyMemory(from: source, byteCount: payload.count)
        if header.kind != .records {
            let names = CommitRecord.names(in: payload, partitions: format.partitions)
            for range in names where senders(String(decoding: payload[range], as: UTF8.self)) {
                memset(start + FrameHeader.size + range.lowerBound, CommitRecord.erasedByte, range.count)
            }
        } else if let partition = header.place(in: format)?.partition, let wanted = places.offsets[partition] {
            var steps = FrameRecords(payload: payload, header: header, partition: partition)
            while let (offset, record) = try steps.next() {
                guard wanted.contains(offset), let at = record.baseAddress else { continue }
                memset(start + FrameHeader.size + (at - source), 0, record.count)
            }
        }
        header.write(to: start)
        try target.write(UnsafeRawBufferPointer(frame), at: position)
    }
}
