/// The bounds on what this room reads and holds. Past one of them a row is rejected or the import stops with an error
/// that names the bound; nothing is cut in silence.
public enum ImportLimits {
    /// Events in one chunk, unless the caller asks for another number.
    public static let eventsPerChunk = 5_000
    /// JSON bytes after which a chunk ends.
    public static let chunkBytes = 4 << 20
    /// Rows read or rejected after which a chunk ends, even one without events.
    public static let rowsPerChunk = 50_000
    /// The longest row, in bytes of the file.
    public static let rowBytes = 1 << 20
    /// How much of a row longer than `rowBytes` is kept with its rejection.
    public static let rejectedBytes = 64 << 10
    /// The longest field, in bytes.
    public static let fieldBytes = 256 << 10
    /// The most lines that one quoted row may span.
    public static let rowLines = 1_000
    /// The most columns in a file, and the most that one mapping names.
    public static let columns = 1_024
    /// The deepest nesting of a JSON row.
    public static let jsonDepth = 64
    /// The longest event, in bytes of JSON.
    public static let eventBytes = 1 << 20
    /// The most rows of one event; a larger group is rejected.
    public static let rowsPerEvent = 100_000
    /// The longest derived or templated value, in bytes.
    public static let valueBytes = 256 << 10
    /// Rows that a grouping rule holds until the end of the file, unless the mapping's `max_rows_held` says otherwise.
    public static let rowsHeld = 2_000_000
    /// The most that `max_rows_held` may ask for.
    public static let rowsHeldMax = 100_000_000
    /// Bytes of rows that all grouping rules together hold.
    public static let heldBytes = 512 << 20
    /// Different rows that occur more than once, in a file whose ids are derived.
    public static let repeatedRows = 8_000_000
    /// The longest mapping file, in bytes.
    public static let mappingBytes = 64 << 10
    /// The most values in a mapping, aliases counted as often as they are used.
    public static let mappingNodes = 10_000
    /// The deepest nesting of a mapping.
    public static let mappingDepth = 32
    /// The most steps in one formula, and the deepest parentheses.
    public static let formulaSteps = 256
    /// Bytes read from the file at a time.
    static let blockBytes = 256 << 10
}
