import CZlib
import CZstd

/// What the files are compressed with. The room itself writes deflate only.
enum Compression {
    static func gzip(_ bytes: [UInt8]) -> [UInt8] { zlib(bytes, windowBits: MAX_WBITS + 16) }

    static func deflate(_ bytes: [UInt8]) -> [UInt8] { zlib(bytes, windowBits: -MAX_WBITS) }

    private static func zlib(_ bytes: [UInt8], windowBits: Int32) -> [UInt8] {
        var stream = z_stream()
        let status = deflateInit2_(
            &stream, Z_BEST_SPEED, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib cannot be set up")
        defer { deflateEnd(&stream) }
        var input = bytes
        let bound = Int(deflateBound(&stream, UInt(bytes.count)))
        return input.withUnsafeMutableBufferPointer { source in
            [UInt8](unsafeUninitializedCapacity: bound) { buffer, filled in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(buffer.count)
                precondition(CZlib.deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib did not compress")
                filled = buffer.count - Int(stream.avail_out)
            }
        }
    }

    static func zstandard(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(bytes.count)) { buffer, filled in
            filled = ZSTD_compress(buffer.baseAddress, buffer.count, bytes, bytes.count, 1)
            precondition(ZSTD_isError(filled) == 0, "zstd did not compress")
        }
    }

    /// Snappy with Avro's checksum: literals, and copies of four bytes that were there at most 65,535 bytes before.
    static func snappy(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        var length = bytes.count
        while length >= 0x80 {
            output.append(UInt8(length & 0x7F) | 0x80)
            length >>= 7
        }
        output.append(UInt8(length))
        var seen: [ArraySlice<UInt8>: Int] = [:]
        var position = 0
        while position < bytes.count {
            let four = bytes[position..<min(position + 4, bytes.count)]
            let before = seen.updateValue(position, forKey: four)
            if let before, four.count == 4, position - before <= 0xFFFF {
                let offset = position - before
                output += [3 << 2 | 2, UInt8(offset & 0xFF), UInt8(offset >> 8)]
                position += 4
            } else {
                output += [0, bytes[position]]
                position += 1
            }
        }
        let checksum = UInt32(crc32_z(0, bytes, bytes.count))
        return output + (0..<4).map { UInt8(truncatingIfNeeded: checksum >> UInt32(24 - 8 * $0)) }
    }
}
