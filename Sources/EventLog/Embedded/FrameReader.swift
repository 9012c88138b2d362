import Events
import Glibc

/// Reads frames of one segment file through a window of bytes.
final class FrameReader {
    /// Bytes read at a time, unless a frame is larger.
    private static let windowBytes = 256 << 10
    /// The window that is kept; one that had to be larger for one frame is given back.
    private static let keptBytes = 4 << 20

    let path: String
    private let format: LogFormat
    private var file: SystemFile
    private let firstCommit: Int64
    private let recent: RecentBytes?
    private var window = PaddedBytes(capacity: FrameReader.windowBytes)
    private var windowStart: Int64 = 0
    /// The largest read that the window has had to hold.
    private var largest = FrameReader.windowBytes

    /// Opens a segment.
    ///
    /// - Parameter recent: where the newest bytes may be found without reading the file.
    init(_ segment: Segment, _ format: LogFormat, recent: RecentBytes? = nil) throws(LogError) {
        path = segment.path
        firstCommit = segment.firstCommit
        self.format = format
        self.recent = recent
        file = try SystemFile(opening: path, flags: O_RDONLY)
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
        if position < windowStart || position + Int64(count) > windowStart + Int64(window.count) {
            try fill(count, at: position)
            // An erasure exchanges files under those who read them; what is written since is only in the new one.
            if window.count < count, try reopenIfExchanged() { try fill(count, at: position) }
            guard window.count >= count else { return nil }
        }
        return UnsafeRawPointer(window.start) + Int(position - windowStart)
    }

    /// Opens the file that has taken the place of the one that is open; false when none has.
    private func reopenIfExchanged() throws(LogError) -> Bool {
        guard try file.isExchanged() else { return false }
        file = try SystemFile(opening: path, flags: O_RDONLY)
        return true
    }

    private func fill(_ count: Int, at position: Int64) throws(LogError) {
        let size = max(count, FrameReader.windowBytes)
        if largest > FrameReader.keptBytes, size < FrameReader.keptBytes {
            window = PaddedBytes(capacity: FrameReader.windowBytes)
            largest = FrameReader.windowBytes
        }
        largest = max(largest, size)
        window.removeAll()
        windowStart = position
        try window.append(room: size) { target throws(LogError) in
            let target = UnsafeMutableRawPointer(target)
            let got = recent?.read(size, at: position, of: firstCommit, into: target) ?? 0
            return got >= count ? got : try file.read(size, at: position, into: target)
        }
    }
}
