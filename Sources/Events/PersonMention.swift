import Glibc

/// Where a person is named in bytes: the one rule by which an erasure finds what is theirs, and the door knows it again.
///
/// In an accepted event a person is named by `user_id`, and by any text under a key that the contract does not know, or by
/// such a key itself. Equal text in another field of the contract (a product's id, a page) names something else.
///
/// In rejected bytes, whose form nobody knows, every word counts: what stands between quotation marks, escapes undone;
/// what stands between separators; the same with percent-encoding undone, and in UTF-16.
public enum PersonMention {
    /// The longest word looked at, in bytes: that of the longest id.
    static let wordBytes = 128

    // MARK: - Accepted events

    /// Fields of the contract that name something else than a person, by their length.
    private static let otherFields: [[[UInt8]]] = {
        let names = Set(EventField.allCases.map(\.name)).union(["type"]).subtracting(["user_id"])
        let longest = names.map(\.utf8.count).max() ?? 0
        return (0...longest).map { length in names.filter { $0.utf8.count == length }.map { Array($0.utf8) } }
    }()

    /// Whether a field of the contract names something else than a person.
    public static func isOtherField(_ name: String) -> Bool { Array(name.utf8).withUnsafeBytes { isOtherField($0) } }

    private static func isOtherField(_ word: UnsafeRawBufferPointer) -> Bool {
        word.count < otherFields.count && otherFields[word.count].contains { word.elementsEqual($0) }
    }

    /// Calls `body` with every word of an accepted event that may name a person, until it says that one does; whether one
    /// did.
    public static func inAccepted(_ event: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        // Whether the keys that lead to where the walk is name something else; an array's elements have the array's key.
        var outer: [Bool] = []
        var isOther = false
        var at = 0
        while at < event.count {
            switch event[at] {
            case 0x22:
                guard let (end, isPlain) = end(ofString: event, from: at + 1) else { return false }
                var next = end
                while next < event.count, isSpace(event[next]) { next += 1 }
                let isKey = next < event.count && event[next] == 0x3a
                let plain = UnsafeRawBufferPointer(rebasing: event[(at + 1)..<(end - 1)])
                let isFound =
                    isPlain
                    ? see(plain, isKey, &isOther, body)
                    : string(event, from: at + 1)?.word.withUnsafeBytes { see($0, isKey, &isOther, body) } ?? false
                if isFound { return true }
                at = end
            case 0x7b, 0x5b:
                outer.append(isOther)
                at += 1
            case 0x7d, 0x5d:
                isOther = outer.popLast() ?? false
                at += 1
            default:
                at += 1
            }
        }
        return false
    }

    private static func see(
        _ word: UnsafeRawBufferPointer, _ isKey: Bool, _ isOther: inout Bool, _ body: (UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        if isKey { isOther = isOtherField(word) }
        return !isOther && word.count <= wordBytes && body(word)
    }

    /// Where a JSON string ends, behind its quotation mark, and whether it has no escapes; nil when it does not end.
    private static func end(ofString bytes: UnsafeRawBufferPointer, from start: Int) -> (end: Int, isPlain: Bool)? {
        var at = start
        var isPlain = true
        while at < bytes.count {
            if bytes[at] == 0x22 { return (at + 1, isPlain) }
            if bytes[at] == 0x5c {
                isPlain = false
                at += 1
            }
            at += 1
        }
        return nil
    }

    // MARK: - Rejected bytes

    /// Calls `body` with every word of rejected bytes, until it says that one names a person; whether one did.
    public static func inRejected(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        if words(bytes, body) { return true }
        if bytes.contains(0x25) {
            let decoded = percentDecoded(bytes)
            if decoded.count < bytes.count, decoded.withUnsafeBytes({ words($0, body) }) { return true }
        }
        guard bytes.contains(0) else { return false }
        // Text of one byte a letter, sent as UTF-16 of either order.
        let narrow = bytes.filter { $0 != 0 }
        return narrow.withUnsafeBytes { words($0, body) }
    }

    /// The time that rejected bytes tell of the event, microseconds since 1970 UTC; nil when there is none to be read.
    public static func time(inRejected bytes: UnsafeRawBufferPointer) -> Int64? {
        let key = Array("\"ts\"".utf8)
        var latest: Int64?
        var at = 0
        while at + key.count < bytes.count {
            guard bytes[at] == 0x22, bytes[at..<(at + key.count)].elementsEqual(key) else {
                at += 1
                continue
            }
            at += key.count
            while at < bytes.count, isSpace(bytes[at]) || bytes[at] == 0x3a { at += 1 }
            guard at < bytes.count else { break }
            var found: Int64?
            if bytes[at] == 0x22 {
                found = string(bytes, from: at + 1, limit: 64).flatMap {
                    Timestamp.parse(String(decoding: $0.word, as: UTF8.self))
                }
            } else {
                var end = at
                while end < bytes.count, end - at < 15, (0x30...0x39).contains(bytes[end]) { end += 1 }
                found = Int64(String(decoding: bytes[at..<end], as: UTF8.self)).map { $0 * 1_000 }
            }
            if let found { latest = max(found, latest ?? .min) }
        }
        return latest
    }

    private static func words(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        var token: Int?
        var field = 0
        for at in 0...bytes.count {
            let byte = at < bytes.count ? bytes[at] : 0x0a
            // Every quotation mark may begin a text: in what is malformed nobody can say which do.
            if at < bytes.count, byte == 0x22, let (word, _) = string(bytes, from: at + 1, limit: wordBytes),
                word.withUnsafeBytes({ body($0) })
            {
                return true
            }
            if isWordByte(byte) {
                if token == nil { token = at }
            } else if let start = token {
                token = nil
                if at - start <= wordBytes, body(UnsafeRawBufferPointer(rebasing: bytes[start..<at])) { return true }
            }
            if isSeparator(byte) {
                var (low, high) = (field, at)
                while low < high, isSpace(bytes[low]) || bytes[low] == 0x22 { low += 1 }
                while high > low, isSpace(bytes[high - 1]) || bytes[high - 1] == 0x22 { high -= 1 }
                if high > low, high - low <= wordBytes, body(UnsafeRawBufferPointer(rebasing: bytes[low..<high])) {
                    return true
                }
                field = at + 1
            }
        }
        return false
    }

    // MARK: - Pieces

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 }

