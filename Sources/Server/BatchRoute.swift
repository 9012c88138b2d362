import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// `POST /api/v1/batch`: runs the models now, all of them, or those that a body in JSON names.
struct BatchRoute: Sendable {
    /// The largest body: a selection.
    static let bodyBytes = 64 << 10

    let operations: any ShopOperations

    func add(to router: Router<BasicRequestContext>) {
        router.post("/api/v1/batch") { request, _ in try await self.run(request) }
    }

    private struct Asked: Decodable {
        var select: [String]?
        var exclude: [String]?
        var full_refresh: Bool?
    }

    private func run(_ request: Request) async throws -> Response {
        let body = try await request.body.collect(upTo: Self.bodyBytes)
        var asked = Asked()
        if body.readableBytes > 0 {
            // What a page of another origin may send without asking first is no JSON.
            let type = request.headers[.contentType]?.split(separator: ";").first.map { $0.lowercased() }
            guard type == "application/json" else {
                return JSONResponse.error(.unsupportedMediaType, "send application/json, or no body for all models")
            }
            guard let read = try? JSONDecoder().decode(Asked.self, from: Data(body.readableBytesView)) else {
                return JSONResponse.error(
                    .badRequest,
                    "send {\"select\": [words], \"exclude\": [words], \"full_refresh\": true or false}, or no body for "
                        + "all models")
            }
            asked = read
        }
        do {
            let report = try await operations.rebuild(
                select: asked.select ?? [], exclude: asked.exclude ?? [], fullRefresh: asked.full_refresh ?? false)
            return JSONResponse.make(.ok, report)
        } catch let refusal as WrongRequest {
            return JSONResponse.error(.badRequest, refusal.description)
        } catch {
            return JSONResponse.error(.internalServerError, "\(error)")
        }
    }
}
