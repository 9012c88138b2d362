import Events
import Glibc

/// Reads frames of one segment file through a window of bytes.
final class FrameReader {
    /// Bytes read at a time, unless a frame is larger.
    private static let windowBytes = 256 << 10
    /// The same for a consumer, whom nothing reads ahead for.
    private static let consumerWindowBytes = 1 << 20
    /// The window that is kept; one that had to be larger for one frame is given back.
    private static let keptBytes = 4 << 20

    let path: String
    private let format: LogFormat
    private var file: SystemFile
    private let firstCommit: Int64
    private let recent: RecentBytes?
    private let windowBytes: Int
    private var window: PaddedBytes
    private var windowStart: Int64 = 0
    /// The largest read that the window has had to hold.
    private var largest: Int

    /// Opens a segment.
    ///
    /// - Parameter recent: where the newest bytes may be found without reading the file. With it, the file is read past
    ///   the page cache, where the log's writer leaves nothing: a consumer goes over it once, and copying it through fresh
    ///   pages of the cache costs more than decoding it.
    init(_ segment: Segment, _ format: LogFormat, recent: RecentBytes? = nil) throws(LogError) {
        path = segment.path
        firstCommit = segment.firstCommit
        self.format = format
        self.recent = recent
        windowBytes = recent == nil ? FrameReader.windowBytes : FrameReader.consumerWindowBytes
        window = FrameReader.newWindow(windowBytes)
        largest = windowBytes
        file = try FrameReader.open(path, past: recent != nil)
    }

    func size() throws(LogError) -> Int64 { try file.size() }

    /// Forgets what was read ahead: the file may have grown since.
    func forget() { window.removeAll() }

    /// The header of the frame at a position; nil when none of the log's frames begins there.
    func header(at position: Int64) throws(LogError) -> FrameHeader? {
        guard let bytes = try bytes(FrameHeader.size, at: position) else { return nil }
        return FrameHeader(bytes, logID: format.logID)
    }

    /// The payload of the frame at a position, valid until the next call and followed by readable padding; nil when the
    /// file ends inside the frame or the checksum does not hold.
    func payload(of header: FrameHeader, at position: Int64) throws(LogError) -> UnsafeRawBufferPointer? {
        guard let frame = try bytes(header.frameBytes, at: position), header.checksumHolds(frame) else { return nil }
        return UnsafeRawBufferPointer(start: frame + FrameHeader.size, count: header.payloadBytes)
    }

    /// `count` bytes at a position; nil when the file ends before that.
    func bytes(_ count: Int, at position: Int64) throws(LogError) -> UnsafeRawPointer? {
        if !holds(count, position) {
            try fill(count, at: position)
            // An erasure exchanges files under those who read them; what is written since is only in the new one.
            if !holds(count, position), try reopenIfExchanged() { try fill(count, at: position) }
            guard holds(count, position) else { return nil }
        }
        return UnsafeRawPointer(window.start) + Int(position - windowStart)
    }

    /// Whether the window has these bytes.
    @inline(__always)
    private func holds(_ count: Int, _ position: Int64) -> Bool {
        position >= windowStart && position + Int64(count) <= windowStart + Int64(window.count)
    }

    private static func open(_ path: String, past cache: Bool) throws(LogError) -> SystemFile {
        cache ? try SystemFile(openingDirect: path, flags: O_RDONLY) : try SystemFile(opening: path, flags: O_RDONLY)
    }

    /// Opens the file that has taken the place of the one that is open; false when none has.
    private func reopenIfExchanged() throws(LogError) -> Bool {
        guard try file.isExchanged() else { return false }
        file = try FrameReader.open(path, past: recent != nil)
        return true
    }

    private func fill(_ count: Int, at position: Int64) throws(LogError) {
        let size = max(count, windowBytes)
        if largest > FrameReader.keptBytes, size < FrameReader.keptBytes {
            window = FrameReader.newWindow(windowBytes)
            largest = windowBytes
        }
        largest = max(largest, size)
        window.removeAll()
        if let recent {
            windowStart = position
            try window.append(room: size) { target throws(LogError) in
                let got = recent.read(size, at: position, of: firstCommit, into: UnsafeMutableRawPointer(target))
                return got >= count ? got : 0
            }
            if window.count > 0 { return }
        }
        // Whole blocks, which is what is read past the page cache.
        let block = Int64(SystemFile.blockBytes)
        windowStart = position / block * block
        let blocks = (position + Int64(size) - windowStart + block - 1) / block
        try window.append(room: Int(blocks * block)) { target throws(LogError) in
            try file.read(Int(blocks * block), at: windowStart, into: UnsafeMutableRawPointer(target))
        }
    }

    private static func newWindow(_ bytes: Int) -> PaddedBytes {
        PaddedBytes(capacity: bytes + 2 * SystemFile.blockBytes)
    }
}
