/// A JSON value as it was written: numbers keep their text and objects their order, so that what we do not understand
/// can be written back unchanged, and 64-bit ids never pass through floating point.
package enum JSON: Sendable, Hashable {
    case null
    case boolean(Bool)
    case number(String)
    case string(String)
    case array([JSON])
    case object([JSONMember])
}

/// One name and value of a JSON object.
package struct JSONMember: Sendable, Hashable {
    package var name: String
    package var value: JSON
}

extension JSON {
    /// Deepest nesting that is read.
    package static let depthLimit = 64
    /// Longest number that is read, in bytes.
    package static let numberLimit = 400
    /// Most values in one text: with few bytes for each, memory would grow far beyond the text's size.
    package static let valueLimit = 10_000_000

    /// Reads one JSON text.
    /// - Throws: ``IcebergError`` `.malformed` with the byte it stopped at.
    package init(parsing bytes: [UInt8]) throws {
        self = try bytes.withUnsafeBufferPointer { buffer in
            var parser = JSONParser(bytes: buffer)
            return try parser.document()
        }
    }

    /// The member called `name` of an object; nil when absent or null.
    package subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        guard let value = members.first(where: { $0.name == name })?.value, value != .null else { return nil }
        return value
    }

    /// The text of a string.
    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// An exact 64-bit integer.
    package var int64: Int64? {
        if case .number(let text) = self { Int64(text) } else { nil }
    }

    /// An exact integer.
    package var int: Int? {
        if case .number(let text) = self { Int(text) } else { nil }
    }

    /// A boolean.
    package var boolean: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// The elements of an array.
    package var array: [JSON]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The members of an object.
    package var members: [JSONMember]? {
        if case .object(let members) = self { members } else { nil }
    }
}

/// A strict JSON reader (RFC 8259): UTF-8 checked; depth, numbers and values bounded.
///
/// A name that occurs twice in an object is refused. Readers differ in which of the two they take (Jackson and Python the
/// last, others the first), so that two engines would see two tables in one file; no writer means to do that.
private struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var values = 0

    /// Up to this many names are compared one by one, which is faster than hashing them.
    private static let fewNames = 12

    init(bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    mutating func document() throws -> JSON {
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw failure("there is something after the end of the value") }
        return value
    }

    private mutating func value(depth: Int) throws -> JSON {
        guard depth < JSON.depthLimit else { throw failure("is nested more than \(JSON.depthLimit) deep") }
        values += 1
        guard values <= JSON.valueLimit else { throw failure("has more than \(JSON.valueLimit) values") }
        skipSpace()
        switch peek() {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return .number(try number())
        case nil: throw failure("ends in the middle of a value")
        default: throw failure("a value was expected")
        }
    }

    private mutating func object(depth: Int) throws -> JSON {
        position += 1
        var members: [JSONMember] = []
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            guard peek() == UInt8(ascii: "\"") else { throw failure("a name was expected") }
            let name = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw failure("a colon was expected") }
            members.append(JSONMember(name: name, value: try value(depth: depth + 1)))
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "}")) else { throw failure("a comma or } was expected") }
            if let name = Self.duplicate(members) { throw failure("the name \"\(name.prefix(80))\" is there twice") }
            return .object(members)
        }
    }

    private static func duplicate(_ members: [JSONMember]) -> String? {
        guard members.count > fewNames else {
            for (index, member) in members.enumerated().dropFirst()
            where members[..<index].contains(where: { $0.name == member.name }) {
                return member.name
            }
            return nil
        }
        var names: Set<String> = []
        return members.first { !names.insert($0.name).inserted }?.name
    }

    private mutating func array(depth: Int) throws -> JSON {
        position += 1
        var elements: [JSON] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "]")) else { throw failure("a comma or ] was expected") }
            return .array(elements)
        }
    }

    private mutating func string() throws -> String {
        position += 1
        let start = position
        while let byte = peek(), byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
        if peek() == UInt8(ascii: "\"") {
            defer { position += 1 }
            return try text(UnsafeBufferPointer(rebasing: bytes[start..<position]))
        }
        var content = Array(bytes[start..<position])
        while true {
            guard let byte = peek() else { throw failure("ends in the middle of a string") }
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return try content.withUnsafeBufferPointer { try text($0) }
            case UInt8(ascii: "\\"): try escape(into: &content)
            case 0..<0x20: throw failure("a control byte inside a string")
            default: content.append(byte)
            }
        }
    }

    private mutating func escape(into content: inout [UInt8]) throws {
        guard let byte = peek() else { throw failure("ends in the middle of a string") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if (0xD800..<0xDC00).contains(code) {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw failure("half a surrogate pair") }
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw failure("half a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half a surrogate pair") }
            content.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default: throw failure("an unknown escape")
        }
    }

    private mutating func hexadecimal() throws -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("\\u needs four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }

    private mutating func number() throws -> String {
        let start = position
        _ = take(UInt8(ascii: "-"))
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[position - whole] != UInt8(ascii: "0") else {
            throw failure("a malformed number")
        }
        if take(UInt8(ascii: ".")), digits() == 0 { throw failure("a malformed number") }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            if digits() == 0 { throw failure("a malformed number") }
        }
        guard position - start <= JSON.numberLimit else { throw failure("a number of over \(JSON.numberLimit) digits") }
        return try text(UnsafeBufferPointer(rebasing: bytes[start..<position]))
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        return position - start
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws -> JSON {
        let count = word.utf8CodeUnitCount
        guard position + count <= bytes.count,
            bytes[position..<position + count].elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: count))
        else { throw failure("a value was expected") }
        position += count
        return value
    }

    private func text(_ slice: UnsafeBufferPointer<UInt8>) throws -> String {
        guard let text = String(validating: slice, as: UTF8.self) else { throw failure("a string that is not UTF-8") }
        return text
    }

    private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private func failure(_ what: String) -> IcebergError {
        IcebergError(.malformed, "JSON, byte \(position): \(what)")
    }
}
