import Collector
import Events
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

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

/// Reads request bodies into padded blocks, within their bounds.
enum RequestBytes {
    /// The whole body of a request with its compression undone, counted into the reservation.
    static func read(_ request: Request, _ reservation: Reservation, limits: DoorLimits) async throws -> PaddedBytes {
        var encoding: BodyEncoding?
        var refusal: DoorRefusal?
        do throws(DoorRefusal) {
            encoding = try DoorRequest.encoding(request.headers[.contentEncoding])
        } catch {
            // The rest is still read, within the bound, so that the client gets to read the answer.
            refusal = error
        }
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
            if drained > limits.discardedBytes { break }
        }
        if let refusal { throw refusal }
        guard let encoding else { return bytes }
        return try inflated(bytes, encoding, reservation)
    }

    private static func inflated(
        _ bytes: borrowing PaddedBytes, _ encoding: BodyEncoding, _ reservation: Reservation
    ) throws -> PaddedBytes {
        do throws(InflateError) {
            return try Inflater.inflate(bytes, as: encoding, limit: Collector.bodyBytes) { reservation.take($0) }
        } catch {
            throw DoorRefusal(error)
        }
    }
}
