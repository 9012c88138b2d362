/// The bounds on what the door lets in. Anything past one of them is rejected with a reason, never cut.
public enum EventLimits {
    /// The longest id, in bytes of UTF-8.
    public static let idBytes = 128
    /// The longest event, in bytes of JSON.
    public static let eventBytes = 1 << 20
    /// The most items in one purchase: wholesale invoices run to over a thousand lines.
    public static let items = 10_000
    /// The deepest nesting of a value that we skip.
    public static let depth = 64
    /// The largest quantity on one line.
    public static let quantity: Int64 = 1_000_000
    /// How far ahead of the server's clock an event may be, in microseconds: a day, since devices carry wrong clocks
    /// and wrong zones.
    public static let futureMicroseconds: Int64 = 24 * 3_600 * 1_000_000
    /// The earliest instant accepted (1990-01-01T00:00:00Z): before it no shop sent events, but clocks that were
    /// never set and seconds mistaken for milliseconds land there.
    public static let earliestMicroseconds: Int64 = 631_152_000 * 1_000_000
    /// The largest amount of money, in ten-thousandths: what fits DECIMAL(18, 4).
    public static let moneyMax: Int64 = 999_999_999_999_999_999
    /// How far a purchase's total may be from the sum of its parts without a warning, in ten-thousandths.
    public static let totalTolerance: Int64 = 100
    /// Zero bytes that must follow any buffer handed to the decoder, so that it may read ahead.
    public static let padding = 64

    /// What an integer field may be. A quantity of 0 needs a look at the action too.
    static func bounds(_ field: EventField) -> ClosedRange<Int64> {
        switch field {
        case .quantity: 0...quantity
        case .results: 0...Int64(Int32.max)
        case .change: -Int64(Int32.max)...Int64(Int32.max)
        default: 0...Int64.max
        }
    }
}
