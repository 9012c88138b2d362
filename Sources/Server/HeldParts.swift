import NIOCore
import NIOHTTP1

/// What a connection has read of requests behind the one in progress, up to a bound.
struct HeldParts {
    /// Whether more came than is held: the connection ends after what is held.
    private(set) var hasDropped = false
    /// Why what came after the parts is not HTTP.
    var error: (any Error)?
    private var parts = CircularBuffer<HTTPServerRequestPart>()
    private var bytes = 0

    var isEmpty: Bool { parts.isEmpty }

    /// Whether a request begins among them.
    var hasRequest: Bool { parts.contains { if case .head = $0 { true } else { false } } }

    mutating func append(_ part: HTTPServerRequestPart, _ limits: DoorLimits) {
        guard !hasDropped else { return }
        let count = HeldParts.bytes(of: part)
        guard parts.count < limits.heldParts, bytes + count <= limits.heldBytes else {
            hasDropped = true
            return
        }
        bytes += count
        parts.append(part)
    }

    mutating func popFirst() -> HTTPServerRequestPart? {
        guard let part = parts.popFirst() else { return nil }
        bytes -= HeldParts.bytes(of: part)
        return part
    }

    mutating func removeAll() {
        parts.removeAll()
        bytes = 0
    }

    private static func bytes(of part: HTTPServerRequestPart) -> Int {
        if case .body(let body) = part { body.readableBytes } else { 0 }
    }
}
