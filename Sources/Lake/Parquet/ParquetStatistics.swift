import Events
import Iceberg

/// What is known of a column's values: how many, how many nulls, and the smallest and largest.
struct ParquetStatistics {
    /// Values up to which strings are kept as bounds, in bytes.
    static let boundBytesMax = 256

    /// Nulls included; of the inside of a list, more or fewer than rows.
    var values = 0
    var nulls = 0
    /// The bounds of numbers.
    private(set) var smallest = Int64.max
    private(set) var largest = Int64.min
    /// The bounds of strings.
    private(set) var first: [UInt8]?
    private(set) var last: [UInt8]?
    /// The leading bytes of those, for a quick comparison.
    private var firstWord = UInt64.max
    private var lastWord = UInt64.min
    private(set) var hasNumbers = false

    mutating func count(numbers: UnsafePointer<Int64>, _ rows: Int) {
        guard rows > 0 else { return }
        var low = smallest
        var high = largest
        for row in 0..<rows {
            low = min(low, numbers[row])
            high = max(high, numbers[row])
        }
        (smallest, largest, hasNumbers) = (low, high, true)
    }

    mutating func count(
        numbers: UnsafePointer<Int64>, _ rows: Int, _ presence: UnsafePointer<FieldSet>, _ bit: FieldSet
    ) {
        var low = smallest
        var high = largest
        var present = false
        for row in 0..<rows where presence[row] & bit != 0 {
            low = min(low, numbers[row])
            high = max(high, numbers[row])
            present = true
        }
        (smallest, largest) = (low, high)
        hasNumbers = hasNumbers || present
    }

    /// Takes a string in; the bytes are followed by readable ones.
    @inline(__always)
    mutating func count(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
        var word = UInt64(bigEndian: UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self))
        if count < 8 { word &= count == 0 ? 0 : ~((1 &<< UInt64(64 &- count &* 8)) &- 1) }
        if word <= firstWord { lower(bytes, count, word) }
        if word >= lastWord { raise(bytes, count, word) }
    }

    @inline(never)
    private mutating func lower(_ bytes: UnsafePointer<UInt8>, _ count: Int, _ word: UInt64) {
        let value = UnsafeBufferPointer(start: bytes, count: count)
        guard first.map({ value.lexicographicallyPrecedes($0) }) ?? true else { return }
        first = Array(value)
        firstWord = word
    }

    @inline(never)
    private mutating func raise(_ bytes: UnsafePointer<UInt8>, _ count: Int, _ word: UInt64) {
        let value = UnsafeBufferPointer(start: bytes, count: count)
        guard last.map({ $0.lexicographicallyPrecedes(value) }) ?? true else { return }
        last = Array(value)
        lastWord = word
    }

    /// Takes in what is known of more values.
    mutating func merge(_ other: ParquetStatistics) {
        values += other.values
        nulls += other.nulls
        smallest = min(smallest, other.smallest)
        largest = max(largest, other.largest)
        hasNumbers = hasNumbers || other.hasNumbers
        if let bytes = other.first, first.map({ bytes.lexicographicallyPrecedes($0) }) ?? true {
            (first, firstWord) = (bytes, other.firstWord)
        }
        if let bytes = other.last, last.map({ $0.lexicographicallyPrecedes(bytes) }) ?? true {
            (last, lastWord) = (bytes, other.lastWord)
        }
    }

    /// The bounds as values of a type; nil when there are none, or when they are of no use.
    func bounds(_ type: IcebergType) -> (lower: IcebergValue, upper: IcebergValue)? {
        if hasNumbers {
            switch type {
            case .int: return (.int(Int32(truncatingIfNeeded: smallest)), .int(Int32(truncatingIfNeeded: largest)))
            case .date: return (.date(Int32(truncatingIfNeeded: smallest)), .date(Int32(truncatingIfNeeded: largest)))
            case .long: return (.long(smallest), .long(largest))
            case .timestamp: return (.timestamp(smallest), .timestamp(largest))
            case .timestamptz: return (.timestamptz(smallest), .timestamptz(largest))
            case .boolean: return (.boolean(smallest != 0), .boolean(largest != 0))
            case .decimal: return (.decimal(Int128(smallest)), .decimal(Int128(largest)))
            // Bit patterns have another order than the numbers, and NaN has none.
            default: return nil
            }
        }
        guard case .string = type, let first, let last else { return nil }
        return (.string(String(decoding: first, as: UTF8.self)), .string(String(decoding: last, as: UTF8.self)))
    }

    /// The bounds as a Parquet footer has them; nil when there are none.
    func footerBounds(
        _ physical: ParquetSchema.Physical, _ type: IcebergType
    ) -> (minimum: [UInt8], maximum: [UInt8])? {
        switch (physical, type) {
        case (.bytes, .string):
            guard let first, let last, max(first.count, last.count) <= Self.boundBytesMax else { return nil }
            return (first, last)
        case (.int64, _) where hasNumbers: return (Self.bytes(smallest), Self.bytes(largest))
        case (.int32, _) where hasNumbers:
            return (Self.bytes(Int32(truncatingIfNeeded: smallest)), Self.bytes(Int32(truncatingIfNeeded: largest)))
        case (.boolean, _) where hasNumbers: return ([smallest == 0 ? 0 : 1], [largest == 0 ? 0 : 1])
        default: return nil
        }
    }

    private static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
}
