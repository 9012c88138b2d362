import Events

/// Mutated events, decoded three ways that must agree: the fast path, the general path alone, and simdjson.
///
/// simdjson is the judge of what is JSON, UTF-8 and the value of a string, an integer and a decimal, since it shares
/// no line with the decoder. It could not be the decoder: its DOM turns decimals into binary doubles and refuses
/// greater integers than 64 bits, and its on-demand reader does not check what it steps over, where the contract wants
/// exact decimals and strict JSON in every byte.
///
/// Every event lies in a block of its own, exactly as long as the event and the decoder's padding, so that
/// AddressSanitizer sees any byte read beyond. The decoders and batches are used on, so that what the fast path has
/// learnt of the events before plays its part, and every row is compared again when the batch is full.
public final class DifferentialFuzz {
    /// What was done so far.
    public struct Tally: Sendable {
        /// Events decoded.
        public var events = 0
        /// Of them, how many the general path accepted.
        public var accepted = 0
        /// Of those, how many the fast path took.
        public var fast = 0
        /// The rejected ones by their reason.
        public var rejected: [String: Int] = [:]
    }

    /// Two answers that should be one.
    public struct Disagreement: Error, CustomStringConvertible {
        /// The run's seed.
        public let seed: UInt64
        /// Which event of the run.
        public let index: Int
        /// The event's bytes as a Swift literal.
        public let literal: String
        /// Who disagreed about what, and both answers.
        public let answers: String

        /// All of it, as `cartograph-fuzz` prints it.
        public var description: String {
            "seed \(seed), event \(index): \(answers)\nlet event: [UInt8] = \(literal)"
        }
    }

    /// What was done so far.
    public private(set) var tally = Tally()

    private let seed: UInt64
    private let mutator: EventMutator
    // The simulator's shop opens on 2026-01-01: some mutated instants lie a day beyond this clock, most do not.
    private let fastDecoder = EventDecoder(now: DifferentialFuzz.now)
    private let neighbourDecoder = EventDecoder(now: DifferentialFuzz.now)
    private let generalDecoder = EventDecoder(now: DifferentialFuzz.now)
    private let fast = EventBatch(capacity: DifferentialFuzz.rows)
    private let general = EventBatch(capacity: DifferentialFuzz.rows)
    private let neighboured = EventBatch(capacity: 1)
    private let judge = JSONJudge()
    private var blocks: [UnsafeMutablePointer<UInt8>] = []

    private static let rows = 61
    /// 2026-01-15T00:00:00Z.
    private static let now: Int64 = 1_768_435_200_000_000

    /// A run whose events follow from its seed.
    public init(seed: UInt64) throws {
        self.seed = seed
        mutator = try EventMutator(seed: seed)
    }

    deinit { for block in blocks { block.deallocate() } }

    /// Decodes `count` more events.
    ///
    /// - Throws: the first `Disagreement`.
    public func run(_ count: Int) throws(Disagreement) {
        for _ in 0..<count {
            var random = FuzzRandom(seed: seed ^ UInt64(tally.events) &* 0xd134_2543_de82_ef95)
            try check(mutator.event(&random), &random)
            tally.events += 1
        }
    }

    private func check(_ event: [UInt8], _ random: inout FuzzRandom) throws(Disagreement) {
        if general.isFull { try compareAndClear(event) }
        let start = block(event)
        let row = general.count
        let reason = generalDecoder.decodeGeneral(start, count: event.count, into: general)
        let itemsBefore = fast.itemCount
        let taken = fastDecoder.decodeFast(start, count: event.count, into: fast)
        if taken {
            tally.fast += 1
            if reason != nil { throw disagreement(event, "accepted by the fast path", answer(reason, row)) }
        } else {
            guard fast.count == row, fast.itemCount == itemsBefore else {
                throw disagreement(event, "the fast path gave up", "and left rows behind")
            }
            let again = fastDecoder.decode(start, count: event.count, into: fast)
            guard again == reason else {
                throw disagreement(event, answer(again, row), answer(reason, row))
            }
        }
        if let reason {
            tally.rejected[reason.description, default: 0] += 1
        } else {
            tally.accepted += 1
            try compare(event, row)
        }
        let objection = event.withUnsafeBufferPointer { judge.objection(to: reason, general, row, $0) }
        if let objection { throw disagreement(event, objection, answer(reason, row)) }
        if random.oneIn(4) { try checkBesideNeighbour(event, row, reason, &random) }
    }

