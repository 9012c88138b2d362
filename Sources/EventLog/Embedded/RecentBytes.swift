import Synchronization

/// The last bytes written to the newest segment, so that those who follow the log closely need not read them back from
/// the disk: what is written past the page cache is not in it.
package final class RecentBytes: Sendable {
    /// How many bytes are kept.
    package static let capacity = 8 << 20

    private struct Ring {
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: RecentBytes.capacity, alignment: 64)
        var firstCommit: Int64 = -1
        /// The positions in the segment that are kept.
        var start: Int64 = 0
        var end: Int64 = 0

        /// Calls `body` with the one or two runs of memory that hold positions from `position` on.
        func runs(_ position: Int64, _ count: Int, _ body: (UnsafeMutableRawPointer, Int, Int) -> Void) {
            let at = Int(position % Int64(RecentBytes.capacity))
            let first = min(count, RecentBytes.capacity - at)
            body(bytes + at, 0, first)
            if count > first { body(bytes, first, count - first) }
        }
    }

    private let lock = Mutex(())
    // Guarded by the lock.
    nonisolated(unsafe) private var ring = Ring()

    /// Nothing kept yet.
    package init() {}

    deinit { ring.bytes.deallocate() }

    /// Takes in what was written behind a position of a segment.
    package func append(_ new: UnsafeRawBufferPointer, at position: Int64, of segment: Segment) {
        lock.withLock { _ in
            if ring.firstCommit != segment.firstCommit || ring.end != position {
                ring.firstCommit = segment.firstCommit
                ring.start = position
            }
            ring.end = position + Int64(new.count)
            ring.start = max(ring.start, ring.end - Int64(RecentBytes.capacity))
            let kept = UnsafeRawBufferPointer(rebasing: new.suffix(RecentBytes.capacity))
            guard let source = kept.baseAddress else { return }
            ring.runs(ring.end - Int64(kept.count), kept.count) { target, done, count in
                target.copyMemory(from: source + done, byteCount: count)
            }
        }
    }

    /// Forgets everything and leaves nothing of it in memory.
    package func clear() {
        lock.withLock { _ in
            ring.bytes.initializeMemory(as: UInt8.self, repeating: 0, count: RecentBytes.capacity)
            ring.firstCommit = -1
            ring.start = 0
            ring.end = 0
        }
    }

    /// Copies up to `count` bytes from a position of a segment; returns how many, 0 when the position is not kept.
    package func read(_ count: Int, at position: Int64, of firstCommit: Int64, into target: UnsafeMutableRawPointer)
        -> Int
    {
        lock.withLock { _ in
            guard ring.firstCommit == firstCommit, position >= ring.start, position < ring.end else { return 0 }
            let got = min(count, Int(ring.end - position))
            ring.runs(position, got) { source, done, count in
                (target + done).copyMemory(from: source, byteCount: count)
            }
            return got
        }
    }
}
