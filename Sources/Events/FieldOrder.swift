/// What a decoder has learnt of the way events are written: which key follows which, with what white space, and the
/// minute it last read.
///
/// A sender writes its events of one type with the same keys in the same order, so the key that followed a field last
/// time is the best guess for what follows it now, and one comparison confirms it. A wrong guess costs a look-up and
/// changes nothing else: what is learnt here never decides what an event means.
struct FieldOrder {
    /// The row of guesses for events whose type was not read yet, after the rows of the types.
    static let untyped = EventType.allCases.count
    /// The row of guesses inside a purchase's items.
    static let items = untyped + 1
    /// The "field" before the first key: its guesses begin with a brace, all others with a comma.
    static let start = 63
    /// The "field" before the second key when the first one names no field.
    static let unknown = 62

    private static let stride = 64

    /// The last `yyyy-mm-ddThh:mm` read: first of all, so that the struct's address is its own.
    var minuteText: (UInt64, UInt64)
    /// A row of guesses for each type and two more: two indices of the `KeyTemplate` that follows each field. The guess
    /// that was learnt last is the lower half, the one before it the upper: an optional field that comes now and then
    /// is found beside the one that comes in its place.
    let guesses: UnsafeMutablePointer<UInt32>
    /// The remembered minute in microseconds since 1970 UTC.
    var minute: Int64 = 0

    /// Guesses from the contract's order, type first.
    init() {
        guesses = .allocate(capacity: (FieldOrder.items + 1) * FieldOrder.stride)
        guesses.update(from: FieldOrder.contract, count: (FieldOrder.items + 1) * FieldOrder.stride)
        // "1970-01-01T00:00", whose microseconds are 0.
        minuteText = (UInt64(littleEndian: 0x2d31_302d_3037_3931), UInt64(littleEndian: 0x3030_3a30_3054_3130))
    }

    func deallocate() { guesses.deallocate() }

    /// The guesses of a row.
    @inline(__always)
    func row(_ row: Int) -> UnsafeMutablePointer<UInt32> { guesses + row &* FieldOrder.stride }

    nonisolated(unsafe) private static let contract: UnsafePointer<UInt32> = {
        func template(_ field: EventField, first: Bool) -> UInt32 {
            UInt32(KeyTemplate.index(field.rawValue, .usual, .none, first: first)) * 0x1_0001
        }
        var guesses = [UInt32](repeating: template(.eventID, first: false), count: (items + 1) * stride)
        func learn(_ fields: [EventField], _ row: Int) {
            var previous = start
            for field in fields {
                guesses[row * stride + previous] = template(field, first: previous == start)
                previous = Int(field.rawValue)
            }
        }
        for type in EventType.allCases { learn([.type] + EventSchema.of(type).columns, Int(type.rawValue)) }
        learn([.type] + EventSchema.of(.click).columns, untyped)
        learn([.productID, .quantity, .unitPrice], items)
        return fixed(guesses)
    }()
}
