import Dispatch
import Synchronization

/// Messages from threads to threads, in the order in which they were put in.
///
/// It holds no more than its users let be under way at a time.
final class Mailbox<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])
    private let count = DispatchSemaphore(value: 0)

    /// Puts a message in.
    func put(_ message: Message) {
        messages.withLock { $0.append(message) }
        count.signal()
    }

    /// Takes the oldest message out, and waits for one where there is none.
    func take() -> Message {
        count.wait()
        return messages.withLock { $0.removeFirst() }
    }

    /// Takes the oldest message out, or nil when none came for so many seconds.
    func take(within seconds: Double) -> Message? {
        guard count.wait(timeout: .now() + seconds) == .success else { return nil }
        return messages.withLock { $0.removeFirst() }
    }
}
