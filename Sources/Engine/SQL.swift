/// Words of SQL made from text, so that no name or value can end its quotes.
public enum SQL {
    /// A quoted name.
    public static func identifier(_ name: String) -> String {
        "\"" + doubled(name, "\"") + "\""
    }

    /// A quoted string.
    public static func literal(_ text: String) -> String {
        "'" + doubled(text, "'") + "'"
    }

    /// A list of strings, `['a', 'b']`.
    public static func list(_ texts: [String]) -> String {
        "[" + texts.map(literal).joined(separator: ", ") + "]"
    }

    private static func doubled(_ text: String, _ quote: Character) -> String {
        guard text.contains(quote) else { return text }
        return String(text.flatMap { $0 == quote ? [$0, $0] : [$0] })
    }
}
