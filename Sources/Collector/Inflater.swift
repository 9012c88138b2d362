import CZlib
import CZstd
public import Events

/// How a body is compressed, as HTTP's content codings name it.
public enum BodyEncoding: Sendable {
    /// gzip (RFC 1952) or zlib (RFC 1950), told apart by their headers.
    case gzip
    /// Zstandard (RFC 8878).
    case zstd

    /// The encoding of a `Content-Encoding`; nil for one that is not known.
    public init?(contentCoding: String) {
        switch contentCoding.lowercased() {
        case "gzip", "x-gzip", "deflate": self = .gzip
        case "zstd": self = .zstd
        default: return nil
        }
    }
}

/// Why a compressed body could not be read.
public enum InflateError: Error, Sendable, CustomStringConvertible {
    /// The bytes are not what their encoding says, or are cut short.
    case malformed
    /// They would grow past the limit.
    case tooLarge(limit: Int)
    /// The memory for them was refused.
    case refused

    /// One line.
    public var description: String {
        switch self {
        case .malformed: "the body is not compressed as it says, or it is cut short"
        case .tooLarge(let limit): "the body is over \(limit) bytes once decompressed"
        case .refused: "there is no memory for the decompressed body now"
        }
    }
}

/// Undoes the compression of bodies within a bound.
public enum Inflater {
    /// Bytes that are decompressed at a time.
    private static let step = 256 << 10
    /// The largest window that a zstd frame may ask for, as a power of two: 8 MiB, what RFC 8878 (section 3.1.1.1.2)
    /// recommends every decoder to support.
    private static let zstdWindowLog: Int32 = 23

    /// Decompresses all of `bytes`, which may be several members or frames one after another.
    ///
    /// - Parameter reserve: asked for each further piece of memory, in bytes; false ends it with `.refused`.
    public static func inflate(
        _ bytes: borrowing PaddedBytes, as encoding: BodyEncoding = .gzip, limit: Int,
        reserve: (Int) -> Bool = { _ in true }
    ) throws(InflateError) -> PaddedBytes {
        switch encoding {
        case .gzip: try gunzip(bytes, limit, reserve)
        case .zstd: try unzstd(bytes, limit, reserve)
        }
    }

    /// Appends what `body` writes; it gets a piece of memory and returns how much of it it used.
    private static func grow(
        _ output: inout PaddedBytes, _ reserved: inout Int, _ limit: Int, _ reserve: (Int) -> Bool,
        _ body: (UnsafeMutablePointer<UInt8>) -> Int
    ) throws(InflateError) {
        if output.count + step > reserved {
            guard reserve(step) else { throw .refused }
            reserved += step
        }
        output.append(room: step, body)
        guard output.count <= limit else { throw .tooLarge(limit: limit) }
    }

    private static func gunzip(
        _ bytes: borrowing PaddedBytes, _ limit: Int, _ reserve: (Int) -> Bool
    ) throws(InflateError) -> PaddedBytes {
        var output = PaddedBytes(capacity: 64 << 10)
        var reserved = 0
        var stream = z_stream()
        // 15 bits of window, plus 32 to recognise gzip and zlib by their headers.
        guard inflateInit2_(&stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .malformed
        }
        defer { inflateEnd(&stream) }
        stream.next_in = bytes.start
        stream.avail_in = UInt32(bytes.count)
        while true {
            var status = Z_OK
            try grow(&output, &reserved, limit, reserve) { target in
                stream.next_out = target
                stream.avail_out = UInt32(step)
                status = CZlib.inflate(&stream, Z_NO_FLUSH)
                return step - Int(stream.avail_out)
            }
            if status == Z_STREAM_END {
                if stream.avail_in == 0 { return output }
                guard inflateReset(&stream) == Z_OK else { throw .malformed }
                continue
            }
            // No progress with nothing left to read means that the end is missing.
            guard status == Z_OK, stream.avail_in > 0 || stream.avail_out == 0 else { throw .malformed }
        }
    }

    private static func unzstd(
        _ bytes: borrowing PaddedBytes, _ limit: Int, _ reserve: (Int) -> Bool
    ) throws(InflateError) -> PaddedBytes {
        guard let context = ZSTD_createDCtx() else { throw .refused }
        defer { ZSTD_freeDCtx(context) }
        guard ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, zstdWindowLog)) == 0 else {
            throw .malformed
        }
        var output = PaddedBytes(capacity: 64 << 10)
        var reserved = 0
        var input = ZSTD_inBuffer(src: bytes.start, size: bytes.count, pos: 0)
        while true {
            var left = 0
            var wrote = 0
            let before = input.pos
            try grow(&output, &reserved, limit, reserve) { target in
                var buffer = ZSTD_outBuffer(dst: target, size: step, pos: 0)
                left = ZSTD_decompressStream(context, &buffer, &input)
                wrote = buffer.pos
                return buffer.pos
            }
            guard ZSTD_isError(left) == 0 else { throw .malformed }
            // Zero says that a frame has ended and everything of it was written.
            if left == 0 && input.pos == input.size { return output }
            guard input.pos > before || wrote > 0 else { throw .malformed }
        }
    }
}
