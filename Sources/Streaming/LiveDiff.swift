/// What has changed from one JSON text to another, as JSON: the form that docs/live.md describes.
///
/// - A text, number, true, false or null is the new value.
/// - A list of one is the new value in it, whatever that is; an empty list takes a member away.
/// - An object changes what is there: of an object the members that it names; of a list its rows, each known by the
///   member that `by` names: `rows` has what changed by key, `order` the keys of the rows in their order, where that has
///   changed or rows came or went.
package struct LiveDiff {
    /// The lists whose rows are known by one of their members: the list's name, and that member's.
    package typealias RowKeys = [(list: [UInt8], key: [UInt8])]

    private let old: JSONTree
    private let new: JSONTree
    private let keys: RowKeys
    private var text: [UInt8] = []

    private init(_ old: JSONTree, _ new: JSONTree, _ keys: RowKeys) {
        (self.old, self.new, self.keys) = (old, new, keys)
        text.reserveCapacity(4_096)
    }

    /// The changes between two texts.
    package static func between(_ old: JSONTree, _ new: JSONTree, keys: RowKeys) -> [UInt8] {
        var diff = LiveDiff(old, new, keys)
        if diff.isSame(0, 0), old.nodes[0].kind == .object { return Array("{}".utf8) }
        diff.change(0, 0)
        return diff.text
    }

    /// Names as they stand in a text.
    package static func rowKeys(_ names: KeyValuePairs<String, String>) -> RowKeys {
        names.map { (Array("\"\($0.key)\"".utf8), Array("\"\($0.value)\"".utf8)) }
    }

    /// Writes what makes the one value the other.
    private mutating func change(_ a: Int, _ b: Int) {
        let begin = text.count
        let told: Bool
        switch (old.nodes[a].kind, new.nodes[b].kind) {
        case (.object, .object): told = members(a, b)
        case (.list, .list): told = rows(a, b)
        default: told = false
        }
        // Where nearly everything changed, the whole is shorter.
        guard !told || text.count - begin > new.nodes[b].value.count + 2 else { return }
        text.removeSubrange(begin...)
        whole(b)
    }

    private mutating func whole(_ b: Int) {
        let node = new.nodes[b]
        if node.kind != .scalar { put("[") }
        text += new.text[node.value]
        if node.kind != .scalar { put("]") }
    }

    private mutating func members(_ a: Int, _ b: Int) -> Bool {
        put("{")
        var isFirst = true
        // The members most often stand in the same order in both.
        var expected = a + 1
        let end = old.nodes[a].next
        for member in new.children(of: b) {
            let name = new.text[new.nodes[member].name]
            var before: Int?
            if expected < end, old.text[old.nodes[expected].name] == name {
                before = expected
            } else {
                before = old.member(name, of: a)
            }
            if let before {
                expected = old.nodes[before].next
                if isSame(before, member) { continue }
            }
            begin(name, &isFirst)
            if let before { change(before, member) } else { whole(member) }
        }
        for member in old.children(of: a) {
            let name = old.text[old.nodes[member].name]
            guard new.member(name, of: b) == nil else { continue }
            begin(name, &isFirst)
            put("[]")
        }
        put("}")
        return true
    }

    /// Whether the rows could be told by their keys.
    private mutating func rows(_ a: Int, _ b: Int) -> Bool {
        let name = new.text[new.nodes[b].name]
        guard let key = keys.first(where: { $0.list[...] == name })?.key,
            let before = LiveDiff.index(old, a, key), let after = LiveDiff.index(new, b, key)
        else { return false }
        put("{\"by\":")
        text += key
        if before.order != after.order {
            put(",\"order\":[")
            for (place, row) in after.order.enumerated() {
                if place > 0 { put(",") }
                text += row
            }
            put("]")
        }
        var isFirst = true
        for (row, place) in zip(after.order, new.children(of: b)) {
            let known = before.rows[row]
            if let known, isSame(known, place) { continue }
            if isFirst { put(",\"rows\":{") } else { put(",") }
            isFirst = false
            text += row
            put(":")
            if let known { change(known, place) } else { whole(place) }
        }
        put(isFirst ? "}" : "}}")
        return true
    }

    /// The keys of a list's rows in their order, and the row of each; nil where a row has none or two have the same.
    private static func index(
        _ tree: JSONTree, _ list: Int, _ key: [UInt8]
    ) -> (order: [ArraySlice<UInt8>], rows: [ArraySlice<UInt8>: Int])? {
        var order: [ArraySlice<UInt8>] = []
        var rows: [ArraySlice<UInt8>: Int] = [:]
        for row in tree.children(of: list) {
            guard let member = tree.member(key[...], of: row) else { return nil }
            let text = tree.text[tree.nodes[member].value]
            guard text.first == UInt8(ascii: "\""), rows.updateValue(row, forKey: text) == nil else { return nil }
            order.append(text)
        }
        return (order, rows)
    }

    private func isSame(_ a: Int, _ b: Int) -> Bool {
        let (x, y) = (old.nodes[a].value, new.nodes[b].value)
        return x.count == y.count && old.text[x] == new.text[y]
    }

    private mutating func begin(_ name: ArraySlice<UInt8>, _ isFirst: inout Bool) {
        if !isFirst { put(",") }
        isFirst = false
        text += name
        put(":")
    }

    private mutating func put(_ words: StaticString) {
        text.append(contentsOf: UnsafeBufferPointer(start: words.utf8Start, count: words.utf8CodeUnitCount))
    }
}
