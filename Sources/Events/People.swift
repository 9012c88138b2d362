/// People by their ids in clear, for as long as an erasure runs: one look at some bytes answers for all of them.
public struct People: Sendable {
    /// The most people of one erasure.
    public static let limit = 100_000

    /// Their ids, each once, in the order of their bytes.
    public let ids: [PersonID]
    private let words: WordSet

    /// These people; nil when there are none, or more than ``limit``.
    public init?(_ people: some Sequence<PersonID>) {
        var seen: Set<[UInt8]> = []
        let distinct = people.filter { seen.insert($0.bytes).inserted }
        guard (1...Self.limit).contains(distinct.count) else { return nil }
        ids = distinct.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        words = WordSet(ids.map(\.bytes))
    }

    /// The person, where there is just one: then an engine may look for the id itself.
    public var only: PersonID? { ids.count == 1 ? ids[0] : nil }

    /// Whether some bytes are one of the ids.
    public func areNamed(by word: UnsafeRawBufferPointer) -> Bool { words.contains(word) }

    /// Whether an accepted event names one of them.
    public func areIn(accepted event: UnsafeRawBufferPointer) -> Bool {
        if let only { return only.isIn(accepted: event) }
        return PersonMention.inAccepted(event, areNamed)
    }

    /// Whether rejected bytes name one of them.
    public func areIn(rejected bytes: UnsafeRawBufferPointer) -> Bool { PersonMention.inRejected(bytes, areNamed) }

    /// The ids as they are looked for inside of other words, too.
    /// - Parameter isTelling: whether an id is; short ones stand in other words by chance.
    public func parts(where isTelling: (PersonID) -> Bool) -> WordParts {
        WordParts(ids.filter(isTelling).map(\.bytes))
    }
}

/// Words of up to ``PersonMention/wordBytes`` bytes, in a table that is probed by their hash.
struct WordSet: Sendable {
    private let words: [[UInt8]]
    private var slots: [Int32]
    private var hasLength = [Bool](repeating: false, count: PersonMention.wordBytes + 1)

    init(_ words: [[UInt8]]) {
        self.words = words
        var capacity = 4
        while capacity < words.count * 2 { capacity *= 2 }
        slots = [Int32](repeating: -1, count: capacity)
        for (index, word) in words.enumerated() {
            hasLength[word.count] = true
            var slot = Int(truncatingIfNeeded: word.withUnsafeBytes { Self.hash($0) }) & (capacity - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (capacity - 1) }
            slots[slot] = Int32(index)
        }
    }

    func contains(_ word: UnsafeRawBufferPointer) -> Bool {
        guard word.count < hasLength.count, hasLength[word.count] else { return false }
        var slot = Int(truncatingIfNeeded: Self.hash(word)) & (slots.count - 1)
        while slots[slot] >= 0 {
            if word.elementsEqual(words[Int(slots[slot])]) { return true }
            slot = (slot + 1) & (slots.count - 1)
        }
        return false
    }

    /// FNV-1a, whose high bits are folded into the low ones that pick a slot.
    private static func hash(_ word: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in word { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash ^ (hash >> 32)
    }
}

/// Words that are looked for anywhere in bytes, all of one length in one pass (Rabin and Karp's rolling hash).
public struct WordParts: Sendable {
    private struct Length {
        let bytes: Int
        /// What the first byte of a window weighs.
        let weight: UInt64
        var hashes: Set<UInt64> = []
        /// Which last bits hashes have, so that nearly all windows are passed over at once.
        var filter = [Bool](repeating: false, count: 1 << 16)
    }

    private static let base: UInt64 = 0x9e37_79b9_7f4a_7c15
    private var lengths: [Length] = []
    private let words: WordSet

    init(_ words: [[UInt8]]) {
        self.words = WordSet(words)
        for (count, group) in Dictionary(grouping: words, by: \.count).sorted(by: { $0.key < $1.key }) where count > 0 {
            var length = Length(
                bytes: count, weight: (1..<count).reduce(UInt64(1)) { weight, _ in weight &* Self.base })
            for word in group {
                let hash = word.reduce(UInt64(0)) { $0 &* Self.base &+ UInt64($1) }
                length.hashes.insert(hash)
                length.filter[Int(truncatingIfNeeded: hash >> 48)] = true
            }
            lengths.append(length)
        }
    }

    /// Whether one of the words stands anywhere in the bytes.
    public func stand(in bytes: UnsafeRawBufferPointer) -> Bool {
        for length in lengths where bytes.count >= length.bytes {
            var hash = bytes.prefix(length.bytes).reduce(UInt64(0)) { $0 &* Self.base &+ UInt64($1) }
            var start = 0
            while true {
                if length.filter[Int(truncatingIfNeeded: hash >> 48)], length.hashes.contains(hash),
                    words.contains(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length.bytes)]))
                {
                    return true
                }
                guard start + length.bytes < bytes.count else { break }
                hash =
                    (hash &- UInt64(bytes[start]) &* length.weight) &* Self.base
                    &+ UInt64(bytes[start + length.bytes])
                start += 1
            }
        }
        return false
    }
}
