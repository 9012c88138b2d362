/// A condition over features, such as `card_users_7d >= 3 and not in_store`, in the order in which it is worked out.
///
/// `or` binds weakest, then `and`, then `not`; parentheses group. A comparison is a feature, one of `<`, `<=`, `>`,
/// `>=`, `==`, `!=`, and a number or another feature; a feature alone holds when it is not 0.
struct FraudCondition: Sendable {
    /// What is wrong with a text.
    struct Fault: Error {
        let what: String
    }

    enum Code: UInt8 { case less, atMost, more, atLeast, equal, different, and, or, not, must, end }

    /// One step; comparisons push what they find, the others take one or two and push one. `must` takes one: when it
    /// is false, so is the condition.
    struct Step {
        var code: Code
        /// The feature on the left.
        var left: UInt8 = 0
        /// The feature on the right; 255 for `number`.
        var right: UInt8 = 255
        var number: Float = 0
    }

    let steps: [Step]
    /// The most steps of one condition, and the deepest nesting: what is on the stack is one bit of a word.
    static let stepsMax = 60

    init(_ text: String) throws(Fault) {
        var parser = Parser(try Parser.words(text))
        try parser.condition()
        guard parser.at == parser.words.count else {
            throw Fault(what: "'\(parser.words[parser.at])' does not belong there")
        }
        steps = parser.steps
    }

    /// Whether a condition holds for a row of features: the one whose steps begin at a place, and are followed by an
    /// `end`.
    @inline(__always)
    static func holds(_ steps: UnsafeBufferPointer<Step>, from begin: Int, _ row: UnsafePointer<Float>) -> Bool {
        // The stack of truths, the top lowest.
        var stack: UInt64 = 0
        var at = begin
        while true {
            let step = steps[at]
            at &+= 1
            let left = row[Int(step.left)]
            let right = step.right == 255 ? step.number : row[Int(step.right)]
            switch step.code {
            case .less: stack = stack << 1 | (left < right ? 1 : 0)
            case .atMost: stack = stack << 1 | (left <= right ? 1 : 0)
            case .more: stack = stack << 1 | (left > right ? 1 : 0)
            case .atLeast: stack = stack << 1 | (left >= right ? 1 : 0)
            case .equal: stack = stack << 1 | (left == right ? 1 : 0)
            case .different: stack = stack << 1 | (left != right ? 1 : 0)
            case .and: stack = ((stack >> 2) << 1) | (stack & (stack >> 1) & 1)
            case .or: stack = ((stack >> 2) << 1) | ((stack | (stack >> 1)) & 1)
            case .not: stack ^= 1
            case .must:
                if stack & 1 == 0 { return false }
                stack >>= 1
            case .end: return stack & 1 == 1
            }
        }
    }

    /// The bounds within which a feature must lie for a condition to hold: of its first comparison, where nothing but
    /// `and` follows at the top, else none. Most rules are ruled out by it, without a branch.
    struct First: Sendable {
        let low: Float
        let high: Float
        let feature: Int
        /// Where the condition's steps begin.
        let begin: Int

        init(_ condition: FraudCondition, begin: Int) {
            let steps = condition.steps
            self.begin = begin
            feature = Int(steps[0].left)
            let isFirst = steps.count == 1 || steps[1].code == .must
            let number = steps[0].number
            switch steps[0].code {
            case .less where isFirst && steps[0].right == 255: (low, high) = (-.infinity, number.nextDown)
            case .atMost where isFirst && steps[0].right == 255: (low, high) = (-.infinity, number)
            case .more where isFirst && steps[0].right == 255: (low, high) = (number.nextUp, .infinity)
            case .atLeast where isFirst && steps[0].right == 255: (low, high) = (number, .infinity)
            case .equal where isFirst && steps[0].right == 255: (low, high) = (number, number)
            default: (low, high) = (-.infinity, .infinity)
            }
        }

        /// Of which conditions the first comparison holds, one bit each, the first one lowest.
        @inline(__always)
        static func holding(_ firsts: UnsafeBufferPointer<First>, _ row: UnsafePointer<Float>) -> UInt64 {
            var holding: UInt64 = 0
            for (place, first) in firsts.enumerated() {
                let value = row[first.feature]
                let holds: UInt64 = value >= first.low ? 1 : 0
                let bounded: UInt64 = value <= first.high ? 1 : 0
                holding |= (holds & bounded) &<< UInt64(place)
            }
            return holding
        }
    }

