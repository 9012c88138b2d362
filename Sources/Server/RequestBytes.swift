import Collector
import Events
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// The bytes of request bodies that are held at this moment.
final class InFlightBytes: Sendable {
    private let held = Atomic<Int>(0)
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Counts bytes in; false when that would pass the limit, and then they are not counted.
    func take(_ bytes: Int) -> Bool {
        let after = held.add(bytes, ordering: .relaxed).newValue
        if after <= limit { return true }
        give(back: bytes)
        return false
    }

    func give(back bytes: Int) { held.subtract(bytes, ordering: .relaxed) }
}

/// A request that is answered with an error of its own.
struct Refusal: Error {
    var status: HTTPResponse.Status
    var message: String
    var retryAfter: Int?
}

/// Reads a request's body into one padded block, within its bounds.
struct RequestBytes: ~Copyable {
    /// How much of a body that is too large is read and thrown away, so that its sender gets to read the answer.
    static let drainBytes = 48 << 20

    private(set) var bytes: PaddedBytes
    private let held: Int
    private let inFlight: InFlightBytes

    init(_ request: Request, inFlight: InFlightBytes) async throws {
        let limit = Collector.bodyBytes
        var bytes = PaddedBytes(capacity: 64 << 10)
        var held = 0
        var refusal: Refusal?
        var drained = 0
        do {
            for try await chunk in request.body {
                if refusal != nil {
                    drained += chunk.readableBytes
                    if drained > RequestBytes.drainBytes { break }
                    continue
                }
                let count = chunk.readableBytes
                if bytes.count + count > limit {
                    refusal = Refusal(
                        status: .contentTooLarge, message: "too_large: a body may have up to \(limit) bytes; send it in parts")
                } else if !inFlight.take(count) {
                    refusal = Refusal(status: .tooManyRequests, message: "too many bytes in flight", retryAfter: 1)
                } else {
                    held += count
                    chunk.withUnsafeReadableBytes { bytes.append($0) }
                }
            }
        } catch {
            inFlight.give(back: held)
            throw error
        }
        if let refusal {
            inFlight.give(back: held)
            throw refusal
        }
        self.held = held
        self.inFlight = inFlight
        self.bytes = bytes
    }

    deinit { inFlight.give(back: held) }

    /// The bytes with their compression undone.
    consuming func decoded(_ encoding: String?) throws -> PaddedBytes {
        switch encoding?.lowercased() {
        case nil, "", "identity":
            let plain = PaddedBytes(copying: bytes.bytes)
            return plain
        case "gzip", "x-gzip", "deflate":
            do throws(InflateError) {
                return try Inflater.inflate(bytes, limit: Collector.bodyBytes)
            } catch {
                switch error {
                case .malformed: throw Refusal(status: .badRequest, message: error.description)
                case .tooLarge: throw Refusal(status: .contentTooLarge, message: "too_large: \(error)")
                }
            }
        case .some(let other):
            throw Refusal(
                status: .unsupportedMediaType,
                message: "content-encoding \(other.prefix(40)) is not supported: send gzip or none")
        }
    }
}
