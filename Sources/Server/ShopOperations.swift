public import Events

/// What the server asks of the rest of the platform; each answer is a JSON document.
public protocol ShopOperations: Sendable {
    /// The gold tables' daily sales of the last days that have any, newest last.
    func dailySales(days: Int) async throws -> [UInt8]
    /// Runs the models now and says how it went: all, or those that words of dbt's select.
    /// - Throws: ``WrongRequest`` for words that mean nothing.
    func rebuild(select: [String], exclude: [String], fullRefresh: Bool) async throws -> [UInt8]
    /// Checks the books now.
    func verify() async throws -> [UInt8]
    /// What runs, since when, on which data.
    func status() async throws -> [UInt8]
    /// Counts of rejected events by reason, and the newest of them.
    func quarantine(limit: Int) async throws -> [UInt8]
    /// Keeps what was found out about purchases, durably.
    func label(_ said: [(orderID: String, isFraud: Bool)]) async throws
    /// Erases people, or says what would be erased; calls `progress` with documents that say how far it is.
    func erase(
        _ people: People, dryRun: Bool, progress: @escaping @Sendable ([UInt8]) -> Void
    ) async throws -> [UInt8]
    /// Why the platform is not ready to take events; nil when it is.
    func unreadiness() -> String?
}

/// What was asked cannot be done as it was put, in one line for who asked.
public struct WrongRequest: Error, CustomStringConvertible, Sendable {
    /// What, and what to do.
    public let description: String

    /// A request that is refused with its one line.
    public init(_ description: String) { self.description = description }
}
