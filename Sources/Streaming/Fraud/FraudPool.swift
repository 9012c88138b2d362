/// Fixed-size nodes by number, in blocks that are never moved: growing costs one block, not a copy of all.
///
/// Node 0 is never given out, so that 0 can stand for none. The first four bytes of a free node hold the next one.
struct FraudPool<Node: BitwiseCopyable>: ~Copyable {
    private static var blockBits: Int { 12 }
    private static var blockNodes: Int { 1 << blockBits }

    /// The most blocks: what 32-bit numbers reach. Only the pages that hold pointers to blocks take memory.
    private static var blocksMax: Int { 1 << 20 }

    /// Plain pointers, since an array of them would be counted and checked at every node.
    private let blocks: UnsafeMutablePointer<UnsafeMutablePointer<Node>>
    private var blockCount = 0
    private var free: UInt32 = 0
    private var begun: UInt32 = 1
    private let empty: Node
    /// Nodes in use.
    private(set) var count = 0

    init(empty: Node) {
        precondition(MemoryLayout<Node>.size >= 4 && MemoryLayout<Node>.alignment >= 4)
        self.empty = empty
        blocks = .allocate(capacity: Self.blocksMax)
        addBlock()
    }

    deinit {
        for block in 0..<blockCount { blocks[block].deallocate() }
        blocks.deallocate()
    }

    private mutating func addBlock() {
        let block = UnsafeMutablePointer<Node>.allocate(capacity: Self.blockNodes)
        block.initialize(repeating: empty, count: Self.blockNodes)
        precondition(blockCount < Self.blocksMax, "32-bit numbers reach no further")
        blocks[blockCount] = block
        blockCount += 1
    }

    /// A node by its number; stays where it is.
    @inline(__always)
    subscript(_ node: UInt32) -> UnsafeMutablePointer<Node> {
        blocks[Int(node >> 12)] + Int(node & 4_095)
    }

    /// An empty node.
    @inline(__always)
    mutating func take() -> UInt32 {
        count &+= 1
        let node: UInt32
        if free != 0 {
            node = free
            free = UnsafeRawPointer(self[node]).load(as: UInt32.self)
        } else {
            node = begun
            begun &+= 1
            if Int(node >> 12) == blockCount { addBlock() }
        }
        self[node].pointee = empty
        return node
    }

    /// Gives a node back.
    @inline(__always)
    mutating func give(_ node: UInt32) {
        count &-= 1
        self[node].pointee = empty
        UnsafeMutableRawPointer(self[node]).storeBytes(of: free, as: UInt32.self)
        free = node
    }

    /// The bytes it takes.
    var byteCount: Int { blockCount * Self.blockNodes * MemoryLayout<Node>.stride }

    // MARK: - Snapshots

    func save(_ writer: inout FraudWriter) {
        writer.put(UInt64(count))
        writer.put(UInt64(free))
        writer.put(UInt64(begun))
        for node in 0..<begun { writer.put(self[node].pointee) }
    }

    mutating func restore(_ reader: inout FraudReader) throws {
        let count = try reader.count(of: 0)
        let free = try reader.count(of: 0)
        let begun = try reader.count(of: MemoryLayout<Node>.size)
        guard begun >= 1, free < begun, count < begun else { throw reader.damaged("a node is out of bounds") }
        self.count = count
        self.free = UInt32(free)
        self.begun = UInt32(begun)
        while blockCount * Self.blockNodes < begun { addBlock() }
        for node in 0..<self.begun { self[node].pointee = try reader.get(Node.self) }
        // A damaged list of free nodes would be given out twice, or for ever.
        var seen = [Bool](repeating: false, count: begun)
        var next = self.free
        while next != 0 {
            guard Int(next) < begun, !seen[Int(next)] else { throw reader.damaged("free nodes do not hang together") }
            seen[Int(next)] = true
            next = UnsafeRawPointer(self[next]).load(as: UInt32.self)
        }
        guard seen.lazy.filter({ $0 }).count == begun - 1 - count else {
            throw reader.damaged("nodes are missing")
        }
    }

    /// Numbers given out so far, free ones and 0 among them.
    var numbers: Int { Int(begun) }

    /// Whether a number is that of a node.
    func holds(_ node: UInt32) -> Bool { node < begun }
}
