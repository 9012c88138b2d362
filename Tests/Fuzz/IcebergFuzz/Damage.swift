import Iceberg

/// Changes files: byte by byte, as text along its tokens, and along the parts of an Avro file.
package struct Damage {
    package var random: IcebergRandom

    package init(random: IcebergRandom) {
        self.random = random
        // Another sequence than the one that chose the file.
        _ = self.random.next()
    }

    /// JSON, changed in up to six places or not at all.
    mutating func text(_ original: [UInt8]) -> [UInt8] {
        var text = original
        if random.oneIn(24) { return text }
        for _ in 0...random.below(random.oneIn(4) ? 6 : 2) where !text.isEmpty {
            switch random.below(10) {
            case 0, 1: bytes(&text)
            case 2 where random.oneIn(4): wrap(&text)
            case 2: text.insert(contentsOf: random.pick(Self.pieces), at: random.below(text.count + 1))
            default: token(&text)
            }
        }
        return text
    }

    /// Bytes, changed in a few places.
    package mutating func few(_ original: [UInt8]) -> [UInt8] {
        var changed = original
        for _ in 0...random.below(3) where !changed.isEmpty { bytes(&changed) }
        return changed
    }

    /// An Avro file: its content, its schema, its header or all of it changed, compressed in any way.
    mutating func avro(_ original: AvroParts) -> [UInt8] {
        var parts = original
        if random.oneIn(24) { return parts.file(random.pick(AvroParts.codecs)) }
        switch random.below(16) {
        case 12...15:
            if let parts = values(of: original) { return parts.file(random.pick(AvroParts.codecs)) }
            return few(parts.file("null"))
        case 0...5:
            for _ in 0...random.below(4) where !parts.content.isEmpty { bytes(&parts.content) }
        case 6...7: parts.schema = text(parts.schema)
        case 8: parts.count = random.pick([-1, 0, 1, parts.count + 1, .max, .min, parts.count])
        case 9:
            let index = random.below(parts.metadata.count)
            if !parts.metadata.isEmpty { parts.metadata[index].value = few(parts.metadata[index].value) }
        default: return few(parts.file(random.pick(AvroParts.codecs)))
        }
        return parts.file(random.pick(AvroParts.codecs))
    }

    /// The file with some of its values changed for others that its schema allows: absent ones, empty ones, those at the
    /// edges of their type.
    private mutating func values(of parts: AvroParts) -> AvroParts? {
        guard let (schema, original) = parts.values, !original.isEmpty else { return nil }
        var all = original
        for _ in 0...random.below(4) {
            let index = random.below(all.count)
            all[index] = changed(all[index], schema)
        }
        return try? parts.with(all)
    }

    private mutating func changed(_ value: AvroValue, _ schema: AvroSchema) -> AvroValue {
        switch (schema, value) {
        case (.union(let branches), _):
            if branches.contains(.null), random.oneIn(3) { return .null }
            let branch = branches.first { $0 != .null } ?? .null
            return value == .null ? Self.smallest(branch) : changed(value, branch)
        case (.record(let fields), .record(var values)) where !values.isEmpty:
            let index = random.below(values.count)
            values[index] = changed(values[index], fields[index].schema)
            return .record(values)
        case (.array(let items), .array(var elements)):
            let index = random.below(elements.count)
            switch random.below(6) {
            case 0: elements = []
            case 1: elements.append(Self.smallest(items))
            case 2 where !elements.isEmpty: elements.remove(at: index)
            case 3 where !elements.isEmpty: elements.append(elements[index])
            default: if !elements.isEmpty { elements[index] = changed(elements[index], items) }
            }
            return .array(elements)
        case (.int, _): return .int(random.pick([0, 1, -1, 2, 3, 100, 1_000, .max, .min]))
        case (.long, _): return .long(random.pick([0, 1, -1, 2, 42, 1 << 33, 1 << 53, .max, .min]))
        case (.boolean, .boolean(let flag)): return .boolean(!flag)
        case (.float, _): return .float(random.pick([0, -0.0, .nan, .infinity, .leastNonzeroMagnitude]))
        case (.double, _): return .double(random.pick([0, -0.0, .nan, -.infinity, .greatestFiniteMagnitude]))
        case (.string, _):
            return .string(
                random.pick(["", "x", "parquet", "AVRO", "é", "e\u{301}", String(repeating: "ß", count: 5_000)]))
        case (.bytes, _):
            return .bytes([UInt8](repeating: UInt8(random.below(256)), count: random.pick([0, 1, 4, 8, 17])))
        default: return value
        }
    }

    private static func smallest(_ schema: AvroSchema) -> AvroValue {
        switch schema {
        case .null: .null
        case .boolean: .boolean(false)
        case .int: .int(0)
        case .long: .long(0)
        case .float: .float(0)
        case .double: .double(0)
        case .bytes: .bytes([])
        case .string: .string("")
        case .fixed(let size): .bytes([UInt8](repeating: 0, count: size))
        case .enumeration: .enumeration(0)
        case .array: .array([])
        case .map: .map([])
        case .union(let branches): branches.contains(.null) ? .null : smallest(branches[0])
        case .record(let fields): .record(fields.map { smallest($0.schema) })
        }
    }

    /// Puts a number of the text into many brackets.
    private mutating func wrap(_ text: inout [UInt8]) {
        let at = random.below(text.count)
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        guard let from = text[at...].firstIndex(where: isDigit) else { return }
        let to = text[from...].firstIndex { !isDigit($0) } ?? text.count
        let depth = random.pick([1, 2, 30, 60, 61, 62, 63, 64, 65, 1_000, 50_000])
        text.insert(contentsOf: [UInt8](repeating: UInt8(ascii: "]"), count: depth), at: to)
        text.insert(contentsOf: [UInt8](repeating: UInt8(ascii: "["), count: depth), at: from)
    }

    /// A type and the bytes of a value of it, or of nearly one.
    mutating func value() -> [UInt8] {
        let count = random.pick([0, 1, 2, 3, 4, 8, 15, 16, 17, 40])
        let alphabet: [[UInt8]] = [
            [0], [0x7F], [0x80], [0xFF], [0x41], Array("é".utf8), Array("\u{D7FF}".utf8), Array("\u{FFFF}".utf8),
            Array("\u{10FFFF}".utf8),
        ]
        var value: [UInt8] = [UInt8(random.below(256))]
        for _ in 0..<count {
            if random.oneIn(2) { value += random.pick(alphabet) } else { value.append(UInt8(random.below(256))) }
        }
        return value
    }

    private mutating func bytes(_ content: inout [UInt8]) {
        let at = random.below(content.count)
        switch random.below(9) {
        case 0: content[at] = UInt8(random.below(256))
        case 1, 2: content[at] ^= 1 << UInt8(random.below(8))
        case 3: content.remove(at: at)
        case 4: content.insert(UInt8(random.below(256)), at: at)
        case 5:
            let piece = random.pick(Self.integers)
            content.replaceSubrange(at..<min(content.count, at + (random.oneIn(2) ? 1 : piece.count)), with: piece)
        case 6: content.removeSubrange(at..<min(content.count, at + 1 + random.below(20)))
        case 7:
            content.insert(contentsOf: content[at..<min(content.count, at + 1 + random.below(40))], at: at)
        default: content.removeLast(min(content.count, 1 + random.below(random.oneIn(2) ? 4 : content.count)))
        }
    }

    /// Changes one number, word or string of a JSON text, or drops, doubles or swaps what lies between two commas.
    private mutating func token(_ text: inout [UInt8]) {
        let at = random.below(text.count)
        if random.oneIn(3) {
            guard let from = text[at...].firstIndex(of: UInt8(ascii: ",")),
                let to = text[(from + 1)...].firstIndex(of: UInt8(ascii: ","))
            else { return }
            let part = Array(text[from..<to])
            switch random.below(3) {
            case 0: text.removeSubrange(from..<to)
            case 1: text.insert(contentsOf: part, at: to)
            default: text.insert(contentsOf: part, at: text[..<at].lastIndex(of: UInt8(ascii: ",")) ?? from)
            }
            return
        }
        func isPart(_ byte: UInt8) -> Bool { !Self.separators.contains(byte) }
        guard let from = text[at...].firstIndex(where: isPart) else { return }
        let to = text[from...].firstIndex { !isPart($0) } ?? text.count
        let isNumber = text[from..<to].allSatisfy { (0x30...0x39).contains($0) }
        let piece = isNumber ? random.pick(Self.numbers) : random.pick(Self.words)
        text.replaceSubrange(from..<to, with: piece)
    }

    private static let separators = Set("{}[],:\" \n".utf8)

    private static let numbers: [[UInt8]] = [
        "0", "-1", "1", "2", "3", "1000", "2147483447", "2147483647", "2147483648", "9007199254740993",
        "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e3", "1.0", "01", "null", "\"1\"", "{}",
        "[]", "true",
    ].map { Array($0.utf8) }

    private static let words: [[UInt8]] = [
        "type", "id", "name", "fields", "struct", "list", "map", "string", "decimal(38,38)", "decimal(9,10)",
        "fixed[0]",
        "fixed[99999999999]", "timestamp_ns", "bucket[0]", "bucket[2147483647]", "truncate[1]", "void", "identity",
        "main",
        "tag", "branch", "null", "int", "record", "array", "enum", "items", "symbols", "long", "bytes", "fixed", "size",
        "r102", "field-id", "default", "element-id", "content", "deletes", "manifests", "schema", "sort-orders",
        "\\u0000",
    ].map { Array($0.utf8) }

    private static let pieces: [[UInt8]] =
        [
            "\"", "\\", "{", "}", "[", "]", ",", ":", " ", "\n", "null", "true", "-", ".5", "e3", "\\u0041",
            "\\ud83d\\ude00", "\\ud800", "é", "e\u{301}", "\u{feff}", ",\"x\":{}", ",\"x\":1", "[[[[[[[[[[[[[[[[",
            "99999999999999999999", "\"type\":\"struct\",",
        ].map { Array($0.utf8) } + [[0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xFF], [0]]

    /// Avro's integers at their edges: 0, -1, 1, 32 and 64 bits, and longer than an integer may be.
    private static let integers: [[UInt8]] = [
        [0], [1], [2], [3], [0x7F], [0x80, 0x01], [0xFE, 0xFF, 0xFF, 0xFF, 0x0F], [0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
        [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
        [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
        [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], [UInt8](repeating: 0x80, count: 12),
    ]
}
