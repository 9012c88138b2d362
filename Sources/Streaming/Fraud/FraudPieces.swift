/// Pieces of memory of 32 to 1,024 bytes by size and number: a run of so many bytes lies in the smallest power of two that
/// holds it.
struct FraudPieces: ~Copyable {
    var size0: FraudPool
    var size1: FraudPool
    var size2: FraudPool
    var size3: FraudPool
    var size4: FraudPool
    var size5: FraudPool

    /// Memory of which about so many bytes are used.
    init(bytes: Int) {
        // While an entry makes room for others its runs may pass the bound.
        func pool(_ stride: Int) -> FraudPool {
            FraudPool(stride: stride, limit: (bytes + 2 * FraudRuns.bytesPerPurchase) / stride)
        }
        size0 = pool(32)
        size1 = pool(64)
        size2 = pool(128)
        size3 = pool(256)
        size4 = pool(512)
        size5 = pool(1_024)
    }

    /// The size, as a power of two from 32 bytes on, that holds so many bytes.
    @inline(__always)
    static func size(_ bytes: Int) -> Int {
        bytes <= 32 ? 0 : Int.bitWidth &- ((bytes &- 1) >> 5).leadingZeroBitCount
    }

    /// The run of so many bytes with a number.
    @inline(__always)
    subscript(_ bytes: Int, _ number: UInt32) -> UnsafeMutableRawPointer { piece(FraudPieces.size(bytes), number) }

    @inline(__always)
    private func piece(_ size: Int, _ number: UInt32) -> UnsafeMutableRawPointer {
        switch size {
        case 0: size0[number]
        case 1: size1[number]
        case 2: size2[number]
        case 3: size3[number]
        case 4: size4[number]
        default: size5[number]
        }
    }

    /// Says that a run of so many bytes is written to.
    @inline(__always)
    func touch(_ bytes: Int, _ number: UInt32) {
        switch FraudPieces.size(bytes) {
        case 0: size0.touch(number)
        case 1: size1.touch(number)
        case 2: size2.touch(number)
        case 3: size3.touch(number)
        case 4: size4.touch(number)
        default: size5.touch(number)
        }
    }

    private mutating func take(_ size: Int) -> UInt32 {
        switch size {
        case 0: size0.take()
        case 1: size1.take()
        case 2: size2.take()
        case 3: size3.take()
        case 4: size4.take()
        default: size5.take()
        }
    }

    /// Gives the run of so many bytes back.
    mutating func give(_ bytes: Int, _ number: UInt32) {
        switch FraudPieces.size(bytes) {
        case 0: size0.give(number)
        case 1: size1.give(number)
        case 2: size2.give(number)
        case 3: size3.give(number)
        case 4: size4.give(number)
        default: size5.give(number)
        }
    }

    /// Moves a run of so many bytes, which is to be written to, to where another number of bytes belongs; 0 bytes have no
    /// run, which is number 0.
    @inline(__always)
    mutating func resize(_ number: UInt32, _ bytes: Int, to newBytes: Int) -> UInt32 {
        if bytes > 0, newBytes > 0, FraudPieces.size(bytes) == FraudPieces.size(newBytes) {
            touch(bytes, number)
            return number
        }
        return move(number, bytes, newBytes)
    }

    @inline(never)
    private mutating func move(_ number: UInt32, _ bytes: Int, _ newBytes: Int) -> UInt32 {
        var moved: UInt32 = 0
        if newBytes > 0 {
            moved = take(FraudPieces.size(newBytes))
            if bytes > 0 {
                self[newBytes, moved].copyMemory(from: self[bytes, number], byteCount: min(bytes, newBytes))
            }
        }
        if bytes > 0 { give(bytes, number) }
        return moved
    }

    /// Bytes of the runs in use.
    var usedBytes: Int {
        size0.usedBytes + size1.usedBytes + size2.usedBytes + size3.usedBytes + size4.usedBytes + size5.usedBytes
    }

    /// The bytes it takes.
    var byteCount: Int {
        size0.byteCount + size1.byteCount + size2.byteCount + size3.byteCount + size4.byteCount + size5.byteCount
    }

    // MARK: - Checkpoints

    func write(to out: inout ByteWriter, whole: Range<Int>, isLast: Bool) {
        size0.write(to: &out, whole: whole, isLast: isLast)
        size1.write(to: &out, whole: whole, isLast: isLast)
        size2.write(to: &out, whole: whole, isLast: isLast)
        size3.write(to: &out, whole: whole, isLast: isLast)
        size4.write(to: &out, whole: whole, isLast: isLast)
        size5.write(to: &out, whole: whole, isLast: isLast)
    }

    func touchAll() {
        size0.touchAll()
        size1.touchAll()
        size2.touchAll()
        size3.touchAll()
        size4.touchAll()
        size5.touchAll()
    }

    /// - Parameter covered: by size and word, the numbers that were read.
    mutating func restore(
        from reader: inout ByteReader, _ covered: inout [[UInt64]], _ isKept: (Int) -> Bool
    ) throws {
        if covered.isEmpty { covered = [[UInt64]](repeating: [], count: 6) }
        try size0.restore(from: &reader, &covered[0], isKept)
        try size1.restore(from: &reader, &covered[1], isKept)
        try size2.restore(from: &reader, &covered[2], isKept)
        try size3.restore(from: &reader, &covered[3], isKept)
        try size4.restore(from: &reader, &covered[4], isKept)
        try size5.restore(from: &reader, &covered[5], isKept)
    }

    /// - Returns: by size, which pieces are free; the others must hang on a key.
    func finish(_ reader: ByteReader, _ covered: [[UInt64]]) throws -> [[Bool]] {
        guard covered.count == 6 else { throw reader.damaged("pieces of the fraud state are in no file") }
        return [
            try size0.finish(reader, covered[0]), try size1.finish(reader, covered[1]),
            try size2.finish(reader, covered[2]), try size3.finish(reader, covered[3]),
            try size4.finish(reader, covered[4]), try size5.finish(reader, covered[5]),
        ]
    }
}