    /// Letters, digits, `- . @ _ +`, and whatever is not ASCII.
    static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2b, 0x2d, 0x2e, 0x40, 0x5f, 0x80...: true
        default: false
        }
    }

    /// What stands between the fields of a row: `, ; | =`, tab and line end.
    private static func isSeparator(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x09, 0x0a, 0x2c, 0x3b, 0x3d, 0x7c: true
        default: false
        }
    }

    /// The text of a JSON string, escapes undone, and where it ends behind its quotation mark; nil when it does not end,
    /// or is longer than `limit`.
    static func string(
        _ bytes: UnsafeRawBufferPointer, from start: Int, limit: Int = .max
    ) -> (word: [UInt8], end: Int)? {
        var word: [UInt8] = []
        var high: UInt32?
        var at = start
        while at < bytes.count, word.count <= limit {
            let byte = bytes[at]
            if byte == 0x22 { return (word, at + 1) }
            guard byte == 0x5c, at + 1 < bytes.count else {
                word.append(byte)
                high = nil
                at += 1
                continue
            }
            let escape = bytes[at + 1]
            at += 2
            guard escape == 0x75, at + 4 <= bytes.count,
                let unit = UInt32(String(decoding: bytes[at..<(at + 4)], as: UTF8.self), radix: 16)
            else {
                word.append([0x6e: 0x0a, 0x72: 0x0d, 0x74: 0x09, 0x62: 0x08, 0x66: 0x0c][escape] ?? escape)
                high = nil
                continue
            }
            at += 4
            if let first = high, (0xdc00..<0xe000).contains(unit) {
                word.removeLast(3)
                append(0x10000 + (first - 0xd800) << 10 + (unit - 0xdc00), to: &word)
                high = nil
            } else if (0xd800..<0xdc00).contains(unit) {
                // Three bytes hold its place until the other half comes.
                append(0xfffd, to: &word)
                high = unit
            } else {
                append(unit, to: &word)
                high = nil
            }
        }
        return nil
    }

    private static func append(_ scalar: UInt32, to word: inout [UInt8]) {
        word += Array(String(Unicode.Scalar(scalar) ?? "\u{fffd}").utf8)
    }

    private static func percentDecoded(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            if bytes[at] == 0x25, at + 2 < bytes.count, isHex(bytes[at + 1]), isHex(bytes[at + 2]),
                let byte = UInt8(String(decoding: bytes[(at + 1)...(at + 2)], as: UTF8.self), radix: 16)
            {
                decoded.append(byte)
                at += 3
            } else {
                decoded.append(bytes[at])
                at += 1
            }
        }
        return decoded
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }
}

/// A person by their id in clear, for as long as an erasure runs.
public struct PersonID: Sendable {
    /// The id's UTF-8.
    public let bytes: [UInt8]

    /// A person; nil when the text is no id of 1 to 128 bytes.
    public init?(_ text: String) {
        bytes = Array(text.utf8)
        guard (1...PersonMention.wordBytes).contains(bytes.count) else { return nil }
    }

    /// Whether some bytes are the id.
    public func isNamed(by word: UnsafeRawBufferPointer) -> Bool {
        word.count == bytes.count && word.elementsEqual(bytes)
    }

    /// Whether an accepted event names the person.
    public func isIn(accepted event: UnsafeRawBufferPointer) -> Bool {
        mayBeIn(event) && PersonMention.inAccepted(event, isNamed)
    }

    /// Whether rejected bytes name the person.
    public func isIn(rejected bytes: UnsafeRawBufferPointer) -> Bool { PersonMention.inRejected(bytes, isNamed) }

    /// A quick look that leaves out almost everything: the id as it is, or something escaped.
    private func mayBeIn(_ event: UnsafeRawBufferPointer) -> Bool {
        guard let start = event.baseAddress else { return false }
        if memchr(start, 0x5c, event.count) != nil { return true }
        return bytes.withUnsafeBytes { id in
            guard let wanted = id.baseAddress else { return false }
            var at = start
            var left = event.count
            while left >= id.count, let hit = memchr(at, Int32(id[0]), left - id.count + 1) {
                if memcmp(hit, wanted, id.count) == 0 { return true }
                left -= UnsafeRawPointer(hit) - at + 1
                at = UnsafeRawPointer(hit) + 1
            }
            return false
        }
    }
}
