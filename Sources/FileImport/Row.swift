/// One row of a file, its cells decoded to UTF-8. Reused from row to row.
struct Row {
    struct Cell {
        enum Kind: UInt8 {
            /// Not there, or JSON null.
            case missing
            case text
            /// A JSON number, as it is written.
            case number
            case boolean
            /// A JSON object or array where a value was expected.
            case other
        }

        var kind: Kind
        var start: Int32
        var end: Int32

        static let missing = Cell(kind: .missing, start: 0, end: 0)
    }

    /// The bytes of all cells.
    var text: [UInt8] = []
    /// All cells of a delimited row in the order of the file, or the named columns of a JSON row.
    var cells: [Cell] = []
    /// The cells of each list's elements, one element after the other.
    var lists: [[Cell]] = []

    mutating func clear() {
        text.removeAll(keepingCapacity: true)
        cells.removeAll(keepingCapacity: true)
        for index in lists.indices { lists[index].removeAll(keepingCapacity: true) }
    }

    mutating func closeCell(from start: Int) {
        cells.append(
            Cell(kind: .text, start: Int32(truncatingIfNeeded: start), end: Int32(truncatingIfNeeded: text.count)))
    }

    func string(_ index: Int) -> String {
        String(decoding: text[Int(cells[index].start)..<Int(cells[index].end)], as: UTF8.self)
    }
}

/// Why a row or event is not accepted, in the words of the contract.
enum Reason: Equatable {
    case missing(String)
    case wrongType(String)
    case badTimestamp, badMoney, badQuantity, notJSON, badUTF8, tooLarge, unknownType, emptyItems

    /// The line is no row of its format: an unclosed quote, text after a closing quote, another number of columns.
    static let notARow = Reason.wrongType("row")

    var text: String {
        switch self {
        case .missing(let name): "missing_field:\(name)"
        case .wrongType(let name): "wrong_type:\(name)"
        case .badTimestamp: "bad_timestamp"
        case .badMoney: "bad_money"
        case .badQuantity: "bad_quantity"
        case .notJSON: "not_json"
        case .badUTF8: "bad_utf8"
        case .tooLarge: "too_large"
        case .unknownType: "unknown_type"
        case .emptyItems: "empty_items"
        }
    }
}
