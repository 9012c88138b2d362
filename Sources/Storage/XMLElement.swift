/// A small tree of an XML answer: elements, their text and attributes, nothing else. What an object store says, read as if an enemy
/// said it: no declarations of types, no entities but the five and numbers, bounded depth and count.
package struct XMLElement {
    /// The name without a prefix.
    package let name: String
    /// The text directly inside.
    package private(set) var text = ""
    /// The elements directly inside.
    package private(set) var children: [XMLElement] = []
    /// The attributes as they are written, without their prefixes; entities in them are not replaced.
    package private(set) var attributes: [(name: String, value: String)] = []

    package static let depthMax = 16
    package static let elementsMax = 100_000
    package static let attributesMax = 32
    package static let attributeBytesMax = 4_096

    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    /// The first element inside of this name.
    package subscript(name: String) -> XMLElement? { children.first { $0.name == name } }

    /// The text of the first element inside of this name.
    package func text(_ name: String) -> String? { self[name]?.text }

    /// The value of the first attribute of this name.
    package func attribute(_ name: String) -> String? { attributes.first { $0.name == name }?.value }

    private init(name: String) { self.name = name }

    /// Reads a document and returns its root.
    /// - Parameter elementsMax: most elements it may have.
    package init(parsing bytes: [UInt8], elementsMax: Int = XMLElement.elementsMax) throws {
        var reader = Reader(bytes: bytes, elementsMax: elementsMax)
        self = try reader.document()
    }

    private struct Reader {
        let bytes: [UInt8]
        let elementsMax: Int
        var at = 0
        var count = 0

        init(bytes: [UInt8], elementsMax: Int) {
            self.bytes = bytes
            self.elementsMax = elementsMax
        }

        mutating func document() throws -> XMLElement {
            var open: [XMLElement] = []
            while at < bytes.count {
                guard bytes[at] == UInt8(ascii: "<") else {
                    let text = try text()
                    if open.isEmpty {
                        guard text.allSatisfy({ $0.isWhitespace || $0 == "\u{FEFF}" }) else {
                            throw Malformed(description: "text outside of an element")
                        }
                    } else {
                        open[open.count - 1].text += text
                    }
                    continue
                }
                if skip("<?") {
                    try skipPast("?>")
                } else if skip("<!--") {
                    try skipPast("-->")
                } else if skip("<!") {
                    throw Malformed(description: "a declaration, which answers do not have")
                } else if skip("</") {
                    let name = try name()
                    skipSpace()
                    guard skip(">"), let closed = open.popLast(), closed.name == name else {
                        throw Malformed(description: "</\(name)> closes nothing")
                    }
                    guard !open.isEmpty else { return closed }
                    open[open.count - 1].children.append(closed)
                } else {
                    at += 1
                    var element = XMLElement(name: try name())
                    count += 1
                    guard count <= elementsMax, open.count < XMLElement.depthMax else {
                        throw Malformed(description: "too many elements, or too deep")
                    }
                    if try isEmpty(afterAttributesOf: &element) {
                        guard !open.isEmpty else { return element }
                        open[open.count - 1].children.append(element)
                    } else {
                        open.append(element)
                    }
                }
            }
            throw Malformed(description: "it ends early")
        }

        private mutating func skip(_ word: String) -> Bool {
            guard bytes[at...].starts(with: word.utf8) else { return false }
            at += word.utf8.count
            return true
        }

        private mutating func skipPast(_ word: String) throws {
            while at < bytes.count {
                if skip(word) { return }
                at += 1
            }
            throw Malformed(description: "it ends early")
        }

        private mutating func skipSpace() {
            while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
        }

        /// A name, of which only what follows the prefix counts.
        private mutating func name() throws -> String {
            var start = at
            while at < bytes.count, ![0x20, 0x09, 0x0A, 0x0D, 0x2F, 0x3E, 0x3D, 0x3C].contains(bytes[at]) {
                if bytes[at] == UInt8(ascii: ":") { start = at + 1 }
                at += 1
            }
            guard start < at else { throw Malformed(description: "an element without a name") }
            return String(decoding: bytes[start..<at], as: UTF8.self)
        }

        /// Takes the attributes up to the end of a tag; true for `/>`.
        private mutating func isEmpty(afterAttributesOf element: inout XMLElement) throws -> Bool {
            while true {
                skipSpace()
                guard at < bytes.count else { throw Malformed(description: "it ends early") }
                if skip("/>") { return true }
                if skip(">") { return false }
                let name = try name()
                skipSpace()
                guard skip("=") else { throw Malformed(description: "an attribute without a value") }
                skipSpace()
                guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") || bytes[at] == UInt8(ascii: "'") else {
                    throw Malformed(description: "an attribute without quotes")
                }
                let quote = bytes[at]
                at += 1
                let start = at
                while at < bytes.count, bytes[at] != quote { at += 1 }
                guard at < bytes.count else { throw Malformed(description: "it ends early") }
                guard at - start <= XMLElement.attributeBytesMax, element.attributes.count < XMLElement.attributesMax
                else { throw Malformed(description: "too many attributes, or too long") }
                element.attributes.append((name, String(decoding: bytes[start..<at], as: UTF8.self)))
                at += 1
            }
        }

        private mutating func text() throws -> String {
            var out: [UInt8] = []
            while at < bytes.count, bytes[at] != UInt8(ascii: "<") {
                if bytes[at] == UInt8(ascii: "&") {
                    out += Array(try entity().utf8)
                } else {
                    out.append(bytes[at])
                    at += 1
                }
            }
            guard let text = String(validating: out, as: UTF8.self) else {
                throw Malformed(description: "it is not UTF-8")
            }
            return text
        }

        private mutating func entity() throws -> String {
            guard let end = bytes[at...].prefix(12).firstIndex(of: UInt8(ascii: ";")) else {
                throw Malformed(description: "an entity without an end")
            }
            let name = String(decoding: bytes[(at + 1)..<end], as: UTF8.self)
            at = end + 1
            switch name {
            case "amp": return "&"
            case "lt": return "<"
            case "gt": return ">"
            case "quot": return "\""
            case "apos": return "'"
            default:
                let number =
                    name.hasPrefix("#x")
                    ? UInt32(name.dropFirst(2), radix: 16) : name.hasPrefix("#") ? UInt32(name.dropFirst()) : nil
                guard let number, let scalar = Unicode.Scalar(number) else {
                    throw Malformed(description: "the entity &\(name); is not known")
                }
                return String(Character(scalar))
            }
        }
    }

    /// Text with the five special characters replaced.
    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&apos;"
            case _ where scalar.value < 0x20: out += "&#\(scalar.value);"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
