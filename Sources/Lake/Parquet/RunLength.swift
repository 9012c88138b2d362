/// Parquet's hybrid of run lengths and packed bits, in which levels and dictionary codes are written.
enum RunLength {
    /// Equal values from which on a run is shorter than packed bits.
    private static let runMin = 8

    /// Appends `count` values of at most `width` bits.
    static func encode<Value: FixedWidthInteger & UnsignedInteger>(
        _ values: UnsafePointer<Value>, _ count: Int, width: Int, to room: ByteRoom
    ) {
        // Packed bits take at most this, with a header for each group in the worst case; runs take less.
        room.reserve(count * width / 8 + (count / 8 + 2) * 6 + 16)
        var out = room.end
        var index = 0
        while index < count {
            let run = runLength(values, index, count)
            if run >= runMin {
                out = varint(UInt64(run) << 1, out)
                var rest = UInt64(values[index])
                for _ in 0..<((width + 7) / 8) {
                    out.pointee = UInt8(truncatingIfNeeded: rest)
                    out += 1
                    rest >>= 8
                }
                index += run
                continue
            }
            // Groups of eight up to where a run begins.
            let first = index
            repeat { index += 8 } while index < count && runLength(values, index, min(count, index + runMin)) < runMin
            let groups = (index - first) / 8
            out = varint(UInt64(groups) << 1 | 1, out)
            out = pack(values + first, min(count, index) - first, groups * 8, width, out)
        }
        room.count = out - room.start
    }

    @inline(__always)
    private static func runLength<Value: Equatable>(
        _ values: UnsafePointer<Value>, _ first: Int, _ count: Int
    ) -> Int {
        let value = values[first]
        var at = first &+ 1
        while at < count, values[at] == value { at &+= 1 }
        return at &- first
    }

    /// Packs values, lowest bits first, and zeros behind them up to `padded` values.
    @inline(__always)
    private static func pack<Value: FixedWidthInteger & UnsignedInteger>(
        _ values: UnsafePointer<Value>, _ count: Int, _ padded: Int, _ width: Int, _ start: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var out = start
        var held: UInt64 = 0
        var bits = 0
        for index in 0..<count {
            held |= UInt64(values[index]) &<< UInt64(bits)
            bits &+= width
            while bits >= 8 {
                out.pointee = UInt8(truncatingIfNeeded: held)
                out += 1
                held &>>= 8
                bits &-= 8
            }
        }
        let end = start + padded / 8 * width
        while out < end {
            out.pointee = UInt8(truncatingIfNeeded: held)
            out += 1
            held &>>= 8
        }
        return out
    }

    private static func varint(_ value: UInt64, _ start: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        var out = start
        var rest = value
        while rest >= 0x80 {
            out.pointee = UInt8(truncatingIfNeeded: rest) | 0x80
            out += 1
            rest >>= 7
        }
        out.pointee = UInt8(rest)
        return out + 1
    }
}
