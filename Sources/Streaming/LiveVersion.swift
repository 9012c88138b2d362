import Foundation
import Synchronization

/// A view as it was published, with its number; encoded when somebody first asks for it, and once.
final class LiveVersion: Sendable {
    /// One more than the version's before it.
    let number: Int
    /// What it shows.
    let view: LiveView
    private let encoded = Mutex<Encoded?>(nil)

    private struct Encoded {
        let text: [UInt8]
        let tree: JSONTree?
    }

    init(_ number: Int, _ view: LiveView) {
        self.number = number
        self.view = view
    }

    /// The whole view as JSON.
    func text() throws -> [UInt8] { try parts().text }

    /// The same with its values' places.
    func tree() throws -> JSONTree? { try parts().tree }

    private func parts() throws -> Encoded {
        try encoded.withLock { encoded in
            if let encoded { return encoded }
            let encoder = JSONEncoder()
            // In one order, so that what did not change reads the same.
            encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
            let text = Array(try encoder.encode(view))
            let made = Encoded(text: text, tree: JSONTree(text))
            encoded = made
            return made
        }
    }
}

/// What a listener is handed.
public struct LiveMessage: Sendable {
    /// The version that it leads to.
    public let id: String
    /// Whether it holds changes only; if not, the whole view.
    public let isDiff: Bool
    /// The view, or `{"base": the version that is changed, "changes": …}`, as JSON.
    public let json: [UInt8]
}

/// Somebody who follows the live view. It remembers which version it was handed last, and nothing waits for it: the next
/// message is made when it is asked for, and leads to the newest version.
public struct LiveListener: Sendable {
    /// Says that there may be something new, at once for the version that is there already.
    public let wakes: AsyncStream<Void>
    private let feed: LiveFeed
    private var base: Int?

    init(_ feed: LiveFeed, _ wakes: AsyncStream<Void>, from base: Int?) {
        self.feed = feed
        self.wakes = wakes
        self.base = base
    }

    /// The changes since the version that was handed out last, or the whole view where that is no longer kept; nil when
    /// there is nothing new.
    ///
    /// - Throws: `EncodingError`.
    public mutating func next() throws -> LiveMessage? {
        guard let (message, number) = try feed.message(since: base) else { return nil }
        base = number
        return message
    }
}
