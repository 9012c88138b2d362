/// Keys that changed since the last checkpoint.
///
/// What belongs to a key carries the number of the checkpoint that it last changed for (`epoch`), so that the key is noted
/// once.
@usableFromInline
struct Changes<Key: BitwiseCopyable> {
    /// The most changes that are noted; past it the next checkpoint is written whole.
    static var most: Int { 8 << 20 }

    /// The number of the checkpoint that changes are noted for; never zero.
    private(set) var epoch: UInt32 = 1
    private(set) var areTooMany = false
    private var keys: [Key] = []

    @usableFromInline
    init() {}

    var byteCount: Int { keys.capacity * MemoryLayout<Key>.stride }

    @usableFromInline
    mutating func note(_ key: Key) {
        guard keys.count < Changes.most else {
            areTooMany = true
            return
        }
        keys.append(key)
    }

    /// Hands over the keys, and notes for the next checkpoint from now on.
    mutating func take() -> [Key] {
        let taken = keys
        keys = []
        epoch = epoch == .max ? 1 : epoch + 1
        areTooMany = false
        return taken
    }

    /// Calls `body` with each key, and `prefetch` some keys before its turn.
    static func forEach(_ keys: [Key], prefetch: (Key) -> Void, _ body: (Key) -> Void) {
        let ahead = 16
        for index in keys.indices {
            if index + ahead < keys.count { prefetch(keys[index + ahead]) }
            body(keys[index])
        }
    }
}
