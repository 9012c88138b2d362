/// What state is kept by: a plain value with a hash whose bits are all well mixed.
public protocol StateKey: BitwiseCopyable, Equatable {
    /// The value that marks an empty slot. It may be used as a key too; it is only slower.
    static var vacant: Self { get }
    /// The same on every machine and in every run, since key groups and snapshots follow it.
    var stateHash: UInt64 { get }
}

/// One of 128 groups that keys fall into by their hash. A shard owns a range of groups, so that a snapshot of any number
/// of shards can be taken up by any other number.
public enum KeyGroup {
    /// How many groups there are; more shards than that make no sense.
    public static let count = 128

    /// The group of a key.
    @inlinable
    public static func of(_ key: some StateKey) -> Int { Int(truncatingIfNeeded: key.stateHash >> 57) }

    /// The groups that one of several shards owns.
    public static func range(of shard: Int, shards: Int) -> Range<Int> {
        precondition(shards >= 1 && shards <= count && shard >= 0 && shard < shards)
        return shard * count / shards..<(shard + 1) * count / shards
    }

    /// All of them.
    public static let all = 0..<count
}

/// Mixes 64 bits: the two halves of a product of twice the width, folded (as wyhash and rapidhash do).
@inlinable @inline(__always)
public func mixed(_ bits: UInt64) -> UInt64 {
    let product = (bits ^ 0x2d35_8dcc_aa6c_78a5).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
    return product.high ^ product.low
}

extension Int64: StateKey {
    /// Zero.
    @inlinable public static var vacant: Int64 { 0 }
    /// Its bits, mixed.
    @inlinable public var stateHash: UInt64 { mixed(UInt64(bitPattern: self)) }
}

/// Two keys as one.
public struct Pair<A: StateKey, B: StateKey>: StateKey {
    /// The first.
    public var a: A
    /// The second.
    public var b: B

    /// The two as one.
    @inlinable
    public init(_ a: A, _ b: B) {
        self.a = a
        self.b = b
    }

    /// Both vacant.
    @inlinable public static var vacant: Pair { Pair(A.vacant, B.vacant) }
    /// Both hashes, mixed.
    @inlinable public var stateHash: UInt64 { mixed(a.stateHash &+ (b.stateHash ^ 0x8bb8_4b93_962e_acc9)) }

    /// Whether both are the same.
    @inlinable @inline(__always)
    public static func == (left: Pair, right: Pair) -> Bool { left.a == right.a && left.b == right.b }
}

/// The only key of what is kept once for the whole stream.
public struct Whole: StateKey {
    private var zero: UInt8 = 0
    /// The key.
    @inlinable public static var vacant: Whole { Whole() }
    /// Any number.
    @inlinable public var stateHash: UInt64 { 0 }
    /// The key.
    public init() {}
}
