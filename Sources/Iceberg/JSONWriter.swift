/// Writes JSON straight into bytes: table metadata is rewritten on every commit, and a tree in between would cost more
/// than the commit itself.
package struct JSONWriter {
    /// What was written so far.
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init() {}

    /// An object whose members `body` writes with ``key(_:)`` and a value each.
    package mutating func object(_ body: (inout JSONWriter) throws -> Void) rethrows {
        open(UInt8(ascii: "{"))
        try body(&self)
        close(UInt8(ascii: "}"))
    }

    /// An array whose elements `body` writes.
    package mutating func array(_ body: (inout JSONWriter) throws -> Void) rethrows {
        open(UInt8(ascii: "["))
        try body(&self)
        close(UInt8(ascii: "]"))
    }

    /// The name of the value that comes next.
    package mutating func key(_ name: String) {
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// A string.
    package mutating func value(_ text: String) {
        separate()
        quote(text)
    }

    /// An integer.
    package mutating func value(_ number: some BinaryInteger) {
        separate()
        guard let small = Int64(exactly: number) else { return bytes.append(contentsOf: String(number).utf8) }
        if small < 0 { bytes.append(UInt8(ascii: "-")) }
        // Without a string in between: a table with a long history has thousands of ids and times.
        var rest = small.magnitude
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }

    /// A value that was encoded before.
    package mutating func value(encoded json: [UInt8]) {
        separate()
        bytes.append(contentsOf: json)
    }

    /// A boolean.
    package mutating func value(_ boolean: Bool) {
        raw(boolean ? "true" : "false")
    }

    /// A value that was read before, as it was.
    package mutating func value(_ json: JSON) {
        switch json {
        case .null: raw("null")
        case .boolean(let boolean): value(boolean)
        case .number(let text): raw(text)
        case .string(let text): value(text)
        case .array(let elements): array { writer in for element in elements { writer.value(element) } }
        case .object(let members):
            object { writer in
                for member in members { writer.member(member.name, member.value) }
            }
        }
    }

    /// A name and its string.
    package mutating func member(_ name: String, _ text: String) {
        key(name)
        value(text)
    }

    /// A name and its integer.
    package mutating func member(_ name: String, _ number: some BinaryInteger) {
        key(name)
        value(number)
    }

    /// A name and its boolean.
    package mutating func member(_ name: String, _ boolean: Bool) {
        key(name)
        value(boolean)
    }

    /// A name and a value that was read before.
    package mutating func member(_ name: String, _ json: JSON) {
        key(name)
        value(json)
    }

    /// The bytes of one object.
    package static func object(_ body: (inout JSONWriter) throws -> Void) rethrows -> [UInt8] {
        var writer = JSONWriter()
        try writer.object(body)
        return writer.bytes
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func raw(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { content in
            if content.allSatisfy({ !Self.isEscaped($0) }) {
                bytes.append(contentsOf: content)
            } else {
                for byte in content { escape(byte) }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case 0..<0x20:
            bytes.append(contentsOf: "\\u00".utf8)
            bytes.append(Self.hexadecimal[Int(byte >> 4)])
            bytes.append(Self.hexadecimal[Int(byte & 15)])
        default: bytes.append(byte)
        }
    }

    private static let hexadecimal = Array("0123456789abcdef".utf8)
}
