import CZlib

/// A zip of one file, as PKWARE's APPNOTE lays it out.
struct SampleZip {
    let bytes: [UInt8]

    /// - Parameter size: what the archive says of the file's size; the truth where it is nil.
    init(_ text: String, isDeflated: Bool = false, size: Int? = nil) throws {
        let content = Array(text.utf8)
        let packed = isDeflated ? Self.deflated(content) : content
        func number(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 0xFF) } }
        let sum = content.withUnsafeBytes { Int(crc32(0, $0.baseAddress, UInt32($0.count))) }
        let name = Array("rates.csv".utf8)
        let common =
            number(20, 2) + number(0, 2) + number(isDeflated ? 8 : 0, 2) + number(0, 4) + number(sum, 4)
            + number(packed.count, 4) + number(size ?? content.count, 4) + number(name.count, 2) + number(0, 2)
        let file = number(0x0403_4B50, 4) + common + name + packed
        let entry = number(0x0201_4B50, 4) + number(20, 2) + common + number(0, 10) + number(0, 4) + name
        let end =
            number(0x0605_4B50, 4) + number(0, 4) + number(1, 2) + number(1, 2) + number(entry.count, 4)
            + number(file.count, 4) + number(0, 2)
        bytes = file + entry + end
    }

    private static func deflated(_ content: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        deflateInit2_(
            &stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        defer { deflateEnd(&stream) }
        var source = content
        return [UInt8](unsafeUninitializedCapacity: content.count + 64) { target, filled in
            source.withUnsafeMutableBufferPointer { source in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                deflate(&stream, Z_FINISH)
                filled = target.count - Int(stream.avail_out)
            }
        }
    }
}