    private struct Parser {
        let words: [String]
        var at = 0
        var steps: [Step] = []

        init(_ words: [String]) { self.words = words }

        static func words(_ text: String) throws(Fault) -> [String] {
            var words: [String] = []
            var word = ""
            func isWordCharacter(_ c: Character) -> Bool {
                c.isASCII && (c.isLetter || c.isNumber || c == "_" || c == "." || c == "-")
            }
            for character in text {
                if isWordCharacter(character), word.allSatisfy(isWordCharacter) {
                    word.append(character)
                } else if character == "=", ["<", ">", "=", "!"].contains(word) {
                    word.append(character)
                } else {
                    if !word.isEmpty { words.append(word) }
                    word = ""
                    if character.isWhitespace { continue }
                    guard "<>=!()".contains(character) || isWordCharacter(character) else {
                        throw Fault(what: "'\(character)' means nothing here")
                    }
                    word = String(character)
                    if "()".contains(character) {
                        words.append(word)
                        word = ""
                    }
                }
            }
            if !word.isEmpty { words.append(word) }
            return words
        }

        private mutating func take(_ word: String) -> Bool {
            guard at < words.count, words[at] == word else { return false }
            at += 1
            return true
        }

        private mutating func add(_ step: Step) throws(Fault) {
            guard steps.count < FraudCondition.stepsMax else { throw Self.tooLong }
            steps.append(step)
        }

        /// The whole: what `and` joins at the top ends the condition as soon as one part is false.
        mutating func condition() throws(Fault) {
            var ends: [Int] = []
            try one(0)
            while take("and") {
                ends.append(steps.count)
                try one(0)
            }
            guard at < words.count, words[at] == "or" else {
                let parts = zip([0] + ends, ends + [steps.count]).map { Array(steps[$0..<$1]) }
                steps = Array(parts.joined(separator: [Step(code: .must)]))
                guard steps.count <= FraudCondition.stepsMax else { throw Self.tooLong }
                return
            }
            (at, steps) = (0, [])
            try alternatives(0)
        }

        private static let tooLong = Fault(what: "it has more than \(FraudCondition.stepsMax) parts")

        mutating func alternatives(_ depth: Int) throws(Fault) {
            try all(depth)
            while take("or") {
                try all(depth)
                try add(Step(code: .or))
            }
        }

        private mutating func all(_ depth: Int) throws(Fault) {
            try one(depth)
            while take("and") {
                try one(depth)
                try add(Step(code: .and))
            }
        }

        private mutating func one(_ depth: Int) throws(Fault) {
            guard depth < FraudCondition.stepsMax else { throw Fault(what: "it nests too deep") }
            if take("not") {
                try one(depth + 1)
                try add(Step(code: .not))
            } else if take("(") {
                try alternatives(depth + 1)
                guard take(")") else { throw Fault(what: "a ) is missing") }
            } else {
                try comparison()
            }
        }

        private mutating func comparison() throws(Fault) {
            guard at < words.count else { throw Fault(what: "it ends where a feature should stand") }
            guard let feature = FraudFeature(name: words[at]) else {
                throw Fault(what: "there is no feature '\(words[at])'")
            }
            at += 1
            let codes: [String: Code] = [
                "<": .less, "<=": .atMost, ">": .more, ">=": .atLeast, "==": .equal, "!=": .different,
            ]
            guard at < words.count, let code = codes[words[at]] else {
                if at < words.count, ["=", "!"].contains(words[at]) {
                    throw Fault(what: "'\(words[at])' is no comparison: use ==, !=, <, <=, > or >=")
                }
                return try add(Step(code: .different, left: UInt8(feature.index)))
            }
            at += 1
            guard at < words.count else { throw Fault(what: "it ends where a number should stand") }
            if let number = Float(words[at]), number.isFinite {
                try add(Step(code: code, left: UInt8(feature.index), number: number))
            } else if let other = FraudFeature(name: words[at]) {
                try add(Step(code: code, left: UInt8(feature.index), right: UInt8(other.index)))
            } else {
                throw Fault(what: "'\(words[at])' is neither a number nor a feature")
            }
            at += 1
        }
    }
}
