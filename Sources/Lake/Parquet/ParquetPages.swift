import CBytes

/// The pages of a column's part of a row group, one after another: compressed, each with its header and its checksum.
final class ParquetPages {
    /// The bytes of a room that are kept for the next page or file.
    static let keptBytes = 16 << 20
    /// More than the header of a page takes.
    private static let headerBytes = 256

    let codec: ParquetCodec
    /// The data pages.
    let bytes = ByteRoom(capacity: 64 << 10)
    /// What all pages of the row group take without compression, headers included.
    private(set) var uncompressedBytes = 0

    /// Values of the next page that were compressed as they came.
    private let elements = ByteRoom(capacity: 64 << 10)
    /// What they were before.
    private(set) var elementBytes = 0
    private let compressed = ByteRoom(capacity: 4_096)

    init(_ codec: ParquetCodec) { self.codec = codec }

    /// Takes plain values of the next page and compresses them at once, while they are in the processor's cache; false
    /// when the codec wants a page as a whole. The bytes are followed by 64 readable ones.
    func compressAtOnce(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        guard case .snappyJSON = codec else { return false }
        ParquetCodec.appendSnappy(bytes, count, to: elements)
        elementBytes += count
        return true
    }

    /// Appends a data page, of the format's first version.
    /// - Parameters:
    ///   - head: what it begins with, the levels, and all that it is for codes.
    ///   - values: the values that follow, before those that were compressed as they came.
    ///   - entries: values and nulls.
    func add(_ head: ByteRoom, _ values: ByteRoom, entries: Int, isCoded: Bool) {
        append(head, values, isDictionary: false, to: bytes) { thrift in
            thrift.field(5) {
                $0.field(1, int32: entries)
                $0.field(2, int32: isCoded ? 8 : 0)
                $0.field(3, int32: 3)
                $0.field(4, int32: 3)
            }
        }
    }

    /// A dictionary's page, which stands before the data pages and is known after them.
    func dictionaryPage(_ dictionary: ParquetDictionary) -> ByteRoom {
        let page = ByteRoom(capacity: dictionary.page.count + ParquetPages.headerBytes)
        append(ByteRoom(), dictionary.page, isDictionary: true, to: page) { thrift in
            thrift.field(7) {
                $0.field(1, int32: dictionary.count)
                $0.field(2, int32: 0)
            }
        }
        return page
    }

    /// Forgets the pages of a row group that is closed.
    func removeAll() {
        uncompressedBytes = 0
        bytes.removeAll(keeping: ParquetPages.keptBytes)
        removeElements()
    }

    private func removeElements() {
        elements.removeAll(keeping: ParquetPages.keptBytes)
        elementBytes = 0
    }

    private func append(
        _ head: ByteRoom, _ values: ByteRoom, isDictionary: Bool, to room: ByteRoom,
        _ describe: (inout ThriftWriter) -> Void
    ) {
        let length = head.count + values.count + elementBytes
        let isCompressed = compress(head, values, length)
        let parts = isCompressed ? [compressed, elements] : [head, values]
        let crc = parts.reduce(0) { cbytes_crc32($0, $1.start, $1.count) }
        var thrift = ThriftWriter()
        thrift.structure {
            $0.field(1, int32: isDictionary ? 2 : 0)
            $0.field(2, int32: length)
            $0.field(3, int32: parts.reduce(0) { $0 + $1.count })
            $0.field(4, int32: Int(Int32(bitPattern: crc)))
            describe(&$0)
        }
        uncompressedBytes += thrift.bytes.count + length
        room.append(thrift.bytes)
        for part in parts { room.append(part) }
        removeElements()
    }

    /// Compresses what a page is made of into `compressed`; false when the column's pages are not compressed.
    private func compress(_ head: ByteRoom, _ values: ByteRoom, _ length: Int) -> Bool {
        compressed.removeAll(keeping: ParquetPages.keptBytes)
        switch codec {
        case .none: return false
        case .zstd(let compressor):
            let body = head.count == 0 ? values : head
            if body !== values { head.append(values) }
            _ = compressor.compress(body.start, body.count, to: compressed)
        case .snappyJSON:
            ParquetCodec.appendSnappyLength(length, to: compressed)
            ParquetCodec.appendSnappy(head.start, head.count, to: compressed)
            ParquetCodec.appendSnappy(values.start, values.count, to: compressed)
        }
        return true
    }
}
