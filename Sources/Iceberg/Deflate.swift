import CZlib

/// Raw deflate (RFC 1951), as Avro blocks use it.
enum Deflate {
    /// Writers in Python (PyIceberg, fastavro, Avro's own) make zlib's format, take its frame off and leave three bytes of
    /// its checksum behind the block.
    private static let checksumBytes = 4

    /// - Throws: ``IcebergError`` `.malformed` when the bytes are not deflate, or make more than `limit` bytes.
    static func decompress(_ bytes: [UInt8], upTo limit: Int) throws -> [UInt8] {
        try Inflate.inflate(
            bytes, windowBits: -MAX_WBITS, upTo: limit, trailer: checksumBytes, what: "a compressed Avro block")
    }

    /// The bytes, compressed for speed: manifests are small and their latency is the commit's.
    static func compress(_ bytes: [UInt8]) throws -> [UInt8] {
        var stream = z_stream()
        guard
            deflateInit2_(
                &stream, Z_BEST_SPEED, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { throw IcebergError(.unsupported, "zlib cannot be set up to write a compressed block") }
        defer { deflateEnd(&stream) }
        var input = bytes
        let bound = Int(deflateBound(&stream, UInt(bytes.count)))
        return try input.withUnsafeMutableBufferPointer { source in
            try [UInt8](unsafeUninitializedCapacity: bound) { buffer, filled in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(clamping: source.count)
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(clamping: buffer.count)
                guard deflate(&stream, Z_FINISH) == Z_STREAM_END else {
                    throw IcebergError(.unsupported, "zlib cannot compress a block of \(source.count) bytes")
                }
                filled = buffer.count - Int(stream.avail_out)
            }
        }
    }
}
