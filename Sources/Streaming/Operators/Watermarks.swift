/// The watermark of several partitions: the least of theirs.
///
/// A partition's watermark is the highest time that came from it less what elements may be out of order by. A partition
/// that nothing came from for `idleAfter`, by the clock of the caller, does not hold the others back; when it wakes, its
/// elements may be late. The watermark never goes back, and where all partitions are idle it stays.
public struct Watermarks {
    private struct Partition: BitwiseCopyable {
        var highest = Int64.min
        var heardAt = Int64.min
    }

    /// How much earlier than the highest time so far an element may still come.
    public let outOfOrder: Int64
    /// How long a partition may be silent, in the unit of `now`.
    public let idleAfter: Int64
    private var partitions: [Partition]
    /// The watermark so far; `Int64.min` until something came from every partition that is not idle.
    public private(set) var current = Int64.min

    /// Partitions that nothing came from yet; their silence is counted from `now`.
    public init(partitions: Int, outOfOrder: Int64, idleAfter: Int64 = .max, now: Int64 = 0) {
        precondition(partitions >= 0 && outOfOrder >= 0 && idleAfter > 0)
        self.outOfOrder = outOfOrder
        self.idleAfter = idleAfter
        self.partitions = Array(repeating: Partition(highest: .min, heardAt: now), count: partitions)
    }

    /// Elements came from a partition, the highest time among them being `time`. A partition that was not among those at
    /// the beginning counts from now on.
    public mutating func observe(_ partition: Int, _ time: Int64, now: Int64 = 0) {
        while partitions.count <= partition { partitions.append(Partition(highest: .min, heardAt: .min)) }
        partitions[partition].highest = max(partitions[partition].highest, time)
        partitions[partition].heardAt = now
    }

    /// The watermark now.
    public mutating func advance(now: Int64 = 0) -> Int64 {
        var least = Int64.max
        for partition in partitions where partition.heardAt > .min && now - partition.heardAt < idleAfter {
            least = min(least, partition.highest < .min + outOfOrder ? .min : partition.highest - outOfOrder)
        }
        if least != .max { current = max(current, least) }
        return current
    }
}

/// Watermarks in checkpoints.
extension Watermarks {
    func write(to writer: inout ByteWriter) {
        writer.put(current)
        writer.put(Int64(partitions.count))
        for partition in partitions { writer.raw(partition) }
    }

    /// Takes over what was written; of several shards, which heard of the same elements, what the last one had.
    mutating func restore(from reader: inout ByteReader) throws {
        current = max(current, try reader.raw(Int64.self))
        var restored: [Partition] = []
        for _ in 0..<(try reader.count()) { restored.append(try reader.raw(Partition.self)) }
        partitions = restored
    }
}
