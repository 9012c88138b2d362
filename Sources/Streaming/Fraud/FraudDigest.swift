/// The features of a purchase in 156 bytes, for when its label comes: about logarithms, as the model reads them.
///
/// What is counted for keys has 8 bits, an eighth of an octave: whole numbers up to 14 are exact, others off by up to 6 %.
/// What is of the purchase itself has 16 bits, with the sign: off by up to 0.1 %. The largest is 2^32.
struct FraudDigest: BitwiseCopyable {
    /// Features of keys, which are never negative.
    private static let shorts = FraudFeature.amount
    private static let longs = FraudFeature.count - shorts

    private var short = InlineArray<100, UInt8>(repeating: 0)
    private var long = InlineArray<28, UInt16>(repeating: 0)

    /// Fraction bits of the short ones and of the long ones.
    private static let shortBits: UInt32 = 3
    private static let longBits: UInt32 = 10
    /// The bits of 1 as a number, from which exponents are counted.
    private static let one = Float(1).bitPattern
    /// One over the largest that is told from larger ones.
    private static let most: Float = 4_294_967_040

    /// Puts a row of features down.
    @inline(__always)
    static func write(_ row: UnsafePointer<Float>, to digest: inout FraudDigest) {
        withUnsafeMutableBytes(of: &digest) { bytes in
            let short = bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
            let long = (bytes.baseAddress.unsafelyUnwrapped + shorts).assumingMemoryBound(to: UInt16.self)
            for place in 0..<shorts {
                let bits = (1 + min(row[place], most)).bitPattern &- one
                short[place] = UInt8(truncatingIfNeeded: bits >> (23 - shortBits))
            }
            for place in 0..<longs {
                let value = row[shorts &+ place]
                let bits = (1 + min(value.magnitude, most)).bitPattern &- one
                let sign = value.bitPattern >> 31
                long[place] = UInt16(truncatingIfNeeded: (bits >> (23 - longBits)) | sign << 15)
            }
        }
    }

    /// Reads the row again: of what was put together as one, the middle; whole numbers where a whole number fits.
    static func read(_ digest: FraudDigest, into row: UnsafeMutablePointer<Float>) {
        withUnsafeBytes(of: digest) { bytes in
            for place in 0..<shorts {
                row[place] = value(UInt32(bytes[place]), shortBits)
            }
            for place in 0..<longs {
                let bits = bytes.load(fromByteOffset: shorts + 2 * place, as: UInt16.self)
                let magnitude = value(UInt32(bits & 0x7fff), longBits)
                row[shorts + place] = bits >> 15 == 1 ? -magnitude : magnitude
            }
        }
    }

    private static func value(_ code: UInt32, _ bits: UInt32) -> Float {
        let low = Float(bitPattern: one &+ code << (23 - bits))
        let high = Float(bitPattern: one &+ (code &+ 1) << (23 - bits))
        // Counts are whole: where the step has one of them at its begin, it is that.
        return high - low <= 1 && low == low.rounded() ? low - 1 : (low + high) / 2 - 1
    }
}
