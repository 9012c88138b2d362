import CPostgres
import Foundation
import Synchronization

/// A session with a PostgreSQL server, through its own client library: one statement at a time, on the caller's thread.
final class PostgresSession {
    /// Seconds until a server that does not answer is given up, unless the address says otherwise.
    static let connectSeconds = 10
    /// Most rows that ``query(_:)`` returns.
    static let rowsMax = 1_000_000
    /// Most bytes of rows that are held while a statement runs that was started before them.
    static let heldBytesMax = 64 << 20

    private let address: WarehouseAddress
    private let connection: OpaquePointer
    let canceller: Canceller
    /// The statement that was started and not waited for.
    private var started: String?

    /// Connects.
    init(_ address: WarehouseAddress) throws {
        self.address = address
        // Later words win: what the address says goes before the defaults here, and after the encoding it has no say.
        let words = [
            ("connect_timeout", String(Self.connectSeconds)), ("application_name", "cartograph"),
            ("dbname", address.text), ("client_encoding", "UTF8"),
        ]
        var names: [UnsafePointer<CChar>?] = words.map { UnsafePointer(strdup($0.0)) }
        var values: [UnsafePointer<CChar>?] = words.map { UnsafePointer(strdup($0.1)) }
        names.append(nil)
        values.append(nil)
        let opened: OpaquePointer? = PQconnectdbParams(names, values, 1)
        for text in names + values { free(UnsafeMutablePointer(mutating: text)) }
        guard let opened else { throw WarehouseError(.connection, "there is no memory for a connection") }
        guard PQstatus(opened) == CONNECTION_OK else {
            let reason = PQerrorMessage(opened).map { String(cString: $0) } ?? ""
            PQfinish(opened)
            throw Self.refusal(reason, address)
        }
        connection = opened
        canceller = Canceller(PQgetCancel(opened))
        // Notices are for people at a terminal.
        PQsetNoticeProcessor(opened, { _, _ in }, nil)
        do {
            try run("SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET search_path = pg_temp, pg_catalog")
        } catch {
            canceller.forget()
            PQfinish(opened)
            throw error
        }
    }

    deinit {
        canceller.forget()
        PQfinish(connection)
    }

    // MARK: - Statements

    /// Runs statements for their effect.
    /// - Returns: the rows that the last one changed.
    @discardableResult
    func run(_ sql: String) throws -> Int {
        try finish()
        let result = PQexec(connection, sql)
        defer { PQclear(result) }
        try check(result, sql)
        return PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    }

    /// The rows of a statement as text; null is nil.
    func query(_ sql: String) throws -> [[String?]] {
        try finish()
        let result = PQexec(connection, sql)
        defer { PQclear(result) }
        try check(result, sql)
        let (rows, columns) = (PQntuples(result), PQnfields(result))
        guard rows <= Self.rowsMax else { throw WarehouseError(.statement, "\(rows) rows are too many to fetch") }
        return (0..<rows).map { row in
            (0..<columns).map { column in
                PQgetisnull(result, row, column) == 1
                    ? nil : PQgetvalue(result, row, column).map { String(cString: $0) }
            }
        }
    }

