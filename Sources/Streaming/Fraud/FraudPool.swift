/// Pieces of memory of one size by number, in blocks that are never moved: growing costs one block, not a copy of all.
///
/// Number 0 is never given out, so that 0 can stand for none. Free pieces are zero but for the number of the next free
/// one, which stands behind their first eight bytes.
struct FraudPool: ~Copyable {
    /// Bytes of one piece.
    let stride: Int
    /// Pieces of a block, as a power of two.
    private let bits: UInt32
    /// Plain pointers, since an array of them would be counted and checked at every piece.
    private var blocks: UnsafeMutablePointer<UnsafeMutableRawPointer>
    private var blockCapacity = 16
    private var blockCount = 0
    private var free: UInt32 = 0
    private var begun: UInt32 = 1
    /// Pieces in use.
    private(set) var count = 0

    /// Bytes of a block, about.
    private static var blockBytes: Int { 1 << 16 }
    /// Where a free piece holds the number of the next one.
    private static var link: Int { 8 }

    init(stride: Int) {
        precondition(stride >= 16 && stride % 8 == 0)
        self.stride = stride
        bits = UInt32(
            (FraudPool.blockBytes / stride).bitWidth - 1 - (FraudPool.blockBytes / stride).leadingZeroBitCount)
        blocks = .allocate(capacity: blockCapacity)
        addBlock()
    }

    deinit {
        for block in 0..<blockCount { blocks[block].deallocate() }
        blocks.deallocate()
    }

    @inline(never)
    private mutating func addBlock() {
        if blockCount == blockCapacity {
            let more = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: blockCapacity * 2)
            more.update(from: blocks, count: blockCount)
            blocks.deallocate()
            (blocks, blockCapacity) = (more, blockCapacity * 2)
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

    /// A piece of zeros.
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
        return number
    }

    /// Gives a piece back.
    @inline(__always)
    mutating func give(_ number: UInt32) {
        count &-= 1
        self[number].initializeMemory(as: UInt8.self, repeating: 0, count: stride)
        self[number].storeBytes(of: free, toByteOffset: FraudPool.link, as: UInt32.self)
        free = number
    }

    /// The bytes it takes.
    var byteCount: Int { blockCount * stride << Int(bits) }
    /// The bytes of the pieces in use.
    var usedBytes: Int { count * stride }
    /// Numbers given out so far, free ones and 0 among them.
    var numbers: Int { Int(begun) }
    /// Whether a number is that of a piece.
    func holds(_ number: UInt32) -> Bool { number > 0 && number < begun }

    // MARK: - Snapshots: the pieces as they lie, since the numbers given out next depend on them.

    func save(_ writer: inout FraudWriter) {
        writer.put(UInt64(count))
        writer.put(UInt64(free))
        writer.put(UInt64(begun))
        var left = Int(begun) * stride
        for block in 0..<blockCount where left > 0 {
            let some = min(left, stride << Int(bits))
            writer.put(UnsafeRawBufferPointer(start: blocks[block], count: some))
            left -= some
        }
    }

    /// - Returns: which numbers are of free pieces.
    mutating func restore(_ reader: inout FraudReader) throws -> [Bool] {
        let count = try reader.count(of: 0)
        let free = try reader.count(of: 0)
        let begun = try reader.count(of: 0)
        guard begun >= 1, free < begun, count < begun, begun <= 1 << 26 else {
            throw reader.damaged("a number is out of bounds")
        }
        var left = begun * stride
        try reader.expect(left)
        self.count = count
        self.free = UInt32(free)
        self.begun = UInt32(begun)
        while blockCount << Int(bits) < begun { addBlock() }
        for block in 0..<blockCount where left > 0 {
            let some = min(left, stride << Int(bits))
            try reader.get(into: UnsafeMutableRawBufferPointer(start: blocks[block], count: some))
            left -= some
        }
        // A damaged list of free pieces would be given out twice, or for ever.
        var isFree = [Bool](repeating: false, count: begun)
        var next = self.free
        while next != 0 {
            guard Int(next) < begun, !isFree[Int(next)] else {
                throw reader.damaged("free pieces do not hang together")
            }
            isFree[Int(next)] = true
            next = self[next].load(fromByteOffset: FraudPool.link, as: UInt32.self)
        }
        guard isFree.lazy.filter({ $0 }).count == begun - 1 - count else { throw reader.damaged("pieces are missing") }
        return isFree
    }
}
