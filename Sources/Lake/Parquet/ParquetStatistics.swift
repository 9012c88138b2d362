import Events
import Glibc
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

    /// Takes in what a batch of strings found.
    mutating func count(_ batch: StringBounds) {
        if let value = batch.first, first.map({ value.lexicographicallyPrecedes($0) }) ?? true { first = Array(value) }
        if let value = batch.last, last.map({ $0.lexicographicallyPrecedes(value) }) ?? true { last = Array(value) }
    }

    /// Takes in what is known of more values.
    mutating func merge(_ other: ParquetStatistics) {
        values += other.values
        nulls += other.nulls
        smallest = min(smallest, other.smallest)
        largest = max(largest, other.largest)
        hasNumbers = hasNumbers || other.hasNumbers
        if let bytes = other.first, first.map({ bytes.lexicographicallyPrecedes($0) }) ?? true { first = bytes }
        if let bytes = other.last, last.map({ $0.lexicographicallyPrecedes(bytes) }) ?? true { last = bytes }
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

/// The smallest and the largest of a batch of strings, where they stand.
struct StringBounds {
    private(set) var first: UnsafeBufferPointer<UInt8>?
    private(set) var last: UnsafeBufferPointer<UInt8>?
    /// The leading bytes of those, for a quick comparison.
    private var firstWord = UInt64.max
    private var lastWord = UInt64.min

    /// Takes a string in; the bytes are followed by readable ones.
    @inline(__always)
    mutating func count(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
        var word = UInt64(bigEndian: UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self))
        if count < 8 { word &= count == 0 ? 0 : ~((1 &<< UInt64(64 &- count &* 8)) &- 1) }
        if word <= firstWord {
            if word < firstWord || first.map({ StringBounds.precedes(bytes, count, $0) }) ?? true {
                first = UnsafeBufferPointer(start: bytes, count: count)
                firstWord = word
            }
        }
        if word >= lastWord {
            if word > lastWord || last.map({ !StringBounds.precedes(bytes, count, $0) }) ?? true {
                last = UnsafeBufferPointer(start: bytes, count: count)
                lastWord = word
            }
        }
    }

    @inline(__always)
    private static func precedes(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, _ other: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard let start = other.baseAddress else { return false }
        let order = memcmp(bytes, start, min(count, other.count))
        return order < 0 || order == 0 && count < other.count
    }
}
