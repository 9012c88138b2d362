import Collector
import Events
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// The bytes of request bodies that are held at this moment, over all connections.
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

/// A request's share of the bytes in flight, given back when the request has been answered.
final class Reservation: Sendable {
    private let inFlight: InFlightBytes
    private let held = Atomic<Int>(0)

    init(_ inFlight: InFlightBytes) { self.inFlight = inFlight }

    deinit { inFlight.give(back: held.load(ordering: .relaxed)) }

    /// Takes more; false when all requests together would hold too much.
    func take(_ bytes: Int) -> Bool {
        guard inFlight.take(bytes) else { return false }
        held.add(bytes, ordering: .relaxed)
        return true
    }
}

/// A request that is answered with an error of its own.
struct Refusal: Error {
    var status: HTTPResponse.Status
    var message: String
    var retryAfter: Int?

    static let tooLarge = Refusal(
        status: .contentTooLarge,
        message: "too_large: a body may have up to \(Collector.bodyBytes) bytes, decompressed; send it in parts")
    static let underPressure = Refusal(
        status: .tooManyRequests, message: "too many bytes in flight: slow down and try again", retryAfter: 1)
}

/// Reads request bodies into padded blocks, within their bounds.
enum RequestBytes {
    /// How much of a body that is refused is read and thrown away, so that its sender gets to read the answer.
    static let drainBytes = 48 << 20

    /// The whole body of a request with its compression undone, counted into the reservation.
    static func read(_ request: Request, _ reservation: Reservation) async throws -> PaddedBytes {
        let coding = request.headers[.contentEncoding] ?? "identity"
        let encoding = BodyEncoding(contentCoding: coding)
        let isPlain = coding.isEmpty || coding.lowercased() == "identity"
        var refusal = encoding != nil || isPlain ? nil : unsupported(coding)
        var bytes = PaddedBytes(capacity: 64 << 10)
        var drained = 0
        for try await chunk in request.body {
            let count = chunk.readableBytes
            if refusal == nil {
                if bytes.count + count > Collector.bodyBytes {
                    refusal = .tooLarge
                } else if !reservation.take(count) {
                    refusal = .underPressure
                } else {
                    chunk.withUnsafeReadableBytes { bytes.append($0) }
                    continue
                }
            }
            drained += count
            if drained > drainBytes { break }
        }
        if let refusal { throw refusal }
        guard let encoding else { return bytes }
        return try inflated(bytes, encoding, reservation)
    }

    private static func unsupported(_ encoding: String) -> Refusal {
        Refusal(
            status: .unsupportedMediaType,
            message: "content-encoding \(encoding.prefix(40)) is not supported: send gzip, zstd or none")
    }

    private static func inflated(
        _ bytes: borrowing PaddedBytes, _ encoding: BodyEncoding, _ reservation: Reservation
    ) throws -> PaddedBytes {
        do throws(InflateError) {
            return try Inflater.inflate(bytes, as: encoding, limit: Collector.bodyBytes) { reservation.take($0) }
        } catch {
            switch error {
            case .malformed: throw Refusal(status: .badRequest, message: error.description)
            case .tooLarge: throw Refusal.tooLarge
            case .refused: throw Refusal.underPressure
            }
        }
    }
}
