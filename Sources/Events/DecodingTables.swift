/// The bits that say which closed lists hold a word.
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

/// What decoding looks up of fields, types and words, laid out for it. Made once for the process and never changed.
struct DecodingTables {
    nonisolated(unsafe) static let shared: UnsafePointer<DecodingTables> = fixed([DecodingTables()])

    /// `KeyTemplate.all`.
    let templates: UnsafePointer<KeyTemplate>
    /// The required and the known fields, by the type's raw value.
    let required: UnsafePointer<FieldSet>
    let known: UnsafePointer<FieldSet>
    /// The ISO 4217 codes as `Currency` numbers them, one bit each.
    let currencies: UnsafePointer<UInt64>
    /// Field names; an entry's value is the field's raw value.
    let fields: NameTable
    /// Type names and the words of the closed lists.
    let words: WordTable

    private init() {
        templates = fixed(KeyTemplate.all)
        required = fixed(EventType.allCases.map { EventSchema.of($0).requiredSet })
        known = fixed(EventType.allCases.map { EventSchema.of($0).knownSet })
        currencies = fixed(Currency.known)
        fields = NameTable(EventField.allCases.map { ($0.name, $0.rawValue) })
        words = WordTable()
    }
}

/// A copy of the elements that is never freed, aligned to a cache line.
func fixed<Element>(_ elements: [Element]) -> UnsafePointer<Element> {
    let block = UnsafeMutableRawPointer.allocate(
        byteCount: MemoryLayout<Element>.stride * elements.count, alignment: max(64, MemoryLayout<Element>.alignment))
    let start = block.bindMemory(to: Element.self, capacity: elements.count)
    for (index, element) in elements.enumerated() { (start + index).initialize(to: element) }
    return UnsafePointer(start)
}
