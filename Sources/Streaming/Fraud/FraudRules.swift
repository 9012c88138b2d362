import Events
import Foundation
import Yams

/// What is wrong with a file of fraud rules.
public struct FraudRulesError: Error, CustomStringConvertible, Equatable {
    /// One line: the file, the line, what is wrong and what would be right.
    public let description: String
}

/// The rules for fraud scores: conditions over features, each with the points that it adds and the reason in words.
///
/// The file is YAML; `config/fraud-rules.yaml` is the one that is shipped, docs/fraud.md describes it.
public struct FraudRules: Sendable {
    /// One rule.
    public struct Rule: Sendable {
        /// Its name: lower-case letters, digits and `-`.
        public let name: String
        /// What it adds to the score when its condition holds: −100 to 100.
        public let points: Float
        /// Why, for people; `{feature}` stands for the feature's value.
        public let reason: String
        /// The condition as it is written.
        public let when: String
        let condition: FraudCondition
        let parts: [Part]

        enum Part: Sendable {
            case text(String)
            case feature(FraudFeature)
        }

        /// The reason with the values of a purchase's features in it.
        func words(_ row: UnsafePointer<Float>) -> String {
            parts.map { part in
                switch part {
                case .text(let text): text
                case .feature(let feature): FraudFeature.text(row[feature.index])
                }
            }.joined()
        }
    }

    /// The most rules: one bit each.
    public static let rulesMax = 64
    /// The largest file, in bytes.
    public static let fileBytes = 1 << 20

    /// The lowest score that raises an alert where the file says nothing of it.
    public static let alertScoreStandard = 30

    /// The rules in the order of the file.
    public let rules: [Rule]
    /// The lowest score that raises an alert.
    public let alertScore: Int
    /// Tells these conditions and points from others.
    let fingerprint: UInt64
    /// All conditions, one after the other.
    private let steps: [FraudCondition.Step]
    /// What must hold for each rule before its condition is looked at.
    private let firsts: [FraudCondition.First]

    /// No rules.
    public init() { self.init([], alertScore: FraudRules.alertScoreStandard) }

    private init(_ rules: [Rule], alertScore: Int) {
        self.rules = rules
        self.alertScore = alertScore
        let text = rules.map { "\($0.name)\n\($0.points)\n\($0.when)" }.joined(separator: "\n\n")
        fingerprint = KeyHash(text).high
        steps = rules.flatMap { $0.condition.steps + [FraudCondition.Step(code: .end)] }
        var begin = 0
        firsts = rules.map { rule in
            defer { begin += rule.condition.steps.count + 1 }
            return FraudCondition.First(rule.condition, begin: begin)
        }
    }

