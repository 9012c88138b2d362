/// An expression of a template.
indirect enum TemplateExpression: Sendable {
    case value(TemplateValue)
    case name(String)
    case attribute(TemplateExpression, String)
    case index(TemplateExpression, TemplateExpression)
    case call(TemplateExpression, [TemplateExpression], named: [String: TemplateExpression])
    case filter(TemplateExpression, String, [TemplateExpression])
    case list([TemplateExpression])
    case dictionary([(key: String, value: TemplateExpression)])
    case not(TemplateExpression)
    case and(TemplateExpression, TemplateExpression)
    case or(TemplateExpression, TemplateExpression)
    /// `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `not in`.
    case compared(TemplateExpression, String, TemplateExpression)
    /// `+`, `-`, `*`, `/`, `//`, `%`, `~`.
    case computed(TemplateExpression, String, TemplateExpression)
    case isDefined(TemplateExpression)
    case isNone(TemplateExpression)
    /// `then if when else otherwise`.
    case conditional(TemplateExpression, when: TemplateExpression, otherwise: TemplateExpression?)
}

/// A part of a template.
indirect enum TemplateNode: Sendable {
    case text(String)
    case output(TemplateExpression, line: Int)
    case condition([(when: TemplateExpression?, then: [TemplateNode])], line: Int)
    case loop([String], TemplateExpression, [TemplateNode], otherwise: [TemplateNode], line: Int)
    case set(String, TemplateExpression, line: Int)
    case setBlock(String, [TemplateNode])
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
            var names = [try parser.name()]
            while parser.take(",") { names.append(try parser.name()) }
            try parser.expect(name: "in")
            let items = try parser.whole()
            let (body, end) = try block(until: ["else", "endfor"])
            let otherwise = end?.word == "else" ? try block(until: ["endfor"]).0 : []
            nodes.append(.loop(names, items, body, otherwise: otherwise, line: line))
        case "set":
            let name = try parser.name()
            if parser.take("=") {
                nodes.append(.set(name, try parser.whole(), line: line))
            } else {
                try parser.end()
                nodes.append(.setBlock(name, try block(until: ["endset"]).0))
            }
        case "macro", "test":
            let name = try parser.name()
            let parameters = try parser.parameters()
            let (body, _) = try block(until: ["end" + word])
            // dbt's own name for what a generic test is.
            let macro = word == "test" ? "test_" + name : name
            macros.append(TemplateMacro(name: macro, parameters: parameters, body: body, file: file))
        default:
            throw failure("the statement \(word) is not supported (if, for, set, macro and test are)", line)
        }
    }

    private func failure(_ what: String, _ line: Int) -> ModelError {
        ModelError(.project, "\(file)\(line > 0 ? ":\(line)" : ""): \(what)")
    }
}
