import CBytes
import Events
import Glibc

/// The distinct values of a column in a row group, in the order in which they came: what its dictionary page holds.
///
/// Open addressing. A slot holds a number itself, a string of up to eight bytes itself, or a longer one's hash, so that most
/// lookups end where they begin.
final class ParquetDictionary {
    /// Most entries; with more, codes are hardly shorter than what they stand for.
    static let entriesMax = 16_384
    /// Most bytes of values.
    static let bytesMax = 1 << 20

    private struct Slot {
        /// A number, a short string, or a longer one's hash.
        var word: UInt64
        /// The entry's code and one; 0 where the slot is free.
        var codeAfter: UInt16
        /// A string's length, as far as it goes: a longer one's is in the page.
        var length: UInt16
        /// Where the entry's value stands in the page; before a string stand four bytes of its length.
        var start: UInt32
    }

    private struct Entry {
        var start: UInt32
        var slot: UInt32
    }

    /// The values as the dictionary page has them.
    let page = ByteRoom(capacity: 16 << 10)
    private(set) var count = 0
    private static let slotCount = entriesMax * 2
    private let slots: UnsafeMutablePointer<Slot>
    private let entries = UnsafeMutablePointer<Entry>.allocate(capacity: ParquetDictionary.entriesMax)

    /// Rows whose hashes are taken before the first of them is looked up: their slots come from memory meanwhile.
    private static let ahead = 64
    private let ahead = UnsafeMutablePointer<Wanted>.allocate(capacity: ParquetDictionary.ahead)

    /// A string that is to be looked up.
    private struct Wanted {
        var word: UInt64
        var slot: Int32
        var row: Int32
    }

    init() {
        // Zeros from the system, which takes memory only for pages that are used.
        guard let memory = calloc(ParquetDictionary.slotCount, MemoryLayout<Slot>.stride) else {
            preconditionFailure("there is no memory for a dictionary")
        }
        slots = memory.bindMemory(to: Slot.self, capacity: ParquetDictionary.slotCount)
    }

    deinit {
        free(slots)
        entries.deallocate()
        ahead.deallocate()
    }

    func removeAll() {
        for code in 0..<count { slots[Int(entries[code].slot)].codeAfter = 0 }
        count = 0
        page.removeAll()
    }

    /// The bits that a code takes.
    var codeWidth: Int { max(1, Int.bitWidth - max(0, count - 1).leadingZeroBitCount) }

