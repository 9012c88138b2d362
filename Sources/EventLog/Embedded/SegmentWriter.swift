import Events
import Glibc

/// Appends frames to the newest segment of one folder and begins new segments.
struct SegmentWriter: ~Copyable {
    let folder: String
    let topic: UInt16
    let partition: UInt16
    private(set) var segments: [Segment]
    private var file: SystemFile?
    private var size: Int64 = 0
    private(set) var isDirty = false
    private let sizeLimit: Int64

    /// Opens a folder of segments, making it if need be.
    init(folder: String, topic: UInt16, partition: UInt16, sizeLimit: Int64) throws(LogError) {
        self.folder = folder
        self.sizeLimit = sizeLimit
        self.topic = topic
        self.partition = partition
        try SystemFolder.create(folder)
        segments = try Segment.list(folder)
    }

    /// Cuts the folder to the frames before a byte of its newest segment, and continues there.
    ///
    /// What is kept is made durable: a process that was killed may have left it in the page cache only, and from here
    /// on it counts as stored.
    mutating func resume(at goodBytes: Int64) throws(LogError) {
        guard let last = segments.last else { return }
        let opened = try SystemFile(opening: last.path, flags: O_RDWR)
        if try opened.size() > goodBytes { try opened.truncate(to: goodBytes) }
        try opened.sync()
        size = goodBytes
        file = consume opened
    }

    /// Begins the first segment, unless there is one.
    mutating func begin() throws(LogError) {
        if segments.isEmpty { try roll(0) }
    }

    /// Whether the next frame begins a new segment.
    var beginsSegment: Bool { file == nil || size >= sizeLimit }

    /// Whether the next frame is the first of its segment.
    var isAtSegmentStart: Bool { beginsSegment || size == 0 }

    /// Writes one frame, whose header and payload stand in `frame`; not yet durable.
    mutating func write(_ frame: UnsafeRawBufferPointer, baseOffset: Int64) throws(LogError) {
        if beginsSegment { try roll(baseOffset) }
        guard file != nil else { throw .closed }
        try file?.write(frame, at: size)
        size += Int64(frame.count)
        isDirty = true
    }

    /// Makes what was written durable.
    mutating func sync() throws(LogError) {
        guard isDirty else { return }
        try file?.sync()
        isDirty = false
    }

    private mutating func roll(_ baseOffset: Int64) throws(LogError) {
        try sync()
        let segment = Segment(baseOffset: baseOffset, path: folder + "/" + Segment.name(baseOffset))
        file = try SystemFile(opening: segment.path, flags: O_RDWR | O_CREAT | O_EXCL)
        try SystemFolder.sync(folder)
        segments.append(segment)
        size = 0
    }
}
