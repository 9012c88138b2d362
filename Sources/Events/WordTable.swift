import CBytes

/// The words that values are taken from (the types, and the closed lists of `EventWords`), found by their first four
/// bytes and one comparison. Made once for the process and never changed or freed.
struct WordTable {
    /// One of the words.
    struct Entry {
        /// The word and a closing quote, zeros behind them.
        var bytes: (UInt64, UInt64) = (0, 0)
        /// One bit a byte of the word, and of the word with its quote. All bits where the slot is free: no text has
        /// 16 zero bytes.
        var wordMask: UInt32 = 0xffff
        var mask: UInt32 = 0xffff
        /// The lists of `WordList` that hold the word.
        var lists: UInt8 = 0
        /// The word's length.
        var count: UInt8 = 0
        /// The raw value of the event type that the word names.
        var type: UInt8 = 0
    }

    private static let slotCount = 64
    private let slots: UnsafePointer<Entry>
    private let multiplier: UInt32

    init() {
        var words: [(text: String, entry: Entry)] = []
        func add(_ text: String, _ list: UInt8, type: UInt8 = 0) {
            if let known = words.firstIndex(where: { $0.text == text }) {
                words[known].entry.lists |= list
            } else {
                words.append((text, WordTable.entry(text, list, type)))
            }
        }
        for type in EventType.allCases { add(type.name, WordList.type, type: type.rawValue) }
        for word in EventWords.channels { add(word, WordList.channel) }
        for word in EventWords.statuses { add(word, WordList.status) }
        for word in EventWords.cartActions { add(word, WordList.cartAction) }
        for word in EventWords.wishlistActions { add(word, WordList.wishlistAction) }
        add("add", WordList.adding)
        // Tries multipliers in a fixed order until no two words share a slot.
        var multiplier: UInt32 = 0x9e37_79b1
        while true {
            if let filled = WordTable.filled(words.map(\.entry), multiplier) {
                slots = fixed(filled)
                self.multiplier = multiplier
                return
            }
            multiplier = multiplier &* 0x2c92_77b5 &+ 2
        }
    }

    private static func entry(_ text: String, _ list: UInt8, _ type: UInt8) -> Entry {
        let count = text.utf8.count
        precondition(count >= 3 && count <= 15, "a word has 3 to 15 bytes")
        var entry = Entry(lists: list, count: UInt8(count), type: type)
        withUnsafeMutableBytes(of: &entry.bytes) { $0.copyBytes(from: (text + "\"").utf8) }
        entry.wordMask = ~(~0 << UInt32(count))
        entry.mask = ~(~0 << UInt32(count + 1))
        return entry
    }

    private static func filled(_ entries: [Entry], _ multiplier: UInt32) -> [Entry]? {
        var slots = [Entry](repeating: Entry(), count: slotCount)
        for entry in entries {
            let index = index(UInt32(truncatingIfNeeded: UInt64(littleEndian: entry.bytes.0)), multiplier)
            guard slots[index].count == 0 else { return nil }
            slots[index] = entry
        }
        return slots
    }

    @inline(__always)
    private static func index(_ beginning: UInt32, _ multiplier: UInt32) -> Int {
        Int(truncatingIfNeeded: (beginning &* multiplier) &>> 26)
    }

    /// The word in the string whose bytes begin at `p`, with the quote that closes it; nil when it is none.
    @inline(__always)
    func quoted(_ p: UnsafePointer<UInt8>) -> UnsafePointer<Entry>? {
        let beginning = UInt32(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt32.self))
        let slot = slots + WordTable.index(beginning, multiplier)
        return cbytes_is_token(p, slot, slot.pointee.mask) != 0 ? slot : nil
    }

    /// The word that is the whole text, which is followed by readable padding; nil when it is none.
    func word(_ text: StringRef) -> UnsafePointer<Entry>? {
        guard text.count >= 3 else { return nil }
        var beginning = UInt32(littleEndian: UnsafeRawPointer(text.start).loadUnaligned(as: UInt32.self))
        // Words of three bytes were put in by those and the quote.
        if text.count == 3 { beginning = beginning & 0xff_ffff | 0x2200_0000 }
        let slot = slots + WordTable.index(beginning, multiplier)
        guard Int(slot.pointee.count) == text.count, cbytes_is_token(text.start, slot, slot.pointee.wordMask) != 0
        else { return nil }
        return slot
    }
}
