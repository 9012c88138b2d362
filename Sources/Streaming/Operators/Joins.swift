/// An element of one of two streams.
public enum Either<Left: BitwiseCopyable, Right: BitwiseCopyable>: BitwiseCopyable {
    case left(Left)
    case right(Right)
}

/// Two rows that belong together.
public struct Joined<Left: Row, Right: Row>: Row {
    /// The left one.
    public var left: Left
    /// The right one.
    public var right: Right

    @inlinable
    init(_ left: Left, _ right: Right) {
        self.left = left
        self.right = right
    }

    /// Calls `body` with each of its texts.
    @inlinable @inline(__always)
    public mutating func forEachText(_ body: (inout TextRef) -> Void) {
        left.forEachText(body)
        right.forEachText(body)
    }
}

/// A row that came too late to be joined, or that nothing was found for, goes to a receiver of its own in these.
public typealias JoinInput<Key: StateKey, Left: Row, Right: Row> = Either<Keyed<Key, Left>, Keyed<Key, Right>>
