/// SplitMix64: one 64-bit word of state, used to spread a seed and to hash small numbers.
///
/// After Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014), with the constants
/// of Vigna's public-domain reference, https://prng.di.unimi.it/splitmix64.c.
package struct SplitMix64: Sendable {
    private var state: UInt64

    /// A sequence decided by `seed` alone.
    package init(seed: UInt64) {
        state = seed
    }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return SplitMix64.mix(state)
    }

    /// A bijection of 64-bit words in which every input bit touches every output bit.
    @inline(__always)
    static func mix(_ word: UInt64) -> UInt64 {
        var z = word
        z = (z ^ (z &>> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z &>> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z &>> 31)
    }

    /// A hash of a list of words, in order.
    static func hash(_ words: UInt64...) -> UInt64 {
        words.reduce(0) { mix(($0 ^ $1) &+ 0x9e37_79b9_7f4a_7c15) }
    }
}

/// xoshiro256**: the shop's source of chance. Integers only, so that every machine draws the same.
///
/// After Blackman and Vigna, "Scrambled linear pseudorandom number generators" (ACM TOMS 47(4), 2021);
/// public-domain reference: https://prng.di.unimi.it/xoshiro256starstar.c.
package struct RandomSource: Sendable {
    private var s0: UInt64
    private var s1: UInt64
    private var s2: UInt64
    private var s3: UInt64

    /// A sequence decided by `seed` alone, whose state SplitMix64 fills, as the authors advise.
    package init(seed: UInt64) {
        var filler = SplitMix64(seed: seed)
        self.init(state: (filler.next(), filler.next(), filler.next(), filler.next()))
    }

    /// A sequence from a whole state, which must not be all zeros.
    package init(state: (UInt64, UInt64, UInt64, UInt64)) {
        precondition(state.0 | state.1 | state.2 | state.3 != 0, "xoshiro256** never leaves the all-zero state")
        (s0, s1, s2, s3) = state
    }

    /// The next 64 bits.
    @inline(__always)
    package mutating func next() -> UInt64 {
        let scrambled = s1 &* 5
        let result = ((scrambled &<< 7) | (scrambled &>> 57)) &* 9
        let shifted = s1 &<< 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= shifted
        s3 = (s3 &<< 45) | (s3 &>> 19)
        return result
    }

    /// A number from 0 up to but not including `bound`. By multiplication, not rejection, so that every draw takes
    /// one step of the generator; the bias is below bound / 2^64.
    @inline(__always)
    mutating func next(below bound: UInt64) -> UInt64 {
        next().multipliedFullWidth(by: bound).high
    }

    /// An index from 0 up to but not including `bound`.
    @inline(__always)
    mutating func index(below bound: Int) -> Int {
        Int(truncatingIfNeeded: next(below: UInt64(truncatingIfNeeded: bound)))
    }

    /// A roll of a die with 10,000 sides: 0 to 9,999. Chances everywhere are in ten-thousandths.
    @inline(__always)
    mutating func roll() -> Int { index(below: 10_000) }
}
