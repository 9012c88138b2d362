import Foundation
import Yams

/// One value of a mapping's YAML with its key path, so that every complaint says where.
struct MappingNode {
    let node: Node
    let path: String
    let source: String

    /// The root of a YAML text.
    static func root(of yaml: String, source: String) throws(MappingError) -> MappingNode {
        func fault(_ problem: String) -> MappingError { MappingError(source: source, path: "", problem: problem) }
        guard yaml.utf8.count <= ImportLimits.mappingBytes else {
            throw fault(
                "is longer than \(ImportLimits.mappingBytes) bytes; a mapping describes a file, it does not hold one")
        }
        let composed: Node?
        do {
            composed = try Yams.compose(yaml: yaml)
        } catch {
            throw fault("is not valid YAML: \(oneLine(error))")
        }
        guard let composed else { throw fault("is empty; it needs name, format and events") }
        var budget = ImportLimits.mappingNodes
        guard isBounded(composed, &budget, depth: 0) else {
            throw fault(
                "has more than \(ImportLimits.mappingNodes) values or \(ImportLimits.mappingDepth) levels; make it smaller"
            )
        }
        return MappingNode(node: composed, path: "", source: source)
    }

    private static func oneLine(_ error: any Error) -> String {
        String(describing: error).split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty && $0 != "^" }.prefix(2).joined(separator: " ")
    }

    // Aliases share nodes, so a small file can describe an enormous tree: count while walking.
    private static func isBounded(_ node: Node, _ budget: inout Int, depth: Int) -> Bool {
        budget -= 1
        guard budget >= 0, depth <= ImportLimits.mappingDepth else { return false }
        switch node {
        case .scalar, .alias: return true
        case .sequence(let list):
            for child in list where !isBounded(child, &budget, depth: depth + 1) { return false }
            return true
        case .mapping(let pairs):
            for (key, value) in pairs {
                guard isBounded(key, &budget, depth: depth + 1), isBounded(value, &budget, depth: depth + 1) else {
                    return false
                }
            }
            return true
        }
    }

    func error(_ problem: String) -> MappingError { MappingError(source: source, path: path, problem: problem) }

    func child(_ key: String, _ node: Node) -> MappingNode {
        MappingNode(node: node, path: path.isEmpty ? key : "\(path).\(key)", source: source)
    }

    var isMap: Bool { if case .mapping = node { true } else { false } }

    /// The keys and values of a map, in the order they are written.
    func entries(_ expected: String) throws(MappingError) -> [(key: String, value: MappingNode)] {
        guard case .mapping(let pairs) = node else { throw error("must be \(expected)") }
        var result: [(key: String, value: MappingNode)] = []
        for (key, value) in pairs {
            guard case .scalar(let scalar) = key, !scalar.string.isEmpty else {
                throw error("every key must be a word")
            }
            result.append((scalar.string, child(scalar.string, value)))
        }
        return result
    }

    /// A map whose keys are all among `allowed`.
    func keys(_ allowed: [String], _ expected: String) throws(MappingError) -> [String: MappingNode] {
        var result: [String: MappingNode] = [:]
        for (key, value) in try entries(expected) {
            guard allowed.contains(key) else {
                throw error("unknown key '\(key)'; known keys are \(allowed.joined(separator: ", "))")
            }
            result[key] = value
        }
        return result
    }

    func list(_ expected: String) throws(MappingError) -> [MappingNode] {
        guard case .sequence(let nodes) = node else { throw error("must be \(expected)") }
        return nodes.enumerated().map { index, node in
            MappingNode(node: node, path: "\(path)[\(index)]", source: source)
        }
    }

    func scalar(_ expected: String) throws(MappingError) -> Node.Scalar {
        guard case .scalar(let scalar) = node else { throw error("must be \(expected)") }
        return scalar
    }

    func text(_ expected: String) throws(MappingError) -> String {
        let text = try scalar(expected).string
        guard !text.isEmpty else { throw error("is empty; it must be \(expected)") }
        return text
    }

    func texts(_ expected: String) throws(MappingError) -> [String] {
        var result: [String] = []
        for node in try list(expected) { result.append(try node.text("a text")) }
        guard !result.isEmpty else { throw error("is empty; it must be \(expected)") }
        return result
    }

    func bool() throws(MappingError) -> Bool {
        switch try scalar("yes or no").string {
        case "yes", "true": return true
        case "no", "false": return false
        case let other: throw error("must be yes or no, not '\(other)'")
        }
    }

    func integer(_ range: ClosedRange<Int>) throws(MappingError) -> Int {
        let text = try scalar("a whole number").string
        guard let value = Int(text), range.contains(value) else {
            throw error("must be a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
        }
        return value
    }

    func choice<Word: RawRepresentable & CaseIterable>(
        _ what: String, _: Word.Type
    ) throws(MappingError) -> Word where Word.RawValue == String {
        let known = Word.allCases.map(\.rawValue).joined(separator: ", ")
        let text = try text("one of \(known)")
        guard let word = Word(rawValue: text) else { throw error("unknown \(what) '\(text)'; use one of \(known)") }
        return word
    }

    /// The values of the tree in a form that two texts share exactly when they say the same: comments, indentation and
    /// quoting apart. Lengths come first, so that no text can imitate structure.
    func appendMeaning(to bytes: inout [UInt8], without skipped: String? = nil) {
        MappingNode.appendMeaning(of: node, to: &bytes, without: skipped)
    }

    private static func appendMeaning(of node: Node, to bytes: inout [UInt8], without skipped: String?) {
        switch node {
        case .scalar(let scalar):
            // A plain 5 or true is a number or a boolean, a quoted one a text; other words mean the same either way.
            let literal = scalar.jsonLiteral != nil
            bytes += Array("\(literal ? "#" : "$")\(scalar.string.utf8.count):\(scalar.string)".utf8)
        case .alias: break
        case .sequence(let list):
            bytes += Array("[\(list.count):".utf8)
            for child in list { appendMeaning(of: child, to: &bytes, without: nil) }
        case .mapping(let pairs):
            bytes += Array("{".utf8)
            for (key, value) in pairs where key.scalar?.string != skipped {
                appendMeaning(of: key, to: &bytes, without: nil)
                appendMeaning(of: value, to: &bytes, without: nil)
            }
            bytes += Array("}".utf8)
        }
    }
}

extension Node.Scalar {
    /// The number or boolean that a plain word is in JSON; nil for text.
    var jsonLiteral: [UInt8]? {
        guard style == .plain else { return nil }
        return JSONNumber.isConstant(string) || string == "true" || string == "false" ? Array(string.utf8) : nil
    }
}
