import Events
import Glibc

/// Appends to the newest segment and begins new ones.
///
/// Frames are put together in the block and written with one call, then synced with one. Direct output takes whole
/// blocks only, so the file's last block is filled up with zeros and is written again with the next commit: the bytes
/// in it that were durable stay the same, and a disk writes each sector wholly or not at all.
struct SegmentWriter: ~Copyable {
    /// Where the frames of the next write are put, behind the bytes of the last unfinished block.
    var block = CommitBlock()
    /// The segment that is written to; nil before the first.
    private(set) var segment: Segment?
    /// Where its frames end.
    private(set) var size: Int64 = 0
    private let folder: String
    private let sizeLimit: Int64
    private var file: SystemFile?

    init(folder: String, sizeLimit: Int64) {
        self.folder = folder
        self.sizeLimit = sizeLimit
    }

    /// Continues a segment behind its good bytes, whatever stands there now.
    ///
    /// What is kept is made durable: a process that was killed may have left it in the page cache only, and from here
    /// on it counts as stored.
    mutating func resume(_ segment: Segment, at goodBytes: Int64) throws(LogError) {
        let opened = try SystemFile(openingDirect: segment.path, flags: O_RDWR)
        try opened.truncate(to: goodBytes)
        let tail = Int(goodBytes % Int64(SystemFile.blockBytes))
        var bytes = PaddedBytes(capacity: tail)
        // Through the page cache, since this is no whole block.
        let reader = try SystemFile(opening: segment.path, flags: O_RDONLY)
        try bytes.append(room: tail) { target throws(LogError) in
            try reader.read(tail, at: goodBytes - Int64(tail), into: target)
        }
        guard bytes.count == tail else {
            throw .damaged(path: segment.path, at: goodBytes, what: "the file became shorter while it was opened")
        }
        bytes.withBytes { block.reset(to: $0) }
        self.segment = segment
        size = goodBytes
        file = consume opened
    }

    /// Whether the next commit begins a new segment.
    var isFull: Bool { file == nil || size >= sizeLimit }

    /// Whether the segment's file is open.
    var isOpen: Bool { file != nil }

    /// Whether nothing was written to the segment yet.
    var isEmpty: Bool { size == 0 }

    /// Begins the segment of a commit; the one before ends where its frames do.
    mutating func begin(_ firstCommit: Int64) throws(LogError) {
        try finish()
        let next = Segment(firstCommit: firstCommit, folder: folder)
        file = try SystemFile(openingDirect: next.path, flags: O_RDWR | O_CREAT | O_EXCL)
        try SystemFolder.sync(folder)
        segment = next
        size = 0
        block.keepLast(0)
    }

    /// Writes what was added to the block behind the segment's frames and makes it durable.
    mutating func write(_ recent: RecentBytes) throws(LogError) {
        guard file != nil, let segment else { throw .closed }
        let tail = size % Int64(SystemFile.blockBytes)
        let end = size - tail + Int64(block.count)
        try file?.write(block.padded(), at: size - tail)
        try file?.sync()
        recent.append(block.bytes(from: Int(tail)), at: size, of: segment)
        size = end
        block.keepLast(Int(end % Int64(SystemFile.blockBytes)))
    }

    /// Takes off the zeros behind the last frame.
    mutating func finish() throws(LogError) {
        try file?.truncate(to: size)
        file = nil
    }
}
