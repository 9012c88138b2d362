/// An expression of a template.
indirect enum TemplateExpression: Sendable {
    case value(TemplateValue)
    case name(String)
    case attribute(TemplateExpression, String)
    case call(String, [TemplateExpression], named: [String: TemplateExpression])
    case list([TemplateExpression])
    case dictionary([(key: String, value: TemplateExpression)])
    case not(TemplateExpression)
    case and(TemplateExpression, TemplateExpression)
    case or(TemplateExpression, TemplateExpression)
    case equal(TemplateExpression, TemplateExpression)
    case joined(TemplateExpression, TemplateExpression)
}

/// A part of a template.
indirect enum TemplateNode: Sendable {
    case text(String)
    case output(TemplateExpression, line: Int)
    case condition([(when: TemplateExpression?, then: [TemplateNode])], line: Int)
    case loop(String, TemplateExpression, [TemplateNode], line: Int)
}

/// A macro: named text with parameters.
struct TemplateMacro: Sendable {
    let name: String
    let parameters: [(name: String, fallback: TemplateExpression?)]
    let body: [TemplateNode]
    let file: String
}

/// Reads the pieces of a template into nodes. The subset of Jinja that is understood is listed in docs of `Template`.
struct TemplateParser {
    /// Deepest nesting of statements and expressions.
    static let depthMax = 64

    private(set) var macros: [TemplateMacro] = []
    private let pieces: [TemplateLexer.Piece]
    private let file: String
    private var position = 0
    private var depth = 0

    init(_ text: String, file: String) throws {
        var lexer = TemplateLexer(text, file: file)
        pieces = try lexer.pieces()
        self.file = file
    }

    mutating func nodes() throws -> [TemplateNode] {
        let (nodes, end) = try block(until: [])
        precondition(end == nil, "a block without an end word ends with the file")
        return nodes
    }

    /// The nodes up to one of the statements named, and that statement.
    private mutating func block(
        until ends: Set<String>
    ) throws -> ([TemplateNode], (word: String, tokens: ExpressionParser, line: Int)?) {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else { throw failure("statements are nested too deeply", 0) }
        var nodes: [TemplateNode] = []
        while position < pieces.count {
            let piece = pieces[position]
            position += 1
            switch piece {
            case .text(let text): nodes.append(.text(text))
            case .expression(let tokens, let line):
                var parser = ExpressionParser(tokens, file: file, line: line)
                nodes.append(.output(try parser.whole(), line: line))
            case .statement(let tokens, let line):
                var parser = ExpressionParser(tokens, file: file, line: line)
                let word = try parser.name()
                if ends.contains(word) { return (nodes, (word, parser, line)) }
                try statement(word, &parser, line, &nodes)
            }
        }
        guard ends.isEmpty else { throw failure("\(ends.sorted().joined(separator: " or ")) is missing", 0) }
        return (nodes, nil)
    }

    private mutating func statement(
        _ word: String, _ parser: inout ExpressionParser, _ line: Int, _ nodes: inout [TemplateNode]
    ) throws {
        switch word {
        case "if":
            var branches: [(when: TemplateExpression?, then: [TemplateNode])] = []
            var condition: TemplateExpression? = try parser.whole()
            while true {
                let hasElse = branches.last.map { $0.when == nil } ?? false
                let (body, end) = try block(until: condition == nil ? ["endif"] : ["elif", "else", "endif"])
                branches.append((condition, body))
                guard let end, !hasElse else { throw failure("endif is missing", line) }
                if end.word == "endif" { break }
                var rest = end.tokens
                condition = end.word == "elif" ? try rest.whole() : nil
            }
            nodes.append(.condition(branches, line: line))
        case "for":
            let name = try parser.name()
            try parser.expect(name: "in")
            let items = try parser.whole()
            let (body, _) = try block(until: ["endfor"])
            nodes.append(.loop(name, items, body, line: line))
        case "macro":
            let name = try parser.name()
            let parameters = try parser.parameters()
            let (body, _) = try block(until: ["endmacro"])
            macros.append(TemplateMacro(name: name, parameters: parameters, body: body, file: file))
        default:
            throw failure("the statement \(word) is not supported (if, for and macro are)", line)
        }
    }

    private func failure(_ what: String, _ line: Int) -> ModelError {
        ModelError(.project, "\(file)\(line > 0 ? ":\(line)" : ""): \(what)")
    }
}

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
        let expression = try or()
        guard position == tokens.count else { throw failure("something follows the expression") }
        return expression
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
            parameters.append((name, take("=") ? try or() : nil))
            if !take(",") {
                try expect(")")
                break
            }
        }
        return parameters
    }

    private mutating func or() throws -> TemplateExpression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= TemplateParser.depthMax else { throw failure("the expression is nested too deeply") }
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
        if take(name: "not") { return .not(try comparison()) }
        return try comparison()
    }

    private mutating func comparison() throws -> TemplateExpression {
        let left = try joined()
        if take("==") { return .equal(left, try joined()) }
        if take("!=") { return .not(.equal(left, try joined())) }
        return left
    }

    private mutating func joined() throws -> TemplateExpression {
        var left = try postfix()
        while take("~") || take("+") { left = .joined(left, try postfix()) }
        return left
    }

    private mutating func postfix() throws -> TemplateExpression {
        var expression = try primary()
        while true {
            if take(".") {
                expression = .attribute(expression, try name())
            } else if peek() == .symbol("("), case .name(let function) = expression {
                position += 1
                expression = try call(function)
            } else if peek() == .symbol("|") {
                throw failure("filters (|) are not supported")
            } else {
                return expression
            }
        }
    }

    private mutating func call(_ function: String) throws -> TemplateExpression {
        var plain: [TemplateExpression] = []
        var named: [String: TemplateExpression] = [:]
        while !take(")") {
            if case .name(let name)? = peek(), position + 1 < tokens.count, tokens[position + 1] == .symbol("=") {
                position += 2
                named[name] = try or()
            } else {
                plain.append(try or())
            }
            if !take(",") {
                try expect(")")
                break
            }
        }
        return .call(function, plain, named: named)
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
            let inner = try or()
            try expect(")")
            return inner
        case .symbol("["):
            var items: [TemplateExpression] = []
            while !take("]") {
                items.append(try or())
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

    private mutating func dictionary() throws -> TemplateExpression {
        var items: [(key: String, value: TemplateExpression)] = []
        while !take("}") {
            guard case .string(let key)? = next() else { throw failure("a dictionary needs strings as keys") }
            try expect(":")
            items.append((key, try or()))
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

    private mutating func take(_ symbol: String) -> Bool {
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
