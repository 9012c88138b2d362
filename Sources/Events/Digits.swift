/// Decimal digits, eight at a time in one word.
struct Digits {
    /// The bytes with '0' taken off: the digits' values in the first `count` bytes, first digit lowest.
    private let bytes: UInt64
    /// How many digits there are before the first other byte: 0 to 8. At 8 there may be more of them.
    let count: Int

    /// The digits at `p`, of which eight bytes are read.
    @inline(__always)
    init(_ p: UnsafePointer<UInt8>) {
        bytes = UnsafeRawPointer(p).loadUnaligned(as: UInt64.self) ^ 0x3030_3030_3030_3030
        // A byte above 9 sets its top bit; the carry of one beyond that reaches only the bytes behind it.
        let others = ((bytes &+ 0x7676_7676_7676_7676) | bytes) & 0x8080_8080_8080_8080
        count = others.trailingZeroBitCount &>> 3
    }

    /// Whether there are one to seven digits, so that the number's end is known.
    @inline(__always)
    var isShort: Bool { UInt(bitPattern: count &- 1) < 7 }

    /// The number that the digits write; needs at least one.
    @inline(__always)
    var number: Int64 { Digits.eight(bytes &<< UInt64(truncatingIfNeeded: 64 &- 8 &* count)) }

    /// The digits as a decimal fraction, in millionths, cut after the sixth; needs at most seven.
    @inline(__always)
    var millionths: Int64 { Digits.eight(bytes & ~(~0 &<< UInt64(truncatingIfNeeded: 8 &* count))) / 100 }

    /// The digits as a decimal fraction, in ten-thousandths; needs at most four.
    @inline(__always)
    var tenThousandths: Int64 {
        Digits.eight((bytes & ~(~0 &<< UInt64(truncatingIfNeeded: 8 &* count))) &<< 32)
    }

    /// The number of eight digits, one a byte, first digit lowest: neighbours are joined three times.
    @inline(__always)
    private static func eight(_ digits: UInt64) -> Int64 {
        let pairs = (digits &* (1 + 10 << 8)) &>> 8 & 0x00ff_00ff_00ff_00ff
        let fours = (pairs &* (1 + 100 << 16)) &>> 16 & 0x0000_ffff_0000_ffff
        return Int64(truncatingIfNeeded: (fours &* (1 + 10_000 << 32)) &>> 32)
    }
}
