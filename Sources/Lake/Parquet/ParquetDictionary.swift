import Events

/// The distinct values of a column in a row group, in the order in which they came: what its dictionary page holds.
///
/// Open addressing; an entry is found by its 64-bit hash and then compared.
final class ParquetDictionary {
    /// Most entries; with more, codes are hardly shorter than what they stand for.
    static let entriesMax = 16_384
    /// Most bytes of values.
    static let bytesMax = 1 << 20

    private struct Entry {
        var hash: UInt64
        var start: Int
        var count: Int
    }

    /// The values as the dictionary page has them.
    let page = ByteRoom(capacity: 64 << 10)
    private(set) var count = 0
    private static let slotCount = entriesMax * 2
    private let slots = UnsafeMutablePointer<UInt32>.allocate(capacity: ParquetDictionary.slotCount)
    private let entries = UnsafeMutablePointer<Entry>.allocate(capacity: ParquetDictionary.entriesMax)

    init() { slots.initialize(repeating: 0, count: ParquetDictionary.slotCount) }

    deinit {
        slots.deallocate()
        entries.deallocate()
    }

    func removeAll() {
        if count > 0 { slots.update(repeating: 0, count: ParquetDictionary.slotCount) }
        count = 0
        page.removeAll()
    }

    /// The bits that a code takes.
    var codeWidth: Int { max(1, Int.bitWidth - max(0, count - 1).leadingZeroBitCount) }

    // MARK: - Strings

    /// Codes for strings, until one does not fit; returns how many it found.
    ///
    /// - Parameter bit: where presence is given, only rows with this bit have a value.
    func encode(
        _ values: UnsafePointer<StringRef>, _ rows: Int, _ presence: UnsafePointer<FieldSet>?, _ bit: FieldSet,
        to codes: UnsafeMutablePointer<UInt32>
    ) -> (rows: Int, codes: Int) {
        var written = 0
        for row in 0..<rows {
            if let presence, presence[row] & bit == 0 { continue }
            let value = values[row]
            guard let code = code(value.start, value.count) else { return (row, written) }
            codes[written] = code
            written &+= 1
        }
        return (rows, written)
    }

    @inline(__always)
    private func code(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> UInt32? {
        let hash = ParquetDictionary.hash(bytes, length)
        var slot = Int(truncatingIfNeeded: hash &>> 40) & (ParquetDictionary.slotCount - 1)
        while true {
            let found = slots[slot]
            if found == 0 { break }
            let entry = entries[Int(found) - 1]
            if entry.hash == hash, entry.count == length, areEqual(page.start + entry.start, bytes, length) {
                return found - 1
            }
            slot = (slot + 1) & (ParquetDictionary.slotCount - 1)
        }
        guard count < ParquetDictionary.entriesMax, page.count + length + 4 <= ParquetDictionary.bytesMax else {
            return nil
        }
        page.append(UInt32(length))
        entries[count] = Entry(hash: hash, start: page.count, count: length)
        page.append(UnsafeRawPointer(bytes), length)
        count += 1
        slots[slot] = UInt32(count)
        return UInt32(count - 1)
    }

    /// Compares words at a time, the last ones overlapping; both sides are followed by readable bytes.
    @inline(__always)
    private func areEqual(_ one: UnsafePointer<UInt8>, _ other: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        let one = UnsafeRawPointer(one)
        let other = UnsafeRawPointer(other)
        @inline(__always) func difference(_ at: Int) -> UInt64 {
            one.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                ^ other.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        }
        if count < 8 { return difference(0) & ((1 &<< UInt64(count &* 8)) &- 1) == 0 }
        var at = 0
        while at < count &- 8 {
            if difference(at) != 0 { return false }
            at &+= 8
        }
        return difference(count &- 8) == 0
    }

    /// Words at a time, the last ones overlapping; the bytes are followed by readable ones.
    @inline(__always)
    private static func hash(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
        let start = UnsafeRawPointer(bytes)
        var hash = UInt64(truncatingIfNeeded: count) &* 0x9e37_79b9_7f4a_7c15
        if count <= 8 {
            let word = start.loadUnaligned(as: UInt64.self) & (count == 8 ? ~0 : (1 &<< UInt64(count &* 8)) &- 1)
            hash = mixed(hash ^ word)
        } else {
            var at = 0
            while at < count &- 8 {
                hash = mixed(hash ^ start.loadUnaligned(fromByteOffset: at, as: UInt64.self))
                at &+= 8
            }
            hash = mixed(hash ^ start.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self))
        }
        return hash
    }

    @inline(__always)
    private static func mixed(_ value: UInt64) -> UInt64 {
        let (high, low) = value.multipliedFullWidth(by: 0xd6e8_feb8_6659_fd93)
        return high ^ low
    }

    /// Appends the value of a code as it stands in a data page.
    func appendValue(of code: UInt32, to room: ByteRoom) {
        let entry = entries[Int(code)]
        room.append(UInt32(entry.count))
        room.append(UnsafeRawPointer(page.start + entry.start), entry.count)
    }

    /// Calls `body` with each entry's bytes.
    func forEachString(_ body: (UnsafePointer<UInt8>, Int) -> Void) {
        for index in 0..<count { body(page.start + entries[index].start, entries[index].count) }
    }

    // MARK: - Numbers

    /// Codes for numbers, until one does not fit.
    func encode(
        _ values: UnsafePointer<Int64>, _ rows: Int, _ presence: UnsafePointer<FieldSet>?, _ bit: FieldSet,
        bytes: Int, to codes: UnsafeMutablePointer<UInt32>
    ) -> (rows: Int, codes: Int) {
        var written = 0
        var lastValue: Int64 = 0
        var lastCode: UInt32 = .max
        for row in 0..<rows {
            if let presence, presence[row] & bit == 0 { continue }
            let value = values[row]
            if value != lastValue || lastCode == .max {
                guard let code = code(value, bytes) else { return (row, written) }
                lastValue = value
                lastCode = code
            }
            codes[written] = lastCode
            written &+= 1
        }
        return (rows, written)
    }

    @inline(__always)
    private func code(_ value: Int64, _ bytes: Int) -> UInt32? {
        let word = UInt64(bitPattern: value)
        let hash = ParquetDictionary.mixed(word ^ 0x9e37_79b9_7f4a_7c15)
        var slot = Int(truncatingIfNeeded: hash &>> 40) & (ParquetDictionary.slotCount - 1)
        while true {
            let found = slots[slot]
            if found == 0 { break }
            // The number itself takes the place of the hash.
            if entries[Int(found) - 1].hash == word { return found - 1 }
            slot = (slot + 1) & (ParquetDictionary.slotCount - 1)
        }
        guard count < ParquetDictionary.entriesMax else { return nil }
        entries[count] = Entry(hash: word, start: page.count, count: bytes)
        if bytes == 4 { page.append(Int32(truncatingIfNeeded: value)) } else { page.append(value) }
        count += 1
        slots[slot] = UInt32(count)
        return UInt32(count - 1)
    }

    /// Appends the number of a code as it stands in a data page.
    func appendNumber(of code: UInt32, bytes: Int, to room: ByteRoom) {
        room.append(UnsafeRawPointer(page.start + entries[Int(code)].start), bytes)
    }
}
