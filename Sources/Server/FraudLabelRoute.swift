import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// `POST /api/v1/fraud/labels`: what people found out about purchases, one object or an array of them: an `order_id`, and
/// `fraud` true or false. Durable when it answers; the scores learn it within a second.
struct FraudLabelRoute: Sendable {
    /// The largest body.
    static let bodyBytes = 256 << 10
    /// The most labels of one request.
    static let labelsMax = 1_000

    let operations: any ShopOperations

    func add(to router: Router<BasicRequestContext>) {
        router.post("/api/v1/fraud/labels") { request, _ in try await self.label(request) }
    }

    private struct Said: Decodable {
        let order_id: String
        let fraud: Bool
    }

    private func label(_ request: Request) async throws -> Response {
        // What a page of another origin may send without asking first is no JSON.
        let type = request.headers[.contentType]?.split(separator: ";").first.map { $0.lowercased() }
        guard type == "application/json" else {
            return JSONResponse.error(.unsupportedMediaType, "send application/json")
        }
        if let origin = request.headers[.origin], !DoorRequest.isOwn(origin, host: request.head.authority ?? "") {
            return JSONResponse.error(.forbidden, "pages of other origins may not say what is fraud")
        }
        let body = Data(try await request.body.collect(upTo: Self.bodyBytes).readableBytesView)
        let decoder = JSONDecoder()
        let one = try? decoder.decode(Said.self, from: body)
        guard let said = one.map({ [$0] }) ?? (try? decoder.decode([Said].self, from: body)),
            (1...Self.labelsMax).contains(said.count),
            said.allSatisfy({ (1...128).contains($0.order_id.utf8.count) })
        else {
            return JSONResponse.error(
                .badRequest,
                "send {\"order_id\": an id of 1 to 128 bytes, \"fraud\": true or false}, or an array of up to "
                    + "\(Self.labelsMax) of them")
        }
        do {
            try await operations.label(said.map { ($0.order_id, $0.fraud) })
            return JSONResponse.make(.accepted, Array("{\"accepted\":\(said.count)}".utf8))
        } catch {
            return JSONResponse.error(.internalServerError, "\(error)")
        }
    }
}
