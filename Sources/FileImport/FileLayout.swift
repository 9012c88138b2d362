/// How the bytes of a file make rows and columns.
struct FileLayout: Sendable {
    enum Format: String, Sendable, CaseIterable {
        case csv, whitespace, ndjson
    }

    enum Encoding: String, Sendable, CaseIterable {
        case utf8, latin1, auto
    }

    var format = Format.csv
    var delimiter = UInt8(ascii: ",")
    /// nil when no character quotes.
    var quote: UInt8? = UInt8(ascii: "\"")
    var hasHeader = true
    /// The names given by the mapping; nil when the file's header gives them.
    var columns: [String]?
    var encoding = Encoding.utf8
    /// Texts that stand for an empty value, besides the empty text.
    var emptyValues: [[UInt8]] = []
    /// Whether numbers are written 2,55.
    var decimalComma = false
}