    /// The rules of a file.
    ///
    /// - Throws: `FraudRulesError` with the line when the file cannot be read or says something else.
    public init(path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw FraudRulesError(description: "\(path) cannot be read")
        }
        guard data.count <= FraudRules.fileBytes else {
            throw FraudRulesError(description: "\(path) is larger than \(FraudRules.fileBytes) bytes")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw FraudRulesError(description: "\(path) is not UTF-8")
        }
        try self.init(yaml: text, named: path)
    }

    /// The rules in a text.
    ///
    /// - Parameter name: what messages call it.
    public init(yaml text: String, named name: String) throws {
        func fail(_ node: Node?, _ what: String) -> FraudRulesError {
            FraudRulesError(description: "\(name):\(node?.mark?.line ?? 1): \(what)")
        }
        let root: Node
        do {
            guard let composed = try Yams.compose(yaml: text) else { throw fail(nil, "the file is empty") }
            root = composed
        } catch let error as YamlError {
            throw FraudRulesError(
                description: "\(name): \("\(error)".split(separator: "\n").joined(separator: " "))")
        }
        guard let members = root.mapping else {
            throw fail(root, "the file is a mapping of version, alert_score and rules")
        }
        for (key, _) in members where !["version", "alert_score", "rules"].contains(key.string ?? "") {
            throw fail(key, "'\(key.string ?? "?")' is none of version, alert_score, rules")
        }
        guard root["version"]?.int == 1 else { throw fail(root["version"] ?? root, "version must be 1") }
        var alertScore = FraudRules.alertScoreStandard
        if let node = root["alert_score"] {
            guard let score = node.int, (1...100).contains(score) else {
                throw fail(node, "alert_score must be a whole number from 1 to 100")
            }
            alertScore = score
        }
        guard let list = root["rules"]?.sequence else { throw fail(root["rules"] ?? root, "rules must be a list") }
        guard list.count <= FraudRules.rulesMax else {
            throw fail(root["rules"], "there are \(list.count) rules and at most \(FraudRules.rulesMax)")
        }
        var rules: [Rule] = []
        for node in list {
            let rule = try FraudRules.rule(node, fail)
            guard !rules.contains(where: { $0.name == rule.name }) else {
                throw fail(node, "there is a rule '\(rule.name)' already")
            }
            rules.append(rule)
        }
        self.init(rules, alertScore: alertScore)
    }

    private static func rule(_ node: Node, _ fail: (Node?, String) -> FraudRulesError) throws -> Rule {
        guard let members = node.mapping else { throw fail(node, "a rule is a mapping: name, when, points, reason") }
        for (key, _) in members where !["name", "when", "points", "reason"].contains(key.string ?? "") {
            throw fail(key, "'\(key.string ?? "?")' is none of name, when, points, reason")
        }
        func text(_ key: String) throws -> (Node, String) {
            guard let value = node[key], let text = value.scalar?.string, !text.isEmpty else {
                throw fail(node[key] ?? node, "the rule needs a text for \(key)")
            }
            return (value, text)
        }
        let (nameNode, name) = try text("name")
        let isPlain = name.utf8.allSatisfy {
            (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d
        }
        guard isPlain, name.utf8.count <= 64 else {
            throw fail(nameNode, "a name is up to 64 lower-case letters, digits and hyphens")
        }
        let (pointsNode, pointsText) = try text("points")
        guard let points = Float(pointsText), points.isFinite, abs(points) <= 100 else {
            throw fail(pointsNode, "points must be a number from -100 to 100")
        }
        let (conditionNode, conditionText) = try text("when")
        let condition: FraudCondition
        do {
            condition = try FraudCondition(conditionText)
        } catch {
            throw fail(conditionNode, "in the condition of \(name): \(error.what)")
        }
        let (reasonNode, reason) = try text("reason")
        return Rule(
            name: name, points: points, reason: reason, when: conditionText, condition: condition,
            parts: try parts(reason) { fail(reasonNode, "in the reason of \(name): \($0)") })
    }

    private static func parts(_ reason: String, _ fail: (String) -> FraudRulesError) throws -> [Rule.Part] {
        var parts: [Rule.Part] = []
        var rest = Substring(reason)
        while let open = rest.firstIndex(of: "{") {
            guard let close = rest[open...].firstIndex(of: "}") else { throw fail("a { without a }") }
            let name = String(rest[rest.index(after: open)..<close])
            guard let feature = FraudFeature(name: name) else { throw fail("there is no feature '\(name)'") }
            parts.append(.text(String(rest[..<open])))
            parts.append(.feature(feature))
            rest = rest[rest.index(after: close)...]
        }
        parts.append(.text(String(rest)))
        return parts
    }

    /// Which rules hold for a row: one bit each, the first rule lowest.
    @inline(__always)
    func holding(_ row: UnsafePointer<Float>) -> UInt64 {
        let possible = firsts.withUnsafeBufferPointer { FraudCondition.First.holding($0, row) }
        return possible == 0 ? 0 : holding(row, possible)
    }

    private func holding(_ row: UnsafePointer<Float>, _ possible: UInt64) -> UInt64 {
        var (left, holding) = (possible, UInt64(0))
        steps.withUnsafeBufferPointer { steps in
            while left != 0 {
                let rule = left.trailingZeroBitCount
                if FraudCondition.holds(steps, from: firsts[rule].begin, row) { holding |= 1 &<< UInt64(rule) }
                left &= left &- 1
            }
        }
        return holding
    }
}
