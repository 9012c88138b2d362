import Access
import Collector
import Events
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// `POST /v1/quarantine`: takes what a sender could not turn into events, as NDJSON of `{"reason", "source", "raw"}`,
/// the last in base64. Whoever may send events may send these.
struct QuarantineRoute: Sendable {
    static let path = "/v1/quarantine"
    let door: Door

    func add(to router: Router<BasicRequestContext>) {
        router.post("/v1/quarantine") { request, _ in try await self.quarantine(request) }
    }

    private func quarantine(_ request: Request) async throws -> Response {
        do {
            let grant = try grant(request)
            var events = 0
            defer { grant.settle(events: events) }
            let stamp = try DoorRequest.stamp(
                producer: request.headers[.cartographProducer], sequence: request.headers[.cartographSequence])
            let reservation = Reservation(door.inFlight)
            defer { withExtendedLifetime(reservation) {} }
            let body = try await RequestBytes.read(request, reservation, limits: door.limits)
            let rows = try QuarantineRoute.rejected(body.withBytes { Data($0) })
            let result = try await door.collector.quarantine(rows, stamp: stamp)
            if !result.isRepeat { events = result.rejectedCount }
            var json = ByteBuffer()
            DoorAnswer.writeBody(result, to: &json)
            return JSONResponse.make(.accepted, Array(json.readableBytesView))
        } catch let refusal as DoorRefusal {
            door.metrics.refused(refusal)
            return JSONResponse.error(refusal)
        } catch let error as CollectError {
            let refusal = DoorRefusal(error)
            door.metrics.refused(refusal)
            return JSONResponse.error(refusal)
        }
    }

    private func grant(_ request: Request) throws(DoorRefusal) -> WriteGrant {
        let bearer = request.headers[.authorization].flatMap { DoorRequest.bearer($0) }
        let credential = request.headers[.cartographKey] ?? bearer ?? DoorRequest.queryKey(request.uri.string)
        let host = request.head.authority ?? ""
        let origin = request.headers[.origin].flatMap { DoorRequest.isOwn($0, host: host) ? nil : $0 }
        switch door.access.grant(credential, origin: origin) {
        case .success(let grant): return grant
        case .failure(let refusal): throw DoorRefusal(refusal)
        }
    }

    private struct RejectedLine: Decodable {
        let reason: String
        let source: String
        let raw: Data
    }

    private static func rejected(_ body: Data) throws -> [RejectedBytes] {
        let lines = body.split(separator: 0x0a)
        guard lines.count <= Collector.requestEvents else {
            throw DoorRefusal(413, .tooLarge, "too_large: over \(Collector.requestEvents) rows")
        }
        return try lines.enumerated().map { index, line in
            guard let row = try? JSONDecoder().decode(RejectedLine.self, from: line),
                let rejected = RejectedBytes(reason: row.reason, source: row.source, raw: Array(row.raw))
            else {
                throw DoorRefusal(
                    400, .malformed, "line \(index + 1) needs a known reason, a source and raw in base64")
            }
            return rejected
        }
    }
}

extension HTTPField.Name {
    /// Names a sender that numbers its batches.
    static let cartographProducer = HTTPField.Name("Cartograph-Producer").unsafelyUnwrapped
    /// The number of the batch.
    static let cartographSequence = HTTPField.Name("Cartograph-Sequence").unsafelyUnwrapped
    /// A write key.
    static let cartographKey = HTTPField.Name("X-Cartograph-Key").unsafelyUnwrapped
}
