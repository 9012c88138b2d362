import CZlib

/// Gzip (RFC 1952), as some writers compress their metadata files.
package enum Gzip {
    /// Whether the bytes begin as gzip does.
    package static func isGzip(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

    /// - Throws: ``IcebergError`` `.malformed` when the bytes are not gzip, are damaged, or make more than `limit` bytes.
    package static func decompress(_ bytes: [UInt8], upTo limit: Int) throws -> [UInt8] {
        // 16 more than the window asks zlib for the gzip wrapper, whose checksum it then holds against the content.
        try Inflate.inflate(bytes, windowBits: MAX_WBITS + 16, upTo: limit, what: "the gzip file")
    }
}
