/// What decoding looks up of fields, types and words, laid out for it. Made once for the process and never changed.
struct DecodingTables: @unchecked Sendable {
    static let shared = DecodingTables()

    /// The bits that say which closed list holds a word.
    enum WordList {
        static let type: UInt8 = 1
        static let channel: UInt8 = 2
        static let status: UInt8 = 4
        static let cartAction: UInt8 = 8
        static let wishlistAction: UInt8 = 16
        /// Set on `add` alone: the action that needs a quantity.
        static let adding: UInt8 = 32
        static let action: UInt8 = cartAction | wishlistAction
    }

    /// A field as the fast path reads it: how its key looks, where its value goes and within which bounds.
    struct Shape {
        /// The key's bytes with the closing quote, and which bits of the two words they take.
        var first: UInt64 = 0
        var second: UInt64 = 0
        var firstMask: UInt64 = 0
        var secondMask: UInt64 = 0
        /// From the opening quote to behind the closing one.
        var keyBytes = 0
        /// The column among those of the value's type.
        var column = 0
        /// The least and the greatest value of an integer, in bytes for a string.
        var least: Int64 = 0
        var most: Int64 = .max
        var kind = EventField.Kind.text
        /// The lists of `WordList` that a word may come from.
        var lists: UInt8 = 0
    }

    /// The shapes, by the field's raw value.
    let shapes: UnsafePointer<Shape>
    /// The required and the known fields, by the type's raw value.
    let required: UnsafePointer<FieldSet>
    let known: UnsafePointer<FieldSet>
    /// The ISO 4217 codes as `Currency` numbers them, one bit each.
    let currencies: UnsafePointer<UInt64>
    /// Field names; an entry's value is the field's raw value.
    let fields: NameTable
    /// Type names, whose value is the type's raw value, and the words of the closed lists.
    let words: NameTable

    private init() {
        shapes = DecodingTables.fixed(EventField.allCases.map(DecodingTables.shape))
        required = DecodingTables.fixed(EventType.allCases.map { EventSchema.of($0).requiredSet })
        known = DecodingTables.fixed(EventType.allCases.map { EventSchema.of($0).knownSet })
        currencies = DecodingTables.fixed(Currency.known)
        fields = NameTable(EventField.allCases.map { ($0.name, $0.rawValue, 0) })
        var lists: [String: UInt8] = ["add": WordList.adding]
        func list(_ words: [String], _ bit: UInt8) { for word in words { lists[word, default: 0] |= bit } }
        list(EventType.allCases.map(\.name), WordList.type)
        list(EventWords.channels, WordList.channel)
        list(EventWords.statuses, WordList.status)
        list(EventWords.cartActions, WordList.cartAction)
        list(EventWords.wishlistActions, WordList.wishlistAction)
        let types = Dictionary(uniqueKeysWithValues: EventType.allCases.map { ($0.name, $0.rawValue) })
        words = NameTable(lists.sorted { $0.key < $1.key }.map { ($0.key, types[$0.key] ?? 0, $0.value) })
    }

    private static func fixed<Element>(_ elements: [Element]) -> UnsafePointer<Element> {
        let start = UnsafeMutablePointer<Element>.allocate(capacity: elements.count)
        for (index, element) in elements.enumerated() { (start + index).initialize(to: element) }
        return UnsafePointer(start)
    }

    private static func shape(_ field: EventField) -> Shape {
        let key = PaddedBytes(copying: Array((field.name + "\"").utf8))
        var shape = Shape()
        (shape.first, shape.second) = NameTable.words(key.start, key.count)
        let ones = PaddedBytes(copying: [UInt8](repeating: 0xff, count: key.count))
        (shape.firstMask, shape.secondMask) = NameTable.words(ones.start, ones.count)
        shape.keyBytes = key.count + 1
        shape.kind = field.kind
        switch field.kind {
        case .id:
            (shape.column, shape.least, shape.most) = (Int(field.rawValue), 1, Int64(EventLimits.idBytes))
        case .text, .word, .currency:
            shape.column = Int(field.rawValue)
        case .integer:
            shape.column = field.integerIndex
            (shape.least, shape.most) = bounds(field)
        case .money:
            (shape.column, shape.most) = (field.moneyIndex, EventLimits.moneyMax)
        case .timestamp, .items, .type:
            break
        }
        switch field {
        case .channel: shape.lists = WordList.channel
        case .status, .previousStatus: shape.lists = WordList.status
        case .action: shape.lists = WordList.action
        case .type: shape.lists = WordList.type
        default: break
        }
        return shape
    }

    /// An integer field's bounds; a quantity of 0 needs a look at the action too.
    static func bounds(_ field: EventField) -> (least: Int64, most: Int64) {
        switch field {
        case .quantity: (0, EventLimits.quantity)
        case .results: (0, Int64(Int32.max))
        case .change: (-Int64(Int32.max), Int64(Int32.max))
        default: (0, .max)
        }
    }
}
