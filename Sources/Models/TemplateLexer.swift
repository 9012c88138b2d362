/// Cuts a template into text, expressions `{{ }}`, statements `{% %}` and comments `{# #}`, which are dropped. A `-` inside
/// of a bracket trims the white space on that side.
struct TemplateLexer {
    enum Piece: Equatable {
        case text(String)
        case expression([Token], line: Int)
        case statement([Token], line: Int)
    }

    enum Token: Equatable {
        case name(String)
        case string(String)
        case number(Int)
        /// One of `( ) [ ] { } , : . = == != < <= > >= ~ + - * / // % |`.
        case symbol(String)
    }

    private let characters: [Character]
    private let file: String
    private var position = 0
    private var line = 1

    init(_ text: String, file: String) {
        characters = Array(text)
        self.file = file
    }

    mutating func pieces() throws -> [Piece] {
        var pieces: [Piece] = []
        var text = ""
        var trimsNext = false
        func flush(trimmingEnd: Bool) {
            if trimmingEnd { while text.last?.isWhitespace == true { text.removeLast() } }
            if !text.isEmpty { pieces.append(.text(text)) }
            text = ""
        }
        while position < characters.count {
            guard let closing = Self.closings[peek(2)] else {
                if trimsNext && characters[position].isWhitespace {
                    advance()
                } else {
                    trimsNext = false
                    text.append(characters[position])
                    advance()
                }
                continue
            }
            let opening = peek(2)
            let start = line
            advance(2)
            let trimsBefore = peek(1) == "-"
            if trimsBefore { advance() }
            flush(trimmingEnd: trimsBefore)
            if opening == "{#" {
                while position < characters.count && peek(2) != closing { advance() }
                guard position < characters.count else { throw failure("a comment is not closed", at: start) }
                trimsNext = characters[position - 1] == "-"
                advance(2)
                continue
            }
            let tokens = try tokens(until: closing, from: start)
            trimsNext = characters[position - 3] == "-"
            pieces.append(opening == "{{" ? .expression(tokens, line: start) : .statement(tokens, line: start))
        }
        flush(trimmingEnd: false)
        return pieces
    }

    private static let closings = ["{{": "}}", "{%": "%}", "{#": "#}"]
    private static let pairs: Set = ["==", "!=", "<=", ">=", "//"]
    private static let escapes: [Character: Character] = ["n": "\n", "t": "\t"]

    private mutating func tokens(until closing: String, from start: Int) throws -> [Token] {
        var tokens: [Token] = []
        var depth = 0
        while position < characters.count {
            let character = characters[position]
            // `}}` also ends a dictionary inside of a call: only outside of brackets it closes.
            if depth == 0, peek(2) == closing || peek(3) == "-" + closing {
                advance(peek(1) == "-" ? 3 : 2)
                return tokens
            }
            if character.isWhitespace {
                advance()
            } else if character == "'" || character == "\"" {
                tokens.append(.string(try quoted(by: character)))
            } else if character.isNumber {
                tokens.append(.number(try number()))
            } else if character.isLetter || character == "_" {
                tokens.append(.name(word()))
            } else {
                let symbol = Self.pairs.contains(peek(2)) ? peek(2) : String(character)
                guard "()[]{},:.=~+-*/%<>|".contains(character) || symbol.count == 2 else {
                    throw failure("\"\(character)\" is not understood", at: line)
                }
                if "([{".contains(character) { depth += 1 }
                if ")]}".contains(character) { depth -= 1 }
                tokens.append(.symbol(symbol))
                advance(symbol.count)
            }
        }
        throw failure("a bracket is not closed by \(closing)", at: start)
    }

    private mutating func quoted(by quote: Character) throws -> String {
        let start = line
        advance()
        var text = ""
        while position < characters.count, characters[position] != quote {
            if characters[position] == "\\", position + 1 < characters.count {
                advance()
                text.append(Self.escapes[characters[position]] ?? characters[position])
            } else {
                text.append(characters[position])
            }
            advance()
        }
        guard position < characters.count else { throw failure("a string is not closed", at: start) }
        advance()
        return text
    }

    private mutating func number() throws -> Int {
        let digits = word()
        guard let value = Int(digits) else { throw failure("\"\(digits)\" is not a whole number", at: line) }
        return value
    }

    private mutating func word() -> String {
        var text = ""
        while position < characters.count,
            characters[position].isLetter || characters[position].isNumber || characters[position] == "_"
        {
            text.append(characters[position])
            advance()
        }
        return text
    }

    private func peek(_ count: Int) -> String {
        String(characters[position..<min(characters.count, position + count)])
    }

    private mutating func advance(_ count: Int = 1) {
        for _ in 0..<count where position < characters.count {
            if characters[position].isNewline { line += 1 }
            position += 1
        }
    }

    private func failure(_ what: String, at line: Int) -> ModelError {
        ModelError(.project, "\(file):\(line): \(what)")
    }
}
