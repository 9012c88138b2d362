/// All bytes from the separator before a key to the beginning of its value, as one sender writes them, and how the
/// value behind them is read.
///
/// A template that matches says at once which field follows, where its value begins and (the opening quote being part
/// of it) of which JSON type it is.
struct KeyTemplate {
    /// What stands behind a template.
    enum Value: UInt8 {
        /// A string, from behind its opening quote.
        case id, text, word, currency, type, timestamp
        /// A number, from its first byte; money may be a string too, from its opening quote.
        case integer, money, epoch
        /// The list of items, from its bracket.
        case items
        /// Nothing: the template ends in `null`.
        case null
    }

    /// Where a sender writes a space: nowhere as most do, after `,` and `:` as Python's json does, or after one of
    /// them.
    enum Spacing: Int {
        case none, afterComma, afterColon, both

        var comma: Bool { self == .afterComma || self == .both }
        var colon: Bool { self == .afterColon || self == .both }
    }

    @inline(__always)
    static func spacing(comma: Bool, colon: Bool) -> Spacing {
        comma ? (colon ? .both : .afterComma) : (colon ? .afterColon : .none)
    }

    /// The longest template, in bytes.
    static let longest = 32

    /// The bytes, zeros behind them.
    var bytes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    /// One bit a byte.
    var mask: UInt32 = 0
    /// The field as a bit.
    var bit: FieldSet = 0
    /// The greatest value of an integer that has no sign.
    var most: Int64 = .max
    /// How many bytes.
    var count: UInt8 = 0
    var value = Value.text
    /// The field's raw value.
    var field: UInt8 = 0
    /// The column among those of the value's type.
    var column: UInt8 = 0
    /// The lists of `WordList` that a word may come from.
    var lists: UInt8 = 0

    init(_ field: EventField, _ value: Value, _ spacing: Spacing, first: Bool) {
        self.field = field.rawValue
        self.value = value
        bit = field.bit
        var text = (first ? "{" : ",") + (spacing.comma ? " " : "")
        text += "\"\(field.name)\":" + (spacing.colon ? " " : "")
        switch value {
        case .id, .text, .word, .currency, .type, .timestamp: text += "\""
        case .integer, .money, .epoch, .items: break
        case .null: text += "null"
        }
        precondition(text.utf8.count <= KeyTemplate.longest, "no field has so long a name")
        count = UInt8(text.utf8.count)
        mask = ~(~0 << UInt32(count))
        withUnsafeMutableBytes(of: &bytes) { $0.copyBytes(from: text.utf8) }
        switch field {
        case .channel: lists = WordList.channel
        case .status, .previousStatus: lists = WordList.status
        case .action: lists = WordList.action
        default: break
        }
        switch field.kind {
        case .id, .text, .word, .currency: column = field.rawValue
        case .integer: (column, most) = (UInt8(field.integerIndex), EventLimits.bounds(field).upperBound)
        case .money: column = UInt8(field.moneyIndex)
        case .timestamp, .items, .type: break
        }
    }

    /// How a field's value is read when it is not null.
    static func value(of field: EventField) -> Value {
        switch field.kind {
        case .id: .id
        case .text: .text
        case .word: .word
        case .currency: .currency
        case .integer: .integer
        case .money: .money
        case .timestamp: .timestamp
        case .items: .items
        case .type: .type
        }
    }

    /// Each field has 24 templates and room for 32, so that a shift by so many bits finds the field of an index.
    static let indexBits = 5

    /// Where the template stands among all of them.
    @inline(__always)
    static func index(_ field: UInt8, _ form: Form, _ spacing: Spacing, first: Bool) -> Int {
        Int(field) &<< indexBits | form.rawValue &<< 3 | spacing.rawValue &<< 1 | (first ? 1 : 0)
    }

    /// The three forms of a value that have templates of their own: the usual one, `null`, and a number where the
    /// usual one is a string (an instant in milliseconds).
    enum Form: Int { case usual, null, number }

    /// The templates of all fields, in the order of `index`; what no template stands for is a copy of another one.
    static let all: [KeyTemplate] = EventField.allCases.flatMap { field in
        (0..<1 << indexBits).map { index in
            let form = Form(rawValue: index >> 3) ?? .usual
            let value: Value =
                switch form {
                case .usual: value(of: field)
                case .null: .null
                case .number: .epoch
                }
            return KeyTemplate(field, value, Spacing(rawValue: index >> 1 & 3) ?? .none, first: index & 1 != 0)
        }
    }
}
