import Foundation
import Synchronization

/// Takes connections to a free port of this machine, each on a thread of its own.
final class LoopbackListener: Sendable {
    let port: UInt16
    private let descriptor: Int32
    private let open = Mutex<[Int32]>([])

    init() throws { (descriptor, port) = try Loopback.listen() }

    /// Takes connections until it is stopped; each is closed when `serve` returns.
    func start(_ serve: @escaping @Sendable (Int32) -> Void) {
        Thread { [self] in accept(serve) }.start()
    }

    /// Ends every connection and listens no more.
    func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        open.withLock { for connection in $0 { shutdown(connection, Int32(SHUT_RDWR)) } }
    }

    private func accept(_ serve: @escaping @Sendable (Int32) -> Void) {
        defer { close(descriptor) }
        while true {
            let connection = Glibc.accept(descriptor, nil, nil)
            guard connection >= 0 else { return }
            open.withLock { $0.append(connection) }
            Thread { [self] in
                serve(connection)
                open.withLock { $0.removeAll { $0 == connection } }
                close(connection)
            }.start()
        }
    }
}
