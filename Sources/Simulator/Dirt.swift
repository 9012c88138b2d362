/// What goes wrong on the way: copies, late arrivals and malformed lines, by chances of their own.
///
/// Dirt takes no turn and draws nothing from the shop's chance: a dirty run holds the very events of the clean run,
/// with the same ids and times, plus the dirt.
struct Dirt: Sendable {
    /// What happens to an event.
    enum Fate {
        case plain, twice, late
    }

    /// Whether there is any.
    let isOn: Bool
    var random: RandomSource
    /// Copies on their way.
    var copies = HeldLines()
    /// Late events on their way.
    var late = DueLines()

    private let lateBelow: UInt64
    private let twiceBelow: UInt64
    private let malformedBelow: UInt64
    private let lateTurns: UInt64
    /// How many turns sooner than that a late event may come; 0 where all are equally late.
    private let lateSpread: UInt64
    private var malformedDue = false

    /// Copies follow their original within this many turns.
    private static let copyTurnsMax: UInt64 = 512

    init(_ settings: SimulationSettings) {
        // Scaling by a power of two is exact, so the thresholds are the same everywhere.
        func threshold(_ rate: Double) -> UInt64 { UInt64(rate * 4_294_967_296) }
        lateBelow = threshold(settings.lateRate)
        twiceBelow = threshold(settings.lateRate) + threshold(settings.duplicateRate)
        malformedBelow = threshold(settings.malformedRate)
        isOn = twiceBelow + malformedBelow > 0
        // At most 6e11 microseconds times 1e7 events a second: fits 64 bits.
        func turns(_ micros: Int64) -> UInt64 {
            UInt64(micros) * UInt64(settings.rate) / (1_000_000 * UInt64(settings.rateSeconds))
        }
        lateTurns = turns(settings.lateBy)
        lateSpread = settings.lateFrom.map { turns(settings.lateBy) - turns($0) } ?? 0
        random = RandomSource(
            seed: SplitMix64.hash(settings.seed, RandomStream.dirt.rawValue, UInt64(settings.run)))
    }

    /// Whether a line other than the next event is to be written at `turn`.
    @inline(__always)
    func isDue(_ turn: UInt64) -> Bool {
        isOn && (malformedDue || copies.isDue(turn) || late.isDue(turn))
    }

    /// Draws what happens to the event just written, and whether a malformed line follows.
    mutating func fate() -> Fate {
        malformedDue = random.next() >> 32 < malformedBelow
        let draw = random.next() >> 32
        return draw < lateBelow ? .late : draw < twiceBelow ? .twice : .plain
    }

    /// The kind of malformed line that is due, if one is.
    mutating func takeMalformed() -> MalformedKind? {
        guard malformedDue else { return nil }
        malformedDue = false
        return MalformedKind.allCases[random.index(below: MalformedKind.allCases.count)]
    }

    mutating func holdLate(_ line: [UInt8], _ facts: LineFacts, _ turn: UInt64) {
        let sooner = lateSpread > 0 ? random.next(below: lateSpread + 1) : 0
        late.add(HeldLine(bytes: line, facts: facts, due: turn + lateTurns - sooner))
    }

    mutating func holdCopy(_ line: [UInt8], _ turn: UInt64) {
        let due = turn + random.next(below: Dirt.copyTurnsMax)
        copies.add(HeldLine(bytes: line, facts: LineFacts(kind: .click), due: due))
    }
}

/// A line written later than its turn.
struct HeldLine: Sendable {
    let bytes: [UInt8]
    let facts: LineFacts
    var due: UInt64
}

/// Lines held back, first in first out.
struct HeldLines: Sendable {
    private var lines: [HeldLine] = []
    private var head = 0

    /// The most lines held back at a time; past that the oldest is due at once.
    static let countMax = 65_536

    @inline(__always)
    func isDue(_ turn: UInt64) -> Bool {
        head < lines.count && (lines[head].due <= turn || lines.count - head > HeldLines.countMax)
    }

    mutating func add(_ line: HeldLine) {
        lines.append(line)
    }

    mutating func takeFirst(dueBy turn: UInt64) -> HeldLine? {
        guard isDue(turn) else { return nil }
        let line = lines[head]
        head += 1
        if head > 1_024, head * 2 > lines.count {
            lines.removeFirst(head)
            head = 0
        }
        return line
    }
}

/// Lines held back, each for as long as it says; of those due at one turn, the first that came.
struct DueLines: Sendable {
    private var lines: [HeldLine] = []
    private var free: [UInt32] = []
    private var agenda = Agenda()
    private var places: [UInt32: UInt32] = [:]
    private var count: UInt32 = 0

    @inline(__always)
    func isDue(_ turn: UInt64) -> Bool {
        agenda.count > 0 && (agenda.earliest <= turn || agenda.count > HeldLines.countMax)
    }

    mutating func add(_ line: HeldLine) {
        let place: UInt32
        if let gap = free.popLast() {
            place = gap
            lines[Int(gap)] = line
        } else {
            place = UInt32(lines.count)
            lines.append(line)
        }
        count &+= 1
        places[count] = place
        agenda.add(count, due: line.due)
    }

    mutating func takeFirst(dueBy turn: UInt64) -> HeldLine? {
        guard isDue(turn), let place = places.removeValue(forKey: agenda.first) else { return nil }
        agenda.removeEarliest()
        free.append(place)
        let line = lines[Int(place)]
        lines[Int(place)] = HeldLine(bytes: [], facts: line.facts, due: 0)
        return line
    }
}
