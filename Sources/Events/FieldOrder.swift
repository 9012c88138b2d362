/// What a decoder has learnt of the order in which keys come, and the minute it last read.
///
/// A sender writes its events of one type with the same keys in the same order, so the key that followed a field last
/// time is the best guess for what follows it now, and one comparison confirms it. A wrong guess costs a look-up and
/// changes nothing else: what is learnt here never decides what an event means.
struct FieldOrder {
    /// The row of guesses for events whose type was not read yet, after the rows of the types.
    static let untyped = EventType.allCases.count
    /// The row of guesses inside a purchase's items.
    static let items = untyped + 1
    /// The "field" before the first key.
    static let start = 63

    private static let stride = 64

    /// A row of guesses for each type and two more: the raw value of the field that follows each field.
    let guesses: UnsafeMutablePointer<UInt8>
    /// The last `yyyy-mm-ddThh:mm` read, as two words, and its microseconds since 1970 UTC.
    var minuteFirst: UInt64 = 0
    var minuteSecond: UInt64 = 0
    var minute: Int64 = 0

    /// Guesses from the contract's order, type first.
    init() {
        guesses = .allocate(capacity: (FieldOrder.items + 1) * FieldOrder.stride)
        guesses.update(from: FieldOrder.contract, count: (FieldOrder.items + 1) * FieldOrder.stride)
    }

    func deallocate() { guesses.deallocate() }

    /// The guesses of a row.
    @inline(__always)
    func row(_ row: Int) -> UnsafeMutablePointer<UInt8> { guesses + row &* FieldOrder.stride }

    nonisolated(unsafe) private static let contract: UnsafePointer<UInt8> = {
        let count = (items + 1) * stride
        let guesses = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
        guesses.initialize(repeating: EventField.eventID.rawValue, count: count)
        func learn(_ fields: [EventField], _ row: Int) {
            var previous = start
            for field in fields {
                guesses[row * stride + previous] = field.rawValue
                previous = Int(field.rawValue)
            }
        }
        for type in EventType.allCases { learn([.type] + EventSchema.of(type).columns, Int(type.rawValue)) }
        learn([.type] + EventSchema.of(.click).columns, untyped)
        learn([.productID, .quantity, .unitPrice], items)
        return UnsafePointer(guesses)
    }()
}
