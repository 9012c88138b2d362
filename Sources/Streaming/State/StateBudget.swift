/// The memory that one operator may use for its state, and what it uses. Asked only when memory is allocated, never for
/// an event.
public struct StateBudget {
    /// The operator's name in reports and errors.
    public let name: StaticString
    /// The most bytes that it may hold.
    public let limitBytes: Int
    /// The bytes that it holds.
    public private(set) var usedBytes = 0

    /// A budget that nothing was taken from yet.
    public init(_ name: StaticString, limitBytes: Int) {
        self.name = name
        self.limitBytes = limitBytes
    }

    /// Accounts for memory about to be allocated.
    ///
    /// - Throws: `StreamError.stateFull` where that would pass the bound; then nothing is accounted for.
    public mutating func take(_ bytes: Int) throws(StreamError) {
        guard bytes <= limitBytes - usedBytes else {
            throw .stateFull(operatorName: name.description, limitBytes: limitBytes)
        }
        usedBytes += bytes
    }

    /// Accounts for memory that was freed.
    public mutating func give(_ bytes: Int) {
        usedBytes -= bytes
        assert(usedBytes >= 0)
    }
}

/// What one operator holds, for gauges.
public struct StateUsage: Equatable, Sendable {
    /// The operator's name.
    public let name: String
    /// Keys, sessions, rows: whatever it holds one of for each.
    public let entries: Int
    /// Bytes of memory.
    public let bytes: Int
    /// The most bytes that it may hold.
    public let limitBytes: Int

    /// What a budget says, with the number of entries, and bytes that are not of the budget.
    public init(_ budget: StateBudget, entries: Int, more: Int = 0) {
        name = budget.name.description
        self.entries = entries
        bytes = budget.usedBytes + more
        limitBytes = budget.limitBytes
    }
}
