import CZstd

/// Zstandard (RFC 8878), which Avro blocks may be compressed with. Only read: our own files use deflate.
enum Zstandard {
    private static let chunkBytes = 128 << 10
    /// The largest window that a frame may ask for, as a power of two: what the library itself takes for safe, and more
    /// than any level short of "ultra" uses.
    private static let windowLog: Int32 = 27

    /// - Throws: ``IcebergError`` `.malformed` when the bytes are not zstandard frames, or make more than `limit` bytes.
    static func decompress(_ bytes: [UInt8], upTo limit: Int) throws -> [UInt8] {
        guard let context = ZSTD_createDCtx() else {
            throw IcebergError(
                .unavailable, "zstd cannot be set up to read a compressed Avro block: there is no memory")
        }
        defer { ZSTD_freeDCtx(context) }
        guard ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, windowLog)) == 0 else {
            throw IcebergError(.unavailable, "zstd does not take a bound for its window")
        }
        var output: [UInt8] = []
        // 0 at the end of a frame: bytes that end there are whole.
        var pending = 1
        try bytes.withUnsafeBytes { source in
            var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
            var isFull = false
            while input.pos < input.size || isFull {
                let chunk = try [UInt8](unsafeUninitializedCapacity: chunkBytes) { buffer, filled in
                    var room = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
                    pending = ZSTD_decompressStream(context, &room, &input)
                    guard ZSTD_isError(pending) == 0 else {
                        throw IcebergError(
                            .malformed,
                            "a zstandard Avro block is damaged: \(String(cString: ZSTD_getErrorName(pending)))")
                    }
                    filled = room.pos
                }
                isFull = chunk.count == chunkBytes && pending != 0
                output.append(contentsOf: chunk)
                guard output.count <= limit else {
                    throw IcebergError(.malformed, "a zstandard Avro block holds more than \(limit) bytes")
                }
            }
        }
        guard pending == 0 else { throw IcebergError(.malformed, "a zstandard Avro block ends too soon") }
        return output
    }
}