    /// The same event with other text right behind it must have the same answer.
    private func checkBesideNeighbour(
        _ event: [UInt8], _ row: Int, _ reason: RejectionReason?, _ random: inout FuzzRandom
    ) throws(Disagreement) {
        // What would finish the event if it were cut off, or another one.
        let other = mutator.event(&random)
        let bytes = event + (random.oneIn(2) ? other.suffix(random.below(other.count + 1)) : other[...])
        let start = block(bytes)
        neighboured.removeAll()
        let beside = neighbourDecoder.decode(start, count: event.count, into: neighboured)
        blocks.removeLast().deallocate()
        guard beside == reason else {
            throw disagreement(
                event, "with \(literal(Array(bytes[event.count...]))) behind it: \(answer(beside, 0))",
                answer(reason, row))
        }
    }

    /// A block of exactly the event's length and the padding, which is zero. It lives until the batch is cleared.
    private func block(_ event: [UInt8]) -> UnsafePointer<UInt8> {
        let block = UnsafeMutablePointer<UInt8>.allocate(capacity: event.count + EventLimits.padding)
        event.withUnsafeBufferPointer { if let base = $0.baseAddress { block.update(from: base, count: $0.count) } }
        (block + event.count).initialize(repeating: 0, count: EventLimits.padding)
        blocks.append(block)
        return UnsafePointer(block)
    }

    private func compareAndClear(_ event: [UInt8]) throws(Disagreement) {
        for row in 0..<general.count { try compare(event, row) }
        fast.removeAll()
        general.removeAll()
        for block in blocks { block.deallocate() }
        blocks.removeAll(keepingCapacity: true)
    }

    // MARK: - Comparing

    private func compare(_ event: [UInt8], _ row: Int) throws(Disagreement) {
        if !isSame(row) {
            throw disagreement(event, "fast: " + text(fast, row), "general: " + text(general, row))
        }
    }

    private func isSame(_ row: Int) -> Bool {
        let presence = general.columns.presence[row]
        guard fast.count == general.count, fast.type(row) == general.type(row),
            fast.columns.presence[row] == presence, fast.totalMismatch(row) == general.totalMismatch(row),
            isSame(fast.raw(row), general.raw(row)), fast.items(row).count == general.items(row).count
        else { return false }
        for field in EventField.allCases where presence & field.bit != 0 {
            switch field.kind {
            case .id, .text, .word, .currency:
                guard let mine = fast.string(field, row), let other = general.string(field, row), isSame(mine, other)
                else { return false }
            case .integer: guard fast.integer(field, row) == general.integer(field, row) else { return false }
            case .money: guard fast.money(field, row) == general.money(field, row) else { return false }
            case .timestamp: guard fast.timestamp(row) == general.timestamp(row) else { return false }
            case .items, .type: break
            }
        }
        return zip(fast.items(row), general.items(row)).allSatisfy { mine, other in
            isSame(fast.itemProduct(mine), general.itemProduct(other))
                && fast.itemQuantity(mine) == general.itemQuantity(other)
                && fast.itemPrice(mine) == general.itemPrice(other)
        }
    }

    private func isSame(_ mine: StringRef, _ other: StringRef) -> Bool {
        mine.count == other.count
            && UnsafeBufferPointer(start: mine.start, count: mine.count)
                .elementsEqual(UnsafeBufferPointer(start: other.start, count: other.count))
    }

    // MARK: - Telling

    private func disagreement(_ event: [UInt8], _ one: String, _ other: String) -> Disagreement {
        Disagreement(seed: seed, index: tally.events, literal: literal(event), answers: "\(one) / \(other)")
    }

    private func literal(_ bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self), text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) {
            return "Array(####\"\(text)\"####.utf8)"
        }
        return "[" + bytes.map { "0x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ", ") + "]"
    }

    private func answer(_ reason: RejectionReason?, _ row: Int) -> String {
        reason?.description ?? "accepted by the general path: " + text(general, row)
    }

    private func text(_ batch: EventBatch, _ row: Int) -> String {
        guard row < batch.count else { return "no row \(row)" }
        var parts = ["\(batch.type(row).name)"]
        for field in EventField.allCases where batch.has(field, row) {
            switch field.kind {
            case .id, .text, .word, .currency: parts.append("\(field.name)=\(batch.string(field, row)?.string ?? "")")
            case .integer: parts.append("\(field.name)=\(batch.integer(field, row) ?? 0)")
            case .money: parts.append("\(field.name)=\(batch.money(field, row) ?? 0)")
            case .timestamp: parts.append("\(field.name)=\(batch.timestamp(row))")
            case .items:
                for item in batch.items(row) {
                    parts.append(
                        "\(batch.itemProduct(item).string)×\(batch.itemQuantity(item))@\(batch.itemPrice(item))")
                }
            case .type: break
            }
        }
        return parts.joined(separator: " ") + (batch.totalMismatch(row) ? " total_mismatch" : "")
    }
}
