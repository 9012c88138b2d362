/// The last sequence of every remembered producer, oldest batch first.
struct ProducerTable {
    /// The most producers remembered; past it the longest silent ones are forgotten.
    static let limit = 10_000

    private struct Place {
        var sequence: Int64
        /// Rises with every batch of any producer.
        var turn: Int64
    }

    private var places: [String: Place] = [:]
    private var turn: Int64 = 0

    init() {}

    init(_ stamps: [ProducerStamp]) {
        for stamp in stamps { note(stamp) }
    }

    /// The last sequence stored for a producer; 0 for one that is not known.
    func lastSequence(of producer: String) -> Int64 { places[producer]?.sequence ?? 0 }

    mutating func note(_ stamp: ProducerStamp) {
        turn += 1
        places[stamp.producer] = Place(sequence: stamp.sequence, turn: turn)
        guard places.count > ProducerTable.limit + ProducerTable.limit / 10 else { return }
        // A tenth at a time, since finding the oldest means looking at all.
        let kept = places.sorted { $0.value.turn > $1.value.turn }.prefix(ProducerTable.limit)
        places = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
    }

    /// Forgets producers.
    mutating func forget(_ isWanted: (String) -> Bool) { places = places.filter { !isWanted($0.key) } }

    /// All producers, oldest batch first, as a segment's state names them.
    var stamps: [ProducerStamp] {
        places.sorted { $0.value.turn < $1.value.turn }.map {
            ProducerStamp(producer: $0.key, sequence: $0.value.sequence)
        }
    }
}
