import CZlib

/// The one file of a zip (PKWARE's APPNOTE 6.3), found by the central directory and read within bounds. No encryption, no
/// parts, no zip64, and no other method than stored and deflate.
enum ZipArchive {
    private static let endBytes = 22
    private static let entryBytes = 46
    private static let headerBytes = 30
    private static let commentMax = 65_535

    /// The bytes of the archive's only file.
    static func onlyFile(in archive: [UInt8], upTo limit: Int) throws -> [UInt8] {
        func failure(_ what: String) -> RatesError { RatesError("the zip cannot be read: \(what)") }
        func number(_ at: Int, _ bytes: Int) throws -> Int {
            guard at >= 0, at + bytes <= archive.count else { throw failure("it ends early") }
            return (0..<bytes).reduce(0) { $0 | Int(archive[at + $1]) << (8 * $1) }
        }
        guard archive.count >= endBytes else { throw failure("it ends early") }
        let last = archive.count - endBytes
        guard
            let end = stride(from: last, through: max(0, last - commentMax), by: -1).first(where: {
                archive[$0] == 0x50 && archive[$0 + 1] == 0x4B && archive[$0 + 2] == 5 && archive[$0 + 3] == 6
            })
        else { throw failure("its directory is missing") }
        guard try number(end + 10, 2) == 1, try number(end + 8, 2) == 1, try number(end + 4, 2) == 0 else {
            throw failure("it holds more than one file")
        }
        let entry = try number(end + 16, 4)
        guard entry + entryBytes <= end, try number(entry, 4) == 0x0201_4B50 else {
            throw failure("its directory is damaged")
        }
        guard try number(entry + 8, 2) & 1 == 0 else { throw failure("it is encrypted") }
        let method = try number(entry + 10, 2)
        let checksum = try number(entry + 16, 4)
        let packed = try number(entry + 20, 4)
        let size = try number(entry + 24, 4)
        let header = try number(entry + 42, 4)
        guard size <= limit else { throw failure("its file has more than \(limit) bytes") }
        guard try number(header, 4) == 0x0403_4B50 else { throw failure("its file is not where it says") }
        let start = header + headerBytes + (try number(header + 26, 2)) + (try number(header + 28, 2))
        guard start + packed <= entry else { throw failure("its file is larger than the archive") }
        let content = archive[start..<(start + packed)]
        let file: [UInt8]
        switch method {
        case 0: file = Array(content)
        case 8: file = try inflated(content, size)
        default: throw failure("its file is packed by method \(method), which is not deflate")
        }
        guard file.count == size, file.withUnsafeBytes({ Int(crc32(0, $0.baseAddress, UInt32($0.count))) }) == checksum
        else { throw failure("its file is damaged") }
        return file
    }

    /// What a raw deflate stream of exactly `size` bytes holds.
    private static func inflated(_ packed: ArraySlice<UInt8>, _ size: Int) throws -> [UInt8] {
        let damaged = RatesError("the zip cannot be read: its file is damaged")
        var stream = z_stream()
        guard inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw RatesError("the zip cannot be read: there is no memory for it")
        }
        defer { inflateEnd(&stream) }
        var source = Array(packed)
        var status = Z_OK
        // One byte of room more, so that a stream that goes on past its size shows.
        let file = [UInt8](unsafeUninitializedCapacity: size + 1) { target, filled in
            source.withUnsafeMutableBufferPointer { source in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(size + 1)
                status = inflate(&stream, Z_FINISH)
            }
            filled = size + 1 - Int(stream.avail_out)
        }
        guard status == Z_STREAM_END, file.count == size else { throw damaged }
        return file
    }
}
