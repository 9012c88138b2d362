import CBytes

/// How the pages of a column are compressed.
enum ParquetCodec {
    /// Not at all: codes and numbers that are read soon and written anew.
    case none
    /// Snappy, by a search that knows JSON: a quarter of Zstandard's time for two and a half times its size.
    case snappyJSON
    /// Zstandard, at the compressor's level.
    case zstd(ZstdCompressor)

    /// The number in a footer.
    var number: Int {
        switch self {
        case .none: 0
        case .snappyJSON: 1
        case .zstd: 6
        }
    }

    /// Appends JSON as elements of a Snappy block; the bytes are followed by 64 readable ones.
    static func appendSnappy(_ bytes: UnsafePointer<UInt8>, _ count: Int, to room: ByteRoom) {
        room.reserve(count + count / 32 + 128)
        room.count += cbytes_snappy_json(bytes, count, room.end)
    }

    /// Appends the length with which a Snappy block begins.
    static func appendSnappyLength(_ length: Int, to room: ByteRoom) {
        var rest = length
        while rest >= 0x80 {
            room.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        room.append(UInt8(truncatingIfNeeded: rest))
    }
}
