import Foundation

/// A JSON text together with where each of its values stands: what two texts are compared by.
package struct JSONTree: Sendable {
    /// What a value is.
    package enum Kind: Sendable {
        /// A text, a number, true, false or null.
        case scalar
        /// Members in braces.
        case object
        /// Values in brackets.
        case list
    }

    /// One value.
    package struct Node: Sendable {
        /// What it is.
        package let kind: Kind
        /// Where the member's name stands, with its quotes; empty where it is no member.
        package let name: Range<Int>
        /// Where the value stands.
        package fileprivate(set) var value: Range<Int>
        /// The first node behind it and all that is in it.
        package fileprivate(set) var next: Int
    }

    /// The deepest nesting that is read.
    package static let depthMax = 64

    /// The JSON text.
    package let text: [UInt8]
    /// All values in the order of the text; the first is the whole.
    package private(set) var nodes: [Node] = []

    /// Reads a text; nil where it is no JSON without white space between its parts, as an encoder writes it.
    package init?(_ text: [UInt8]) {
        self.text = text
        guard read(from: 0, name: 0..<0, depth: 0) == text.count else { return nil }
    }

    /// The nodes right below one.
    package func children(of parent: Int) -> some Sequence<Int> {
        sequence(
            state: parent + 1,
            next: { [nodes] (child: inout Int) in
                guard child < nodes[parent].next else { return nil }
                defer { child = nodes[child].next }
                return child
            })
    }

    /// The member of an object with a name, given with its quotes; nil where there is none.
    package func member(_ name: ArraySlice<UInt8>, of object: Int) -> Int? {
        guard nodes[object].kind == .object else { return nil }
        return children(of: object).first { text[nodes[$0].name] == name }
    }

    /// Reads the value that begins at an index; returns the index behind it, or nil where there is none.
    private mutating func read(from start: Int, name: Range<Int>, depth: Int) -> Int? {
        guard start < text.count, depth < JSONTree.depthMax else { return nil }
        let node = nodes.count
        let kind: Kind
        switch text[start] {
        case UInt8(ascii: "{"): kind = .object
        case UInt8(ascii: "["): kind = .list
        default: kind = .scalar
        }
        nodes.append(Node(kind: kind, name: name, value: start..<start, next: node + 1))
        let end = kind == .scalar ? scalarEnd(start) : elementsEnd(start, isObject: kind == .object, depth: depth)
        guard let end else { return nil }
        nodes[node].value = start..<end
        nodes[node].next = nodes.count
        return end
    }

    private mutating func elementsEnd(_ start: Int, isObject: Bool, depth: Int) -> Int? {
        let close = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
        var at = start + 1
        guard at < text.count else { return nil }
        if text[at] == close { return at + 1 }
        while true {
            var name = 0..<0
            if isObject {
                guard let end = stringEnd(at), end < text.count, text[end] == UInt8(ascii: ":") else { return nil }
                name = at..<end
                at = end + 1
            }
            guard let end = read(from: at, name: name, depth: depth + 1), end < text.count else { return nil }
            at = end + 1
            if text[end] == close { return at }
            guard text[end] == UInt8(ascii: ",") else { return nil }
        }
    }

    private func scalarEnd(_ start: Int) -> Int? {
        if text[start] == UInt8(ascii: "\"") { return stringEnd(start) }
        var at = start
        while at < text.count, !JSONTree.ends(text[at]) { at += 1 }
        return at > start ? at : nil
    }

    private func stringEnd(_ start: Int) -> Int? {
        guard start < text.count, text[start] == UInt8(ascii: "\"") else { return nil }
        var at = start + 1
        while at < text.count {
            switch text[at] {
            case UInt8(ascii: "\""): return at + 1
            case UInt8(ascii: "\\"): at += 2
            default: at += 1
            }
        }
        return nil
    }

    private static func ends(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ":"), UInt8(ascii: "\""),
            UInt8(ascii: "{"), UInt8(ascii: "["), 0...0x20:
            true
        default: false
        }
    }
}
