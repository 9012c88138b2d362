import EventLog
import Events
import Foundation
import Streaming
import Testing

/// A JSON value, for applying diffs the way that docs/live.md tells a client to.
indirect enum JSONValue: Equatable {
    case scalar(String)
    case object([String: JSONValue])
    case list([JSONValue])

    init(_ text: [UInt8]) throws {
        let tree = try #require(JSONTree(text))
        self = JSONValue.read(tree, 0)
    }

    private static func read(_ tree: JSONTree, _ node: Int) -> JSONValue {
        switch tree.nodes[node].kind {
        case .scalar: .scalar(String(decoding: tree.text[tree.nodes[node].value], as: UTF8.self))
        case .list: .list(tree.children(of: node).map { read(tree, $0) })
        case .object:
            .object(
                Dictionary(
                    uniqueKeysWithValues: tree.children(of: node).map {
                        (String(decoding: tree.text[tree.nodes[$0].name], as: UTF8.self), read(tree, $0))
                    }))
        }
    }

    /// The value with its changes; nil where it was taken away.
    static func apply(_ changes: JSONValue, to old: JSONValue?) throws -> JSONValue? {
        switch (changes, old) {
        case (.scalar, _): return changes
        case (.list(let values), _):
            #expect(values.count <= 1)
            return values.first
        case (.object(let changes), .object(var members)?):
            for (name, change) in changes { members[name] = try apply(change, to: members[name]) }
            return .object(members)
        case (.object(let changes), .list(let rows)?):
            guard case .scalar(let by)? = changes["\"by\""] else { throw JSONError() }
            func key(_ row: JSONValue) throws -> String {
                guard case .object(let members) = row, case .scalar(let key)? = members[by] else { throw JSONError() }
                return key
            }
            var known = Dictionary(uniqueKeysWithValues: try rows.map { (try key($0), $0) })
            var order = try rows.map(key)
            if case .object(let changed)? = changes["\"rows\""] {
                for (key, change) in changed { known[key] = try apply(change, to: known[key]) }
            }
            if case .list(let keys)? = changes["\"order\""] {
                order = try keys.map {
                    guard case .scalar(let key) = $0 else { throw JSONError() }
                    return key
                }
            }
            return .list(try order.map { try #require(known[$0]) })
        default: throw JSONError()
        }
    }

    struct JSONError: Error {}

    /// The text, members in order of their names.
    var text: String {
        switch self {
        case .scalar(let text): text
        case .list(let values): "[\(values.map(\.text).joined(separator: ","))]"
        case .object(let members):
            "{\(members.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.text)" }.joined(separator: ","))}"
        }
    }
}

@Suite struct LiveDiffTests {
    private static let keys = LiveDiff.rowKeys(["rows": "id", "minutes": "minute"])

    /// Values, and values that differ from them a little, of all that JSON has.
    private struct Maker {
        var numbers: SplitMix
        private static let names = ["rows", "minutes", "a", "b", "order", "by", "-", "\u{e9}\u{20ac}", "x y"]
        private static let keys = ["1", "2", "rows", "order", "=", "", "\\\"", "\\u0000", "__proto__", "{", "]", ","]

        mutating func below(_ count: Int) -> Int { Int(numbers.next() % UInt64(count)) }

        mutating func value(_ depth: Int) -> JSONValue {
            switch below(depth > 3 ? 5 : 8) {
            case 0: return .scalar("null")
            case 1: return .scalar(["true", "false"][below(2)])
            case 2: return .scalar("\(below(1_000) - 500)")
            case 3: return .scalar("\(below(100)).5e-\(below(9))")
            case 4: return .scalar("\"\(Maker.keys[below(Maker.keys.count)])\"")
            case 5: return .list((0..<below(4)).map { _ in value(depth + 1) })
            default: return object(depth)
            }
        }

        mutating func object(_ depth: Int) -> JSONValue {
            var members: [String: JSONValue] = [:]
            for _ in 0..<below(6) {
                let name = Maker.names[below(Maker.names.count)]
                members["\"\(name)\""] =
                    below(2) == 0 ? table(depth + 1, by: name == "rows" ? "id" : "minute") : value(depth + 1)
            }
            return .object(members)
        }

        /// Rows that most often have a key of their own.
        mutating func table(_ depth: Int, by key: String) -> JSONValue {
            guard depth < 4 else { return .list([]) }
            var rows: [JSONValue] = []
            for name in Maker.keys.shuffled(using: &numbers).prefix(below(6)) {
                guard case .object(var row) = object(depth + 1) else { continue }
                if below(40) > 0 { row["\"\(key)\""] = .scalar(below(40) > 0 ? "\"\(name)\"" : "7") }
                rows.append(.object(row))
                if below(60) == 0 { rows.append(.object(row)) }
            }
            return .list(rows)
        }

