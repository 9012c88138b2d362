import Engine
import Synchronization

/// Stops all connections of a run.
final class RunCancellation: Sendable {
    private struct State {
        var interrupters: [Interrupter] = []
        var isCancelled = false
    }

    private let state = Mutex(State())

    /// Whether the run is to end.
    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Has a connection interrupted with the others.
    func watch(_ connection: Connection) {
        state.withLock { $0.interrupters.append(connection.interrupter) }
    }

    /// Stops the statements that are running. One that begins a moment later does not hear of it: repeat this while the run
    /// goes on.
    func cancel() {
        state.withLock { state in
            state.isCancelled = true
            for interrupter in state.interrupters { interrupter.interrupt() }
        }
    }
}
