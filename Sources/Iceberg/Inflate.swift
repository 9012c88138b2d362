import CZlib

/// Decompression by zlib, in either wrapper.
enum Inflate {
    private static let chunkBytes = 64 << 10

    /// The decompressed bytes.
    /// - Parameter trailer: How many bytes may be left over behind the compressed ones.
    static func inflate(
        _ bytes: [UInt8], windowBits: Int32, upTo limit: Int, trailer: Int = 0, what: String
    ) throws -> [UInt8] {
        var stream = z_stream()
        guard inflateInit2_(&stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw IcebergError(.unavailable, "zlib cannot be set up to read \(what): there is no memory for it")
        }
        defer { inflateEnd(&stream) }
        guard bytes.count <= Int(UInt32.max) else { throw IcebergError(.malformed, "\(what) is over 4 GiB") }
        var output: [UInt8] = []
        var input = bytes
        var status = Z_OK
        try input.withUnsafeMutableBufferPointer { source in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            while status == Z_OK {
                let chunk = try [UInt8](unsafeUninitializedCapacity: chunkBytes) { buffer, filled in
                    stream.next_out = buffer.baseAddress
                    stream.avail_out = UInt32(buffer.count)
                    status = CZlib.inflate(&stream, Z_NO_FLUSH)
                    guard status == Z_OK || status == Z_STREAM_END else {
                        throw IcebergError(.malformed, "\(what) is damaged or ends too soon")
                    }
                    filled = buffer.count - Int(stream.avail_out)
                }
                output.append(contentsOf: chunk)
                guard output.count <= limit else {
                    throw IcebergError(.malformed, "\(what) holds more than \(limit) bytes")
                }
            }
            guard stream.avail_in <= trailer else {
                throw IcebergError(.malformed, "\(what) has \(stream.avail_in) bytes after its end")
            }
        }
        return output
    }
}