    @inline(__always)
    private static func slot(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash &>> 40) & (slotCount - 1) }

    private func insert(_ word: UInt64, _ length: Int, _ slot: Int, _ start: Int) {
        entries[count] = Entry(start: UInt32(start), slot: UInt32(slot))
        count += 1
        slots[slot] = Slot(
            word: word, codeAfter: UInt16(count), length: UInt16(clamping: length), start: UInt32(start))
    }

    // MARK: - Strings

    /// Codes for strings, until one does not fit; returns how many it found.
    ///
    /// - Parameter bit: where presence is given, only rows with this bit have a value.
    func encode(
        _ values: UnsafePointer<StringRef>, _ rows: Int, _ presence: UnsafePointer<FieldSet>?, _ bit: FieldSet,
        to codes: UnsafeMutablePointer<UInt32>
    ) -> (rows: Int, codes: Int) {
        var written = 0
        var first = 0
        while first < rows {
            let end = min(first &+ ParquetDictionary.ahead, rows)
            var found = 0
            for row in first..<end {
                if let presence, presence[row] & bit == 0 { continue }
                let (word, slot) = ParquetDictionary.key(values[row].start, values[row].count)
                cbytes_prefetch(slots + slot)
                ahead[found] = Wanted(
                    word: word, slot: Int32(truncatingIfNeeded: slot), row: Int32(truncatingIfNeeded: row))
                found &+= 1
            }
            for index in 0..<found {
                let wanted = ahead[index]
                let value = values[Int(wanted.row)]
                let code = code(wanted.word, Int(wanted.slot), value.start, value.count)
                if code == ParquetDictionary.noCode { return (Int(wanted.row), written) }
                codes[written] = code
                written &+= 1
            }
            first = end
        }
        return (rows, written)
    }

    /// Strings of up to this many bytes are compared as a word.
    private static let wordBytes = 8
    private static let noCode = UInt32.max

    @inline(__always)
    private func code(_ word: UInt64, _ first: Int, _ bytes: UnsafePointer<UInt8>, _ length: Int) -> UInt32 {
        var slot = first
        let shown = UInt16(clamping: length)
        while slots[slot].codeAfter != 0 {
            if slots[slot].word == word, slots[slot].length == shown,
                length <= ParquetDictionary.wordBytes || isEntry(Int(slots[slot].start), bytes, length)
            {
                return UInt32(slots[slot].codeAfter) &- 1
            }
            slot = (slot &+ 1) & (ParquetDictionary.slotCount - 1)
        }
        return newCode(word, slot, bytes, length)
    }

    @inline(never)
    private func newCode(_ word: UInt64, _ slot: Int, _ bytes: UnsafePointer<UInt8>, _ length: Int) -> UInt32 {
        guard count < ParquetDictionary.entriesMax, page.count + length + 4 <= ParquetDictionary.bytesMax else {
            return ParquetDictionary.noCode
        }
        page.append(UInt32(length))
        insert(word, length, slot, page.count)
        page.append(UnsafeRawPointer(bytes), length)
        return UInt32(count - 1)
    }

    /// Compares strings of more than eight bytes, words at a time, the last ones overlapping.
    @inline(__always)
    private func isEntry(_ start: Int, _ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        let entry = UnsafeRawPointer(page.start + start)
        guard entry.loadUnaligned(fromByteOffset: -4, as: UInt32.self) == UInt32(truncatingIfNeeded: count) else {
            return false
        }
        let value = UnsafeRawPointer(bytes)
        @inline(__always) func difference(_ at: Int) -> UInt64 {
            entry.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                ^ value.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        }
        var at = 0
        while at < count &- 8 {
            if difference(at) != 0 { return false }
            at &+= 8
        }
        return difference(count &- 8) == 0
    }

    /// What stands for a string, and the slot where it is looked for. The bytes are followed by readable ones.
    @inline(__always)
    private static func key(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> (word: UInt64, slot: Int) {
        let start = UnsafeRawPointer(bytes)
        var hash = UInt64(truncatingIfNeeded: count) &* 0x9e37_79b9_7f4a_7c15
        if count <= wordBytes {
            // Without what follows the string; shifts by 64 bits give nothing of it.
            let word = start.loadUnaligned(as: UInt64.self) & ~(~0 << UInt64(count * 8))
            return (word, slot(mixed(hash ^ word)))
        }
        // Words at a time, the last ones overlapping.
        var at = 0
        while at < count &- 8 {
            hash = mixed(hash ^ start.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            at &+= 8
        }
        hash = mixed(hash ^ start.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self))
        return (hash, slot(hash))
    }

    @inline(__always)
    private static func mixed(_ value: UInt64) -> UInt64 {
        let (high, low) = value.multipliedFullWidth(by: 0xd6e8_feb8_6659_fd93)
        return high ^ low
    }

    /// Appends the value of a code as it stands in a data page.
    func appendValue(of code: UInt32, to room: ByteRoom) {
        let start = UnsafeRawPointer(page.start + Int(entries[Int(code)].start) - 4)
        room.append(start, 4 + Int(start.loadUnaligned(as: UInt32.self)))
    }

    /// Calls `body` with each entry's bytes.
    func forEachString(_ body: (UnsafePointer<UInt8>, Int) -> Void) {
        for code in 0..<count {
            let start = page.start + Int(entries[code].start)
            body(start, Int(UnsafeRawPointer(start).loadUnaligned(fromByteOffset: -4, as: UInt32.self)))
        }
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
        var slot = ParquetDictionary.slot(ParquetDictionary.mixed(word ^ 0x9e37_79b9_7f4a_7c15))
        while slots[slot].codeAfter != 0 {
            if slots[slot].word == word { return UInt32(slots[slot].codeAfter) &- 1 }
            slot = (slot + 1) & (ParquetDictionary.slotCount - 1)
        }
        guard count < ParquetDictionary.entriesMax else { return nil }
        insert(word, 0, slot, page.count)
        if bytes == 4 { page.append(Int32(truncatingIfNeeded: value)) } else { page.append(value) }
        return UInt32(count - 1)
    }

    /// Appends the number of a code as it stands in a data page.
    func appendNumber(of code: UInt32, bytes: Int, to room: ByteRoom) {
        room.append(UnsafeRawPointer(page.start + Int(entries[Int(code)].start)), bytes)
    }
}
