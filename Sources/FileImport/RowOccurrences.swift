/// Finds the rows that may occur more than once, in one pass and little memory: a filter of a few bits per row, and
/// the hashes of those that the filter has seen before. Some of these occur once after all, which costs only memory.
struct RowSightings {
    private var filter: [UInt64]
    private let mask: UInt64
    private(set) var repeated: Set<UInt64> = []

    /// A filter that fits a file of so many bytes.
    init(fileBytes: Int64) {
        // Half a bit per byte is ten bits and more for rows of usual length; the largest filter takes 128 MiB.
        var bits: UInt64 = 1 << 16
        while bits < 1 << 30, bits < UInt64(max(0, fileBytes)) / 2 { bits *= 2 }
        filter = Array(repeating: 0, count: Int(bits / 64))
        mask = bits - 1
    }

    /// Notes one row; false when more different rows repeat than can be held.
    mutating func note(_ hash: UInt64) -> Bool {
        var isKnown = true
        var probe = hash
        for _ in 0..<4 {
            let bit = probe & mask
            let word = Int(bit >> 6)
            let flag: UInt64 = 1 << (bit & 63)
            if filter[word] & flag == 0 {
                isKnown = false
                filter[word] |= flag
            }
            probe = RowHash.mix(probe)
        }
        guard isKnown else { return true }
        repeated.insert(hash)
        return repeated.count <= ImportLimits.repeatedRows
    }
}

/// Numbers the occurrences of equal rows in the order of the file: 0, 1, 2, …
struct RowOccurrences {
    private var counts: [UInt64: UInt64]

    init(repeated: Set<UInt64>) {
        counts = Dictionary(minimumCapacity: repeated.count)
        for hash in repeated { counts[hash] = 0 }
    }

    /// The number of this occurrence of a row.
    mutating func number(_ hash: UInt64) -> UInt64 {
        guard !counts.isEmpty, let index = counts.index(forKey: hash) else { return 0 }
        defer { counts.values[index] += 1 }
        return counts.values[index]
    }
}

/// A hash that only has to find candidates: rows that share it share their numbering, and differ by content anyway.
enum RowHash {
    static func of(_ content: [UInt8]) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in content { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return mix(hash)
    }

    static func mix(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ value >> 33) &* 0xff51_afd7_ed55_8ccd
        value = (value ^ value >> 33) &* 0xc4ce_b9fe_1a85_ec53
        return value ^ value >> 33
    }
}
