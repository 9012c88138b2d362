import CDuckDB
import Synchronization

/// Stops the statement that a connection is running, from any thread. It does nothing when none is running.
public final class Interrupter: Sendable {
    /// The connection's address, until the connection is closed.
    private let address: Mutex<UInt?>

    init(_ connection: duckdb_connection) {
        address = Mutex(UInt(bitPattern: connection))
    }

    /// Makes the running statement fail with `EngineError.Kind.interrupted`, soon.
    public func interrupt() {
        // Under the lock, so that the connection cannot close between the look and the call.
        address.withLock { address in
            guard let address, let connection = duckdb_connection(bitPattern: address) else { return }
            DuckDBLibrary.functionsInCallback.pointee.duckdb_interrupt(connection)
        }
    }

    func forget() {
        address.withLock { $0 = nil }
    }
}
