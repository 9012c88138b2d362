import EventLog
import Events
import Iceberg

/// Which files of a table may hold rows at some places of the log, as far as the bounds of their columns tell.
struct PlaceBounds {
    private let offsets: [Int: OffsetSet]
    private let partition: Int?
    private let offset: Int?

    init(_ table: Table, _ topic: Topic, _ places: LogPlaces) {
        var offsets: [Int: OffsetSet] = [:]
        for (place, set) in places.offsets where place.topic == topic { offsets[place.partition] = set }
        self.offsets = offsets
        partition = table.schema.fields.first { $0.name == "log_partition" }?.id
        offset = table.schema.fields.first { $0.name == "log_offset" }?.id
    }

    /// Whether a file may hold some; true where it has no bounds.
    func mayHold(_ file: DataFile) -> Bool {
        guard let offset, let range = Self.range(file, offset) else { return true }
        let partitions = partition.flatMap { Self.range(file, $0) }
        return offsets.contains { number, set in
            (partitions?.contains(Int64(number)) ?? true) && set.hasAny(in: range)
        }
    }

    private static func range(_ file: DataFile, _ id: Int) -> ClosedRange<Int64>? {
        guard let low = number(file.lowerBounds[id]), let high = number(file.upperBounds[id]), low <= high else {
            return nil
        }
        return low...high
    }

    private static func number(_ bytes: [UInt8]?) -> Int64? {
        guard case .long(let number) = SingleValue.bound(bytes, as: .long) else { return nil }
        return number
    }
}
