import CZstd

/// Compresses pages with Zstandard, in a context that is kept.
final class ZstdCompressor {
    private let context: OpaquePointer

    /// - Parameter level: as Zstandard counts; below zero is faster and larger.
    init(level: Int32) throws {
        guard let context = ZSTD_createCCtx() else { throw LakeTableError("there is no memory to compress with") }
        self.context = context
        let result = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        guard ZSTD_isError(result) == 0 else { throw LakeTableError("Zstandard has no level \(level)") }
    }

    deinit { ZSTD_freeCCtx(context) }

    /// Appends what the bytes are compressed to; returns how many that are.
    func compress(_ bytes: UnsafeRawPointer, _ count: Int, to room: ByteRoom) -> Int {
        let bound = ZSTD_compressBound(count)
        room.reserve(bound)
        let written = ZSTD_compress2(context, room.end, bound, bytes, count)
        // With room for the worst case, only a bug or memory that is gone makes it fail.
        precondition(ZSTD_isError(written) == 0, "a page could not be compressed")
        room.count += written
        return written
    }
}
