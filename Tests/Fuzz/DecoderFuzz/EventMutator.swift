import Events

/// Changes events as text: byte by byte, and along their members.
public struct EventMutator: Sendable {
    /// Events to begin from: those written by hand, then simulated ones by type.
    private let seeds: [[[UInt8]]]

    /// A mutator of simulated and written events; the seed chooses the simulated ones.
    public init(seed: UInt64) throws {
        seeds = [FuzzSeeds.written()] + (try FuzzSeeds.simulated(seed: seed))
    }

    private func original(_ random: inout FuzzRandom) -> [UInt8] {
        random.pick(random.oneIn(3) ? seeds[0] : random.pick(seeds))
    }

    /// The longest event made.
    static let longest = 16_384

    /// An event, changed in up to six places or not at all.
    public func event(_ random: inout FuzzRandom) -> [UInt8] {
        var bytes = original(&random)
        guard !random.oneIn(16) else { return bytes }
        for _ in 0...random.below(random.oneIn(4) ? 6 : 2) where !bytes.isEmpty { mutate(&bytes, &random) }
        return bytes.count <= EventMutator.longest ? bytes : Array(bytes.prefix(EventMutator.longest))
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout FuzzRandom) {
        switch random.below(32) {
        case 0: bytes[random.below(bytes.count)] = UInt8(random.below(256))
        case 1: bytes[random.below(bytes.count)] ^= 1 << UInt8(random.below(8))
        case 2: bytes.remove(at: random.below(bytes.count))
        case 3: mark(&bytes, &random)
        case 4: bytes.insert(contentsOf: random.pick(FuzzSeeds.pieces), at: random.below(bytes.count + 1))
        case 5:
            let piece = random.pick(FuzzSeeds.pieces)
            let at = random.below(bytes.count)
            bytes.replaceSubrange(at..<min(bytes.count, at + piece.count), with: piece)
        case 6:
            let at = random.below(bytes.count)
            bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.below(20)))
        case 7:
            let at = random.below(bytes.count)
            bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 1 + random.below(40))], at: at)
        case 8: bytes.removeLast(min(bytes.count, 1 + random.below(random.oneIn(2) ? 4 : bytes.count)))
        case 9: splice(&bytes, &random)
        case 10, 11: digit(&bytes, &random)
        case 12, 13: space(&bytes, &random)
        case 14, 15: inString(&bytes, &random)
        default: alongMembers(&bytes, &random)
        }
    }

    /// Goes on with the end of another event.
    private func splice(_ bytes: inout [UInt8], _ random: inout FuzzRandom) {
        let other = original(&random)
        if random.oneIn(2) {
            bytes = Array(bytes.prefix(random.below(bytes.count + 1))) + other.suffix(random.below(other.count + 1))
        } else {
            let mine = Members(bytes).ranges
            let others = Members(other).ranges
            guard let first = mine.first, !others.isEmpty else { return }
            let kept = mine.prefix(1 + random.below(mine.count)).last?.upperBound ?? first.upperBound
            bytes = Array(bytes[..<kept]) + [0x2c] + other[others[random.below(others.count)].lowerBound...]
        }
    }

    /// Puts one of JSON's marks in the place of another one.
    private func mark(_ bytes: inout [UInt8], _ random: inout FuzzRandom) {
        let marks = Array("{}[],:\" ".utf8)
        let from = random.below(bytes.count)
        guard let at = bytes[from...].firstIndex(where: marks.contains) else { return }
        bytes[at] = random.pick(marks)
    }

    /// Changes, adds or takes away a digit of a number or an instant.
    private func digit(_ bytes: inout [UInt8], _ random: inout FuzzRandom) {
        let from = random.below(bytes.count)
        guard let at = bytes[from...].firstIndex(where: { $0 >= 0x30 && $0 <= 0x39 }) else { return }
        switch random.below(4) {
        case 0: bytes.insert(UInt8(0x30 + random.below(10)), at: at)
        case 1: bytes.remove(at: at)
        default: bytes[at] = UInt8(0x30 + random.below(10))
        }
    }

    /// Writes white space where JSON allows it, once or everywhere.
    private func space(_ bytes: inout [UInt8], _ random: inout FuzzRandom) {
        let marks: Set<UInt8> = [0x2c, 0x3a, 0x7b, 0x7d, 0x5b, 0x5d]
        let piece: [UInt8] = random.pick([[0x20], [0x20, 0x20], [0x0a], [0x0d, 0x0a], [0x09]])
        if random.oneIn(2) {
            // As Python's json writes it, more or less.
            let only: Set<UInt8> = random.oneIn(3) ? marks : [0x2c, 0x3a]
            var isInString = false
            var spaced: [UInt8] = []
            for (index, byte) in bytes.enumerated() {
                if byte == 0x22, index == 0 || bytes[index - 1] != 0x5c { isInString.toggle() }
                spaced.append(byte)
                if !isInString, only.contains(byte), byte != 0x7d || only == marks { spaced += [0x20] }
            }
            bytes = spaced
            return
        }
        let from = random.below(bytes.count)
        guard let at = bytes[from...].firstIndex(where: marks.contains) else { return }
        bytes.insert(contentsOf: piece, at: at + random.below(2))
    }

    /// Writes an escape, a character of two to four bytes or malformed UTF-8 into a string.
    private func inString(_ bytes: inout [UInt8], _ random: inout FuzzRandom) {
        let from = random.below(bytes.count)
        guard let quote = bytes[from...].firstIndex(of: 0x22) else { return }
        if random.oneIn(2), quote + 1 < bytes.count, bytes[quote + 1] >= 0x30, bytes[quote + 1] < 0x7b {
            let hex = String(bytes[quote + 1], radix: 16)
            bytes.replaceSubrange((quote + 1)..<(quote + 2), with: Array("\\u00\(hex)".utf8))
        } else {
            bytes.insert(contentsOf: random.pick(FuzzSeeds.pieces), at: quote + 1)
        }
    }

    // MARK: - Members

    /// The members of an event's outermost object (or of the first one inside it), found as far as the text goes.
    private struct Members {
        /// From a key's quote to behind its value.
        var ranges: [Range<Int>] = []

        init(_ bytes: [UInt8], depth wanted: Int = 1) {
            var depth = 0
            var start: Int?
            var index = 0
            while index < bytes.count {
                switch bytes[index] {
                case 0x22:
                    if depth == wanted, start == nil { start = index }
                    index += 1
                    while index < bytes.count, bytes[index] != 0x22 { index += bytes[index] == 0x5c ? 2 : 1 }
                case 0x7b, 0x5b: depth += 1
                case 0x7d, 0x5d, 0x2c:
                    if depth == wanted, let first = start {
                        ranges.append(first..<index)
                        start = nil
                    }
                    if bytes[index] != 0x2c { depth -= 1 }
                default: break
                }
                index += 1
            }
        }
    }

    /// The values to choose from for the member whose key, with its quotes, is given.
    private func values(ofMember key: ArraySlice<UInt8>, _ random: inout FuzzRandom) -> [[UInt8]] {
        guard random.oneIn(2), key.count > 2, let field = EventMutator.fields[Array(key.dropFirst().dropLast())] else {
            return FuzzSeeds.values
        }
        return FuzzSeeds.values(of: field.kind)
    }

    private static let fields = Dictionary(
        uniqueKeysWithValues: EventField.allCases.map { (Array($0.name.utf8), $0) })

    private func alongMembers(_ bytes: inout [UInt8], _ random: inout FuzzRandom) {
        // The members of items lie two levels further in.
        let ranges = Members(bytes, depth: random.oneIn(5) ? 3 : 1).ranges
        guard !ranges.isEmpty else { return }
        let chosen = ranges[random.below(ranges.count)]
        let colon = bytes[chosen].firstIndex(of: 0x3a) ?? chosen.lowerBound
        switch random.below(12) {
        case 0, 1:
            let other = ranges[random.below(ranges.count)]
            guard chosen.upperBound <= other.lowerBound else { return }
            let first = Array(bytes[chosen])
            let second = Array(bytes[other])
            bytes.replaceSubrange(other, with: first)
            bytes.replaceSubrange(chosen, with: second)
        case 2:
            let end = chosen.upperBound < bytes.count && bytes[chosen.upperBound] == 0x2c ? 1 : 0
            bytes.removeSubrange(chosen.lowerBound..<(chosen.upperBound + end))
        case 3:
            let copy = Array(bytes[chosen]) + [0x2c]
            bytes.insert(contentsOf: copy, at: ranges[random.below(ranges.count)].lowerBound)
        case 4:
            let key = [0x22] + random.pick(FuzzSeeds.keys) + [0x22]
            bytes.replaceSubrange(chosen.lowerBound..<max(chosen.lowerBound, colon), with: key)
        case 5, 6:
            let member = [0x22] + random.pick(FuzzSeeds.keys) + [0x22, 0x3a] + random.pick(FuzzSeeds.values) + [0x2c]
            bytes.insert(contentsOf: member, at: chosen.lowerBound)
        case 7:
            // The value of another member, of this event or of another.
            let other = random.oneIn(2) ? bytes : original(&random)
            let others = Members(other).ranges
            guard !others.isEmpty, colon < chosen.upperBound else { return }
            let source = others[random.below(others.count)]
            guard let start = other[source].firstIndex(of: 0x3a) else { return }
            bytes.replaceSubrange((colon + 1)..<chosen.upperBound, with: Array(other[(start + 1)..<source.upperBound]))
        default:
            guard colon + 1 <= chosen.upperBound else { return }
            let value = random.pick(values(ofMember: bytes[chosen.lowerBound..<colon], &random))
            bytes.replaceSubrange((colon + 1)..<chosen.upperBound, with: value)
        }
    }
}
