/// A set of offsets, kept as runs.
public struct OffsetSet: Sendable, Equatable, CustomStringConvertible {
    /// The runs, in order and apart from one another.
    public private(set) var ranges: [Range<Int64>] = []

    /// No offset.
    public init() {}

    /// How many offsets it holds.
    public var count: Int64 { ranges.reduce(0) { $0 + $1.upperBound - $1.lowerBound } }

    /// Whether it holds an offset.
    public func contains(_ offset: Int64) -> Bool {
        let index = place(of: offset)
        return index < ranges.count && ranges[index].contains(offset)
    }

    /// Whether it holds an offset of a range.
    public func hasAny(in range: ClosedRange<Int64>) -> Bool {
        let index = place(of: range.lowerBound)
        return index < ranges.count && ranges[index].lowerBound <= range.upperBound
    }

    /// Adds an offset.
    public mutating func insert(_ offset: Int64) { insert(offset..<(offset + 1)) }

    /// Adds all of another set.
    public mutating func formUnion(_ other: OffsetSet) {
        for range in other.ranges { insert(range) }
    }

    private mutating func insert(_ range: Range<Int64>) {
        // The first run that ends at or behind the new one's beginning, and those that it reaches.
        var first = place(of: range.lowerBound)
        if first > 0, ranges[first - 1].upperBound == range.lowerBound { first -= 1 }
        var end = first
        var merged = range
        while end < ranges.count, ranges[end].lowerBound <= range.upperBound {
            merged = min(merged.lowerBound, ranges[end].lowerBound)..<max(merged.upperBound, ranges[end].upperBound)
            end += 1
        }
        ranges.replaceSubrange(first..<end, with: [merged])
    }

    /// The first run that ends behind an offset.
    private func place(of offset: Int64) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound <= offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// `0-4,7`: the form kept in files.
    public var description: String {
        ranges.map { $0.upperBound - $0.lowerBound == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound - 1)" }
            .joined(separator: ",")
    }

    /// Reads the form that `description` writes; nil when it is anything else.
    public init?(_ text: String) {
        guard !text.isEmpty else { return }
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = word.split(separator: "-", omittingEmptySubsequences: false).map { Int64($0) }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first >= 0,
                last >= first, last < .max
            else { return nil }
            ranges.append(first..<(last + 1))
        }
        guard description == text, zip(ranges, ranges.dropFirst()).allSatisfy({ $0.upperBound < $1.lowerBound })
        else { return nil }
    }
}
