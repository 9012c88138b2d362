/// Pieces of memory of one size by number, in blocks that are never moved: growing costs one block, not a copy of all.
///
/// Number 0 is never given out, so that 0 can stand for none. Free pieces are zero but for the number of the next free
/// one, which stands behind their first eight bytes. Whoever writes to a piece says so by `touch`: a checkpoint holds what
/// was touched since the last one.
struct FraudPool: ~Copyable {
    /// Bytes of one piece.
    let stride: Int
    /// Pieces of a block, as a power of two.
    let bits: UInt32
    /// The most pieces.
    let limit: Int
    /// Plain pointers, since an array of them would be counted and checked at every piece.
    private var blocks: UnsafeMutablePointer<UnsafeMutableRawPointer>
    private var blockCapacity = 16
    /// A bit for each number that was touched since the last checkpoint, 64 in a word.
    private(set) var touched: UnsafeMutablePointer<UInt64>
    private(set) var blockCount = 0
    /// The free piece that is given out next.
    var free: UInt32 = 0
    /// Numbers up to here were given out.
    var begun: UInt32 = 1
    /// Pieces in use.
    var count = 0

    /// Bytes of a block, about.
    static var blockBytes: Int { 1 << 16 }
    /// Where a free piece holds the number of the next one.
    static var link: Int { 8 }

    init(stride: Int, limit: Int) {
        // A block has 64 pieces at least: those of one word of `touched`.
        precondition(stride >= 16 && stride % 8 == 0 && stride <= FraudPool.blockBytes / 64 && limit > 0)
        self.stride = stride
        self.limit = limit
        bits = UInt32(
            (FraudPool.blockBytes / stride).bitWidth - 1 - (FraudPool.blockBytes / stride).leadingZeroBitCount)
        blocks = .allocate(capacity: blockCapacity)
        touched = FraudPool.words(blockCapacity, bits)
        addBlock()
    }

    deinit {
        for block in 0..<blockCount { blocks[block].deallocate() }
        blocks.deallocate()
        touched.deallocate()
    }

    private static func words(_ blocks: Int, _ bits: UInt32) -> UnsafeMutablePointer<UInt64> {
        let count = blocks << Int(bits) / 64
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
        words.initialize(repeating: 0, count: count)
        return words
    }

    @inline(never)
    mutating func addBlock() {
        if blockCount == blockCapacity {
            let more = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: blockCapacity * 2)
            more.update(from: blocks, count: blockCount)
            blocks.deallocate()
            let moreWords = FraudPool.words(blockCapacity * 2, bits)
            moreWords.update(from: touched, count: blockCapacity << Int(bits) / 64)
            touched.deallocate()
            (blocks, touched, blockCapacity) = (more, moreWords, blockCapacity * 2)
        }
        let bytes = stride << bits
        let block = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        block.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        blocks[blockCount] = block
        blockCount += 1
    }

    /// A piece by its number; stays where it is.
    @inline(__always)
    subscript(_ number: UInt32) -> UnsafeMutableRawPointer {
        blocks[Int(number >> bits)] + Int(number & ((1 << bits) &- 1)) &* stride
    }

    /// Says that a piece is written to.
    @inline(__always)
    func touch(_ number: UInt32) {
        touched[Int(number >> 6)] |= 1 &<< UInt64(number & 63)
    }

    /// A piece of zeros, touched.
    @inline(__always)
    mutating func take() -> UInt32 {
        count &+= 1
        let number: UInt32
        if free != 0 {
            number = free
            free = self[number].load(fromByteOffset: FraudPool.link, as: UInt32.self)
            self[number].storeBytes(of: 0, toByteOffset: FraudPool.link, as: UInt32.self)
        } else {
            number = begun
            begun &+= 1
            if Int(number >> bits) == blockCount { addBlock() }
        }
        touch(number)
        return number
    }

    /// Gives a piece back.
    @inline(__always)
    mutating func give(_ number: UInt32) {
        count &-= 1
        self[number].initializeMemory(as: UInt8.self, repeating: 0, count: stride)
        self[number].storeBytes(of: free, toByteOffset: FraudPool.link, as: UInt32.self)
        free = number
        touch(number)
    }

    /// The bytes it takes.
    var byteCount: Int { blockCount * stride << Int(bits) }
    /// The bytes of the pieces in use.
    var usedBytes: Int { count * stride }
    /// Numbers given out so far, free ones and 0 among them.
    var numbers: Int { Int(begun) }
}
