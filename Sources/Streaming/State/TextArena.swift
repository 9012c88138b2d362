/// The memory of the texts of rows that an operator keeps: blocks of few sizes out of large chunks, used again when a row
/// is dropped. For one thread.
public struct TextArena: ~Copyable {
    /// The bytes of a chunk. Texts of a row that are longer than a block may be have memory of their own.
    static let chunkBytes = 1 << 16
    /// Blocks are multiples of this.
    static let stepBytes = 16
    static let blockBytesMax = 4_096

    private var chunks: [UnsafeMutableRawPointer] = []
    private var next: UnsafeMutableRawPointer?
    private var left = 0
    /// The first free block of each size; a free block begins with the address of the next one.
    private let free: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    /// The bytes of texts that are kept.
    public private(set) var textBytes = 0

    /// An arena that holds nothing yet.
    public init() {
        let classes = TextArena.blockBytesMax / TextArena.stepBytes + 1
        free = .allocate(capacity: classes)
        free.initialize(repeating: nil, count: classes)
    }

    deinit {
        for chunk in chunks { chunk.deallocate() }
        free.deallocate()
    }

    /// Copies a row's texts; the row that comes back refers to the copies.
    @inlinable @inline(__always)
    public mutating func keep<R: Row>(_ row: R, _ budget: inout StateBudget) throws(StreamError) -> R {
        var kept = row
        var bytes = 0
        kept.forEachText { bytes &+= $0.count }
        guard bytes > 0 else { return row }
        var block = try allocate(bytes, &budget)
        kept.forEachText { text in
            block.copyMemory(from: text.base, byteCount: text.count)
            text = TextRef(UnsafePointer(block.assumingMemoryBound(to: UInt8.self)), text.count)
            block += text.count
        }
        return kept
    }

    /// Frees the texts of a row that `keep` gave back.
    @inlinable @inline(__always)
    public mutating func drop<R: Row>(_ row: R, _ budget: inout StateBudget) {
        var row = row
        var bytes = 0
        var first: UnsafePointer<UInt8>?
        row.forEachText { text in
            if first == nil { first = text.base }
            bytes &+= text.count
        }
        if bytes > 0, let first { deallocate(UnsafeMutableRawPointer(mutating: first), bytes, &budget) }
    }

    @usableFromInline @inline(__always)
    static func sizeClass(_ bytes: Int) -> Int { (bytes &+ stepBytes &- 1) / stepBytes }

    @usableFromInline
    mutating func allocate(_ bytes: Int, _ budget: inout StateBudget) throws(StreamError) -> UnsafeMutableRawPointer {
        if bytes > TextArena.blockBytesMax {
            try budget.take(bytes)
            textBytes += bytes
            return .allocate(byteCount: bytes, alignment: TextArena.stepBytes)
        }
        let sizeClass = TextArena.sizeClass(bytes)
        if let block = free[sizeClass] {
            free[sizeClass] = block.load(as: UnsafeMutableRawPointer?.self)
            textBytes += bytes
            return block
        }
        let size = sizeClass * TextArena.stepBytes
        if left < size { try addChunk(&budget) }
        guard let block = next else { preconditionFailure("a chunk was just added") }
        next = block + size
        left -= size
        textBytes += bytes
        return block
    }

    /// What is left of the chunk before stays unused: less than one block in 16.
    private mutating func addChunk(_ budget: inout StateBudget) throws(StreamError) {
        try budget.take(TextArena.chunkBytes)
        let chunk = UnsafeMutableRawPointer.allocate(
            byteCount: TextArena.chunkBytes, alignment: TextArena.stepBytes)
        chunks.append(chunk)
        next = chunk
        left = TextArena.chunkBytes
    }

    @usableFromInline
    mutating func deallocate(_ block: UnsafeMutableRawPointer, _ bytes: Int, _ budget: inout StateBudget) {
        textBytes -= bytes
        if bytes > TextArena.blockBytesMax {
            block.deallocate()
            budget.give(bytes)
            return
        }
        let sizeClass = TextArena.sizeClass(bytes)
        block.storeBytes(of: free[sizeClass], as: UnsafeMutableRawPointer?.self)
        free[sizeClass] = block
    }
}