    /// Runs `body` in a transaction: all of it is done, or nothing.
    func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        try run("BEGIN")
        do {
            let result = try body()
            try run("COMMIT")
            return result
        } catch {
            // What a started statement came to does not matter any more. Where the connection is gone, the server has
            // rolled back by itself.
            try? finish()
            _ = try? run("ROLLBACK")
            throw error
        }
    }

    /// Sends a statement whose outcome the next call waits for: the caller works while the server does.
    func start(_ sql: String) throws {
        try finish()
        guard PQsendQuery(connection, sql) == 1 else { throw connectionFailure(sql) }
        started = sql
    }

    /// Waits for the statement that was started, if there is one.
    /// - Throws: what it failed with.
    func finish() throws {
        guard let sql = started else { return }
        started = nil
        var failure: (any Error)?
        while let result = PQgetResult(connection) {
            defer { PQclear(result) }
            do { try check(result, sql) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    /// Whether the statement that was started is still running.
    private func isRunning() throws -> Bool {
        guard let sql = started else { return false }
        guard PQconsumeInput(connection) == 1 else { throw connectionFailure(sql) }
        return PQisBusy(connection) == 1
    }

    /// Copies rows into a table in the binary format. While a statement runs that was started before, up to
    /// ``heldBytesMax`` of them are held here.
    /// - Parameter body: gives the bytes, piece by piece, to the function it is given.
    /// - Returns: how many rows the server took.
    func copyIn(_ table: String, _ columns: [String], _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void)
        throws -> Int
    {
        let sql = "COPY \(table) (\(columns.joined(separator: ", "))) FROM STDIN (FORMAT binary)"
        var held: [UInt8] = []
        var isOpen = false
        var failure: (any Error)?
        do {
            try body { bytes in
                if !isOpen {
                    if held.count + bytes.count <= Self.heldBytesMax, try isRunning() {
                        held.append(contentsOf: bytes)
                        return
                    }
                    try beginCopy(sql, table)
                    isOpen = true
                    try held.withUnsafeBytes { try put($0, sql) }
                    held = []
                }
                try put(bytes, sql)
            }
            if !isOpen {
                try beginCopy(sql, table)
                isOpen = true
                try held.withUnsafeBytes { try put($0, sql) }
            }
        } catch {
            guard isOpen else { throw error }
            failure = error
        }
        let ended =
            failure == nil ? PQputCopyEnd(connection, nil) : PQputCopyEnd(connection, "the rows could not be read")
        let result = PQgetResult(connection)
        defer { PQclear(result) }
        while let further = PQgetResult(connection) { PQclear(further) }
        if let failure { throw failure }
        guard ended == 1 else { throw connectionFailure(sql) }
        try check(result, sql)
        return PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    }

    private func beginCopy(_ sql: String, _ table: String) throws {
        try finish()
        let begun = PQexec(connection, sql)
        defer { PQclear(begun) }
        guard PQresultStatus(begun) != PGRES_COPY_IN else { return }
        try check(begun, sql)
        throw WarehouseError(.statement, "the server took no rows for \(table)")
    }

    private func put(_ bytes: UnsafeRawBufferPointer, _ sql: String) throws {
        guard bytes.count > 0 else { return }
        guard PQputCopyData(connection, bytes.baseAddress, Int32(bytes.count)) == 1 else {
            throw connectionFailure(sql)
        }
    }

    // MARK: - Errors

    private func check(_ result: OpaquePointer?, _ sql: String) throws {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return
        default: break
        }
        let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) }
        let text = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { String(cString: $0) }
        guard let state, let text, PQstatus(connection) == CONNECTION_OK || !state.hasPrefix("08") else {
            throw connectionFailure(sql)
        }
        throw failure(state, text, sql)
    }

    private func connectionFailure(_ sql: String) -> WarehouseError {
        let reason = PQerrorMessage(connection).map { Self.oneLine(address.hiding(String(cString: $0))) } ?? ""
        return WarehouseError(
            .connection,
            "the connection to \(address.description) broke (\(reason)): what was not committed is rolled back; "
                + "the next load carries on")
    }

    private func failure(_ state: String, _ text: String, _ sql: String) -> WarehouseError {
        let what = Self.oneLine(address.hiding(text))
        let place = address.description
        switch state {
        case "57014": return WarehouseError(.cancelled, "the load was cancelled")
        case "57P01", "57P02", "57P03":
            return WarehouseError(.connection, "\(place) is shutting down: the next load carries on")
        case "42501":
            return WarehouseError(
                .refused,
                "\(place): \(what): log in as a member of \(StarSchema.Role.loader) to load, or as one who may create "
                    + "roles and schemas for `warehouse init`")
        case "42P01", "3F000", "42703", "42883":
            return WarehouseError(
                .schema, "\(place): \(what): make the tables with `cartograph warehouse init`")
        case "53100", "53200":
            return WarehouseError(
                .statement, "\(place): \(what): make room on the server, or raise max_locks_per_transaction")
        case "55P03":
            return WarehouseError(.busy, "\(place): \(what): something else holds the tables; try again later")
        default:
            let beginning = sql.split(whereSeparator: \.isWhitespace).prefix(8).joined(separator: " ")
            return WarehouseError(.statement, "\(place): \(what) (\(state), in \(beginning) …)")
        }
    }

    private static func refusal(_ reason: String, _ address: WarehouseAddress) -> WarehouseError {
        let what = oneLine(address.hiding(reason))
        let place = address.description
        if reason.contains("password") || reason.contains("no pg_hba.conf entry") || reason.contains("role \"") {
            return WarehouseError(
                .refused,
                "\(place) does not let this user in (\(what)): check the user, and the password in PGPASSWORD, ~/.pgpass or "
                    + "CARTOGRAPH_WAREHOUSE")
        }
        if reason.contains("database \"") {
            return WarehouseError(.refused, "\(place): \(what): create the database, or name another one")
        }
        if reason.contains("invalid") || reason.contains("missing") || reason.contains("unexpected") {
            return WarehouseError(
                .address,
                "\(place) is no address that PostgreSQL reads (\(what)): it is "
                    + "postgres://user@host:port/database, signs such as @ and / in a name or password written as %40 and %2F"
            )
        }
        return WarehouseError(
            .connection, "no PostgreSQL answers at \(place) (\(what)): check that the server runs and is reachable")
    }

    private static func oneLine(_ text: String) -> String {
        text.unicodeScalars.split { $0 == "\n" }.map { line in
            String(String.UnicodeScalarView(line.filter { $0.properties.generalCategory != .control }))
        }.map { $0.trimmed }.filter { !$0.isEmpty }.joined(separator: "; ")
    }
}

/// Stops the statement that a session is running, from any thread.
final class Canceller: Sendable {
    private let handle: Mutex<Handle>

    private struct Handle: @unchecked Sendable {
        // The client library lets any thread use it.
        var pointer: OpaquePointer?
    }

    init(_ pointer: OpaquePointer?) { handle = Mutex(Handle(pointer: pointer)) }

    func cancel() {
        handle.withLock {
            guard let pointer = $0.pointer else { return }
            var reason = [CChar](repeating: 0, count: 256)
            PQcancel(pointer, &reason, Int32(reason.count))
        }
    }

    func forget() {
        handle.withLock {
            PQfreeCancel($0.pointer)
            $0.pointer = nil
        }
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = Substring(self)
        while text.first?.isWhitespace ?? false { text.removeFirst() }
        while text.last?.isWhitespace ?? false { text.removeLast() }
        return String(text)
    }
}
