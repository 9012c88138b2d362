import Events
import Glibc

/// A file of frames, named after the offset of its first record.
struct Segment: Sendable, Equatable {
    /// The size at which a new segment is begun, unless a log is opened with another.
    static let sizeLimit: Int64 = 64 << 20

    let baseOffset: Int64
    let path: String

    static func name(_ baseOffset: Int64) -> String {
        let digits = String(baseOffset)
        return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + ".log"
    }

    /// The segments in a folder, oldest first.
    static func list(_ folder: String) throws(LogError) -> [Segment] {
        var segments: [Segment] = []
        for name in try SystemFolder.names(in: folder) where name.hasSuffix(".log") {
            guard let base = Int64(name.dropLast(4)), name == Segment.name(base) else {
                throw .incompatible(path: folder + "/" + name, what: "not a segment of the log: move it elsewhere")
            }
            segments.append(Segment(baseOffset: base, path: folder + "/" + name))
        }
        return segments
    }

    /// What a walk through a segment found.
    struct Scan {
        /// Where the readable frames end, in bytes.
        var goodBytes: Int64 = 0
        /// The offset after the last readable record.
        var endOffset: Int64
        /// Bytes after the readable frames.
        var tailBytes: Int64 = 0
        /// Whether a whole frame stands somewhere behind the first unreadable byte: then the middle is damaged, and
        /// the tail is not merely torn.
        var hasFrameBehindDamage = false
    }

    /// Walks through the frames of the segment from its beginning, checking each; `visit` sees those that hold.
    func scan(
        topic: UInt16, partition: UInt16,
        visit: (FrameHeader, UnsafeRawBufferPointer) throws(LogError) -> Void = { _, _ in }
    ) throws(LogError) -> Scan {
        let file = try SystemFile(opening: path, flags: O_RDONLY)
        let size = try file.size()
        var result = Scan(endOffset: baseOffset)
        var buffer = PaddedBytes(capacity: 1 << 20)
        while true {
            let header = try Segment.readFrame(file, at: result.goodBytes, size: size, into: &buffer)
            guard let header, header.topic == topic, header.partition == partition,
                header.baseOffset == result.endOffset
            else { break }
            let payload = UnsafeRawBufferPointer(rebasing: buffer.bytes[FrameHeader.size...])
            try visit(header, payload)
            result.goodBytes += Int64(FrameHeader.size + header.payloadBytes)
            result.endOffset = header.endOffset
        }
        result.tailBytes = size - result.goodBytes
        if result.tailBytes > 0 {
            result.hasFrameBehindDamage = try Segment.holdsFrame(file, after: result.goodBytes + 1, size: size)
        }
        return result
    }

    /// Reads the whole frame at a position; nil when none stands there whole.
    static func readFrame(
        _ file: borrowing SystemFile, at position: Int64, size: Int64, into buffer: inout PaddedBytes
    ) throws(LogError) -> FrameHeader? {
        guard position + Int64(FrameHeader.size) <= size else { return nil }
        buffer.removeAll()
        try fill(file, FrameHeader.size, at: position, &buffer)
        guard let header = FrameHeader(buffer.start),
            position + Int64(FrameHeader.size + header.payloadBytes) <= size
        else { return nil }
        try fill(file, header.payloadBytes, at: position + Int64(FrameHeader.size), &buffer)
        return buffer.count == FrameHeader.size + header.payloadBytes && header.checksumHolds(buffer.start)
            ? header : nil
    }

    private static func fill(
        _ file: borrowing SystemFile, _ count: Int, at position: Int64, _ buffer: inout PaddedBytes
    ) throws(LogError) {
        buffer.reserve(count)
        let target = UnsafeMutableRawPointer(buffer.start + buffer.count)
        let got = try file.read(count, at: position, into: target)
        buffer.append(room: got) { _ in got }
    }

    /// Looks for a whole frame at any byte from `position` on, by the magic number.
    private static func holdsFrame(
        _ file: borrowing SystemFile, after position: Int64, size: Int64
    ) throws(LogError) -> Bool {
        let magic = FrameHeader.magic
        var window = [UInt8](repeating: 0, count: 1 << 20)
        var frame = PaddedBytes(capacity: 1 << 16)
        var at = position
        while at + Int64(FrameHeader.size) <= size {
            let base = at
            var hits: [Int64] = []
            var failure: LogError?
            let got = window.withUnsafeMutableBytes { bytes -> Int in
                guard let start = bytes.baseAddress else { return 0 }
                do throws(LogError) {
                    let got = try file.read(bytes.count, at: base, into: start)
                    for i in 0..<max(0, got - 3)
                    where UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt32.self)) == magic {
                        hits.append(base + Int64(i))
                    }
                    return got
                } catch {
                    failure = error
                    return 0
                }
            }
            if let failure { throw failure }
            for hit in hits where try readFrame(file, at: hit, size: size, into: &frame) != nil { return true }
            if got < 4 { break }
            at += Int64(got - 3)
        }
        return false
    }
}
