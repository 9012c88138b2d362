import Collector
import EventLog
import Events
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Telemetry

/// `POST /v1/events`: the door.
struct EventRoutes: Sendable {
    let collector: Collector
    let inFlight = InFlightBytes(limit: ServerConfiguration.inFlightBytes)
    let acknowledgement: Histogram

    init(collector: Collector, metrics: Metrics) {
        self.collector = collector
        acknowledgement = metrics.histogram(
            "cartograph_acknowledgement_seconds",
            help: "From the first byte of a request's body read to its events being durable.")
    }

    func add(to router: Router<BasicRequestContext>) {
        router.post("/v1/events") { request, _ in try await self.collect(request) }
        router.post("/v1/quarantine") { request, _ in try await self.quarantine(request) }
    }

    /// Takes what a sender could not turn into events: NDJSON of `{"reason", "source", "raw"}`, the last in base64.
    private func quarantine(_ request: Request) async throws -> Response {
        do {
            let stamp = try EventRoutes.stamp(request.headers)
            let reservation = Reservation(inFlight)
            defer { withExtendedLifetime(reservation) {} }
            let body = try await RequestBytes.read(request, reservation)
            let rows = try EventRoutes.rejected(body.withBytes { Data($0) })
            return EventRoutes.accepted(try await collector.quarantine(rows, stamp: stamp))
        } catch let refusal as Refusal {
            return JSONResponse.error(refusal.status, refusal.message, retryAfter: refusal.retryAfter)
        } catch let error as CollectError {
            return EventRoutes.refused(error)
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
            throw Refusal(status: .contentTooLarge, message: "too_large: over \(Collector.requestEvents) rows")
        }
        return try lines.enumerated().map { index, line in
            guard let row = try? JSONDecoder().decode(RejectedLine.self, from: line),
                let rejected = RejectedBytes(reason: row.reason, source: row.source, raw: Array(row.raw))
            else {
                throw Refusal(
                    status: .badRequest, message: "line \(index + 1) needs a known reason, a source and raw in base64")
            }
            return rejected
        }
    }

    private func collect(_ request: Request) async throws -> Response {
        do {
            let format = try EventRoutes.format(request.headers[.contentType])
            let stamp = try EventRoutes.stamp(request.headers)
            let began = ContinuousClock.now
            let reservation = Reservation(inFlight)
            defer { withExtendedLifetime(reservation) {} }
            let body = try await RequestBytes.read(request, reservation)
            let result = try await collector.collect(body, as: format, source: "http", stamp: stamp)
            let took = ContinuousClock.now - began
            acknowledgement.observe(Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18)
            return EventRoutes.accepted(result)
        } catch let refusal as Refusal {
            return JSONResponse.error(refusal.status, refusal.message, retryAfter: refusal.retryAfter)
        } catch let error as CollectError {
            return EventRoutes.refused(error)
        }
    }

    private static func refused(_ error: CollectError) -> Response {
        switch error {
        case .tooManyEvents: JSONResponse.error(.contentTooLarge, "too_large: \(error)")
        case .log(.batchTooLarge): JSONResponse.error(.contentTooLarge, "too_large: \(error)")
        case .log(.busy): JSONResponse.error(.tooManyRequests, error.description, retryAfter: 1)
        case .log(.outOfOrder): JSONResponse.error(.conflict, error.description)
        case .log: JSONResponse.error(.serviceUnavailable, error.description, retryAfter: 5)
        }
    }

    private static func format(_ contentType: String?) throws -> BodyFormat {
        let type = contentType?.split(separator: ";").first.map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
        switch type {
        case "application/json": return .json
        case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
            return .ndjson
        // What browsers send from sendBeacon, and what curl and senders without a type of their own send.
        case nil, "", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream": return .either
        case .some(let other):
            throw Refusal(
                status: .unsupportedMediaType,
                message:
                    "content-type \(other.prefix(80)) is not supported: send application/json or application/x-ndjson")
        }
    }

    /// A sender that numbers its batches is stored once however often it sends.
    private static func stamp(_ headers: HTTPFields) throws -> ProducerStamp? {
        guard let producer = headers[.cartographProducer] else { return nil }
        guard !producer.isEmpty, producer.utf8.count <= AppendBatch.producerBytes,
            let sequence = headers[.cartographSequence].flatMap({ Int64($0) }), sequence > 0
        else {
            throw Refusal(
                status: .badRequest,
                message: "cartograph-producer needs a name of at most \(AppendBatch.producerBytes) bytes and a "
                    + "cartograph-sequence of 1 or more")
        }
        return ProducerStamp(producer: producer, sequence: sequence)
    }

    private static func accepted(_ result: CollectResult) -> Response {
        var json = "{\"accepted\":\(result.accepted),\"rejected\":["
        json += result.rejected.map { "{\"index\":\($0.index),\"reason\":\"\($0.reason)\"}" }.joined(separator: ",")
        json += "],\"rejected_count\":\(result.rejectedCount),\"commit\":\(result.commit)"
        if result.isRepeat { json += ",\"repeat\":true" }
        return JSONResponse.make(.accepted, Array((json + "}").utf8))
    }
}

extension HTTPField.Name {
    /// Names a sender that numbers its batches.
    static let cartographProducer = HTTPField.Name("Cartograph-Producer").unsafelyUnwrapped
    /// The number of the batch.
    static let cartographSequence = HTTPField.Name("Cartograph-Sequence").unsafelyUnwrapped
}

/// Answers in JSON.
enum JSONResponse {
    static func make(_ status: HTTPResponse.Status, _ json: [UInt8]) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "application/json"
        headers[.cacheControl] = "no-store"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: json)))
    }

    static func error(_ status: HTTPResponse.Status, _ message: String, retryAfter: Int? = nil) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        // Encoding a string cannot fail.
        let text = (try? encoder.encode(["error": message])).map { Array($0) } ?? Array("{}".utf8)
        var response = make(status, text)
        if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
        return response
    }
}