        /// The same, most of it.
        mutating func changed(_ value: JSONValue, _ depth: Int) -> JSONValue {
            if below(12) == 0 { return self.value(depth) }
            switch value {
            case .scalar: return below(4) == 0 ? self.value(4) : value
            case .list(var values):
                if !values.isEmpty, below(5) == 0 { values.remove(at: below(values.count)) }
                if below(6) == 0 { values.shuffle(using: &numbers) }
                if below(8) == 0 { values.append(self.value(depth + 1)) }
                return .list(values.map { below(3) == 0 ? changed($0, depth + 1) : $0 })
            case .object(var members):
                for name in members.keys.sorted() {
                    if below(10) == 0 { members[name] = nil }
                    if let member = members[name], below(2) == 0 { members[name] = changed(member, depth + 1) }
                }
                if below(8) == 0 { members["\"new\""] = self.value(depth + 1) }
                return .object(members)
            }
        }
    }

    @Test(arguments: 1...20) func changesMakeTheOldValueExactlyTheNewOne(seed: UInt64) throws {
        var maker = Maker(numbers: SplitMix(seed: seed))
        var rowwise = 0
        for round in 0..<300 {
            var value = maker.object(0)
            for _ in 0..<4 {
                let next = maker.changed(value, 0)
                let (old, new) = (try tree(value), try tree(next))
                let changes = LiveDiff.between(old, new, keys: LiveDiffTests.keys)
                if String(decoding: changes, as: UTF8.self).contains("{\"by\":") { rowwise += 1 }
                let applied = try JSONValue.apply(JSONValue(changes), to: value)
                #expect(applied == next, "seed \(seed), round \(round): \(value.text) → \(next.text)")
                value = next
            }
        }
        #expect(rowwise > 20, "too few lists were told by their rows")
    }

    private func tree(_ value: JSONValue) throws -> JSONTree { try #require(JSONTree(Array(value.text.utf8))) }

    @Test func onlyWhatChangedIsTold() throws {
        func diff(_ old: String, _ new: String) throws -> String {
            let trees = (try #require(JSONTree(Array(old.utf8))), try #require(JSONTree(Array(new.utf8))))
            return String(decoding: LiveDiff.between(trees.0, trees.1, keys: LiveDiffTests.keys), as: UTF8.self)
        }
        let pad = String(repeating: "-", count: 100)
        #expect(try diff(#"{"a":1,"b":2}"#, #"{"a":1,"b":2}"#) == "{}")
        #expect(
            try diff("{\"a\":1,\"b\":null,\"c\":\"\(pad)\"}", "{\"a\":null,\"b\":2,\"c\":\"\(pad)\"}")
                == #"{"a":null,"b":2}"#)
        #expect(
            try diff("{\"a\":1,\"c\":\"\(pad)\"}", "{\"c\":\"\(pad)\",\"d\":{\"e\":[]}}") == #"{"d":[{"e":[]}],"a":[]}"#
        )
        #expect(
            try diff(
                "{\"rows\":[{\"id\":\"x\",\"n\":1,\"t\":\"\(pad)\"},{\"id\":\"y\",\"n\":1,\"t\":\"\(pad)\"}]}",
                "{\"rows\":[{\"id\":\"x\",\"n\":1,\"t\":\"\(pad)\"},{\"id\":\"y\",\"n\":2,\"t\":\"\(pad)\"}]}")
                == #"{"rows":{"by":"id","rows":{"y":{"n":2}}}}"#)
        #expect(
            try diff(
                "{\"rows\":[{\"id\":\"x\",\"t\":\"\(pad)\"},{\"id\":\"y\",\"t\":\"\(pad)\"}]}",
                "{\"rows\":[{\"id\":\"y\",\"t\":\"\(pad)\"},{\"id\":\"z\"}]}")
                == #"{"rows":{"by":"id","order":["y","z"],"rows":{"z":[{"id":"z"}]}}}"#)
    }

    @Test(arguments: [
        "", "{", "[1", "{\"a\"}", "{\"a\":}", "{a:1}", "[1,]", "1 ", "\"a", "{\"a\":1}}", "[,1]", "\"a\\",
        String(repeating: "[", count: 65) + String(repeating: "]", count: 65),
    ]) func whatIsNoJSONHasNoTree(text: String) { #expect(JSONTree(Array(text.utf8)) == nil) }
}
