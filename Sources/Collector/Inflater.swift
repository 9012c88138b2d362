import CZlib
public import Events

/// Why a compressed body could not be read.
public enum InflateError: Error, Sendable, CustomStringConvertible {
    /// The bytes are not gzip, or are cut short.
    case malformed
    /// They would grow past the limit.
    case tooLarge(limit: Int)
    /// The memory for them was refused.
    case refused

    /// One line.
    public var description: String {
        switch self {
        case .malformed: "the body is not gzip, or it is cut short"
        case .tooLarge(let limit): "the body is over \(limit) bytes once decompressed"
        case .refused: "there is no memory for the decompressed body now"
        }
    }
}

/// Undoes gzip (RFC 1952) and zlib (RFC 1950) compression within a bound.
public enum Inflater {
    /// Decompresses all of `bytes`, which may be several gzip members one after another.
    ///
    /// - Parameter reserve: asked for each further piece of memory, in bytes; false ends it with `.refused`.
    public static func inflate(
        _ bytes: borrowing PaddedBytes, limit: Int, reserve: (Int) -> Bool = { _ in true }
    ) throws(InflateError) -> PaddedBytes {
        var output = PaddedBytes(capacity: 64 << 10)
        var stream = z_stream()
        // 15 bits of window, plus 32 to recognise gzip and zlib by their headers.
        guard inflateInit2_(&stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .malformed
        }
        defer { inflateEnd(&stream) }
        stream.next_in = bytes.start
        stream.avail_in = UInt32(bytes.count)
        let step = 256 << 10
        var reserved = 0
        while true {
            if output.count + step > reserved {
                guard reserve(step) else { throw .refused }
                reserved += step
            }
            var status = Z_OK
            output.append(room: step) { target in
                stream.next_out = target
                stream.avail_out = UInt32(step)
                status = CZlib.inflate(&stream, Z_NO_FLUSH)
                return step - Int(stream.avail_out)
            }
            guard output.count <= limit else { throw .tooLarge(limit: limit) }
            if status == Z_STREAM_END {
                if stream.avail_in == 0 { return output }
                guard inflateReset(&stream) == Z_OK else { throw .malformed }
                continue
            }
            // No progress with nothing left to read means that the end is missing.
            guard status == Z_OK, stream.avail_in > 0 || stream.avail_out == 0 else { throw .malformed }
        }
    }
}
