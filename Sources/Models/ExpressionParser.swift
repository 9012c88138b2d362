/// Reads the tokens of one bracket.
struct ExpressionParser {
    private let tokens: [TemplateLexer.Token]
    private let file: String
    private let line: Int
    private var position = 0
    private var depth = 0

    init(_ tokens: [TemplateLexer.Token], file: String, line: Int) {
        self.tokens = tokens
        self.file = file
        self.line = line
    }

    mutating func whole() throws -> TemplateExpression {
        var expression = try conditional()
        // A tuple without brackets.
        if peek() == .symbol(",") {
            var items = [expression]
            while take(",") { items.append(try conditional()) }
            expression = .list(items)
        }
        try end()
        return expression
    }

    func end() throws {
        guard position == tokens.count else { throw failure("something follows the expression") }
    }

    mutating func name() throws -> String {
        guard case .name(let word)? = next() else { throw failure("a name is missing") }
        return word
    }

    mutating func expect(name word: String) throws {
        guard next() == .name(word) else { throw failure("\"\(word)\" is missing") }
    }

    /// `(a, b='x')` of a macro.
    mutating func parameters() throws -> [(name: String, fallback: TemplateExpression?)] {
        try expect("(")
        var parameters: [(name: String, fallback: TemplateExpression?)] = []
        while !take(")") {
            let name = try name()
            parameters.append((name, take("=") ? try conditional() : nil))
            if !take(",") {
                try expect(")")
                break
            }
        }
        return parameters
    }

    private mutating func conditional() throws -> TemplateExpression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= TemplateParser.depthMax else { throw failure("the expression is nested too deeply") }
        let then = try or()
        guard take(name: "if") else { return then }
        let when = try or()
        return .conditional(then, when: when, otherwise: take(name: "else") ? try conditional() : nil)
    }

    private mutating func or() throws -> TemplateExpression {
        var left = try and()
        while take(name: "or") { left = .or(left, try and()) }
        return left
    }

    private mutating func and() throws -> TemplateExpression {
        var left = try not()
        while take(name: "and") { left = .and(left, try not()) }
        return left
    }

    private mutating func not() throws -> TemplateExpression {
        var isNot = false
        while take(name: "not") { isNot.toggle() }
        let inner = try comparison()
        return isNot ? .not(inner) : inner
    }

    private mutating func comparison() throws -> TemplateExpression {
        var left = try sum()
        while true {
            if let sign = ["==", "!=", "<=", ">=", "<", ">"].first(where: { peek() == .symbol($0) }) {
                position += 1
                left = .compared(left, sign, try sum())
            } else if take(name: "in") {
                left = .compared(left, "in", try sum())
            } else if peek() == .name("not"), position + 1 < tokens.count, tokens[position + 1] == .name("in") {
                position += 2
                left = .compared(left, "not in", try sum())
            } else if take(name: "is") {
                let isNot = take(name: "not")
                let test = try name()
                let found: TemplateExpression
                switch test {
                case "none": found = .isNone(left)
                case "defined": found = .isDefined(left)
                case "undefined": found = .not(.isDefined(left))
                default: throw failure("the test \"is \(test)\" is not supported (none, defined and undefined are)")
                }
                left = isNot ? .not(found) : found
            } else {
                return left
            }
        }
    }

    /// Left to right, of the signs that bind equally.
    private mutating func row(
        _ signs: [String], _ part: (inout ExpressionParser) throws -> TemplateExpression
    ) throws -> TemplateExpression {
        var left = try part(&self)
        while let sign = signs.first(where: { peek() == .symbol($0) }) {
            position += 1
            left = .computed(left, sign, try part(&self))
        }
        return left
    }

    private mutating func sum() throws -> TemplateExpression {
        try row(["+", "-"]) { try $0.row(["~"]) { try $0.row(["*", "/", "//", "%"]) { try $0.postfix() } } }
    }

    private mutating func postfix() throws -> TemplateExpression {
        if take("-") {
            guard case .number(let value)? = next() else { throw failure("- needs a number after it") }
            return .value(.number(-value))
        }
        var expression = try primary()
        while true {
            if take(".") {
                expression = .attribute(expression, try name())
            } else if take("[") {
                expression = .index(expression, try conditional())
                try expect("]")
            } else if take("(") {
                expression = try call(expression)
            } else if take("|") {
                let filter = try name()
                var arguments: [TemplateExpression] = []
                if take("(") {
                    guard case .call(_, let plain, let named) = try call(.name(filter)), named.isEmpty else {
                        throw failure("the filter \(filter) takes no arguments by name")
                    }
                    arguments = plain
                }
                expression = .filter(expression, filter, arguments)
            } else {
                return expression
            }
        }
    }

    private mutating func call(_ callee: TemplateExpression) throws -> TemplateExpression {
        var plain: [TemplateExpression] = []
        var named: [String: TemplateExpression] = [:]
        while !take(")") {
            if case .name(let name)? = peek(), position + 1 < tokens.count, tokens[position + 1] == .symbol("=") {
                position += 2
                named[name] = try conditional()
            } else {
                plain.append(try conditional())
            }
            if !take(",") {
                try expect(")")
                break
            }
        }
        return .call(callee, plain, named: named)
    }

    private mutating func primary() throws -> TemplateExpression {
        switch next() {
        case .string(let text): return .value(.string(text))
        case .number(let value): return .value(.number(value))
        case .name("true"), .name("True"): return .value(.bool(true))
        case .name("false"), .name("False"): return .value(.bool(false))
        case .name("none"), .name("None"): return .value(.none)
        case .name(let word): return .name(word)
        case .symbol("("):
            return try bracketed()
        case .symbol("["):
            var items: [TemplateExpression] = []
            while !take("]") {
                items.append(try conditional())
                if !take(",") {
                    try expect("]")
                    break
                }
            }
            return .list(items)
        case .symbol("{"): return try dictionary()
        default: throw failure("an expression is missing")
        }
    }

    /// What follows an opening bracket: an expression, or a tuple, which is a list here.
    private mutating func bracketed() throws -> TemplateExpression {
        if take(")") { return .list([]) }
        let first = try conditional()
        guard peek() == .symbol(",") else {
            try expect(")")
            return first
        }
        var items = [first]
        while take(","), peek() != .symbol(")") { items.append(try conditional()) }
        try expect(")")
        return .list(items)
    }

    private mutating func dictionary() throws -> TemplateExpression {
        var items: [(key: String, value: TemplateExpression)] = []
        while !take("}") {
            guard case .string(let key)? = next() else { throw failure("a dictionary needs strings as keys") }
            try expect(":")
            items.append((key, try conditional()))
            if !take(",") {
                try expect("}")
                break
            }
        }
        return .dictionary(items)
    }

    private func peek() -> TemplateLexer.Token? {
        position < tokens.count ? tokens[position] : nil
    }

    private mutating func next() -> TemplateLexer.Token? {
        defer { position += 1 }
        return peek()
    }

    mutating func take(_ symbol: String) -> Bool {
        guard peek() == .symbol(symbol) else { return false }
        position += 1
        return true
    }

    private mutating func take(name: String) -> Bool {
        guard peek() == .name(name) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ symbol: String) throws {
        guard take(symbol) else { throw failure("\"\(symbol)\" is missing") }
    }

    private func failure(_ what: String) -> ModelError {
        ModelError(.project, "\(file):\(line): \(what)")
    }
}
