/// A draw from a list of alternatives with integer weights, in constant time.
///
/// Walker's alias method with Vose's construction ("A linear algorithm for generating random numbers with a given
/// distribution", IEEE TSE 17(9), 1991), done in integers so that every machine builds the same table.
struct Weights: Sendable {
    /// Below this, a draw that landed on the column stays there; otherwise it takes the column's alias.
    private let thresholds: [UInt64]
    private let aliases: [UInt32]
    private let total: UInt64

    /// The largest table whose arithmetic cannot overflow 64 bits, see `zipf`.
    static let countMax = 1_000_000

    /// A draw in which alternative i comes up `weights[i]` times in the sum of all weights.
    init(_ weights: [UInt64]) {
        precondition(!weights.isEmpty && weights.count <= Weights.countMax, "a draw needs 1 to a million weights")
        let count = UInt64(weights.count)
        let total = weights.reduce(0, +)
        precondition(total > 0, "a draw needs a weight above zero")
        // Every weight times the count: a column is full at exactly `total`.
        var left = weights.map { $0 * count }
        var aliases = (0..<UInt32(count)).map { $0 }
        var small = left.indices.filter { left[$0] < total }
        var large = left.indices.filter { left[$0] >= total }
        while let poor = small.last, let rich = large.last {
            small.removeLast()
            aliases[poor] = UInt32(rich)
            left[rich] -= total - left[poor]
            if left[rich] < total {
                large.removeLast()
                small.append(rich)
            }
        }
        thresholds = left
        self.aliases = aliases
        self.total = total
    }

    /// The weights of Zipf's law with exponent 1: the alternative of rank k is drawn in proportion to 1 / k.
    ///
    /// In units of 2^-40, so that the sum of a million of them stays under 2^44 and times the count under 2^64.
    static func zipf(_ count: Int) -> Weights {
        Weights((1...UInt64(count)).map { (1 << 40) / $0 })
    }

    /// One draw: the index of an alternative.
    @inline(__always)
    func draw(_ random: inout RandomSource) -> Int {
        let column = random.index(below: thresholds.count)
        return random.next(below: total) < thresholds[column] ? column : Int(aliases[column])
    }
}
