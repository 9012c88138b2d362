import EventLog
import Events
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle
import Streaming
import Telemetry

/// What people and machines read: health, metrics, the live view, gold and the books.
struct ReadRoutes: Sendable {
    let door: Door
    let feed: LiveFeed
    let metrics: Metrics
    let operations: any ShopOperations
    let version: String

    func add(to router: Router<BasicRequestContext>) {
        router.get("/healthz") { _, _ in JSONResponse.make(.ok, Array("{\"status\":\"ok\"}".utf8)) }
        router.get("/readyz") { _, _ in
            if let reason = operations.unreadiness() { return JSONResponse.error(.serviceUnavailable, reason) }
            return JSONResponse.make(.ok, Array("{\"status\":\"ready\"}".utf8))
        }
        router.get("/metrics") { _, _ in
            door.metrics.refresh(inFlight: door.inFlight.current)
            var headers = HTTPFields()
            headers[.contentType] = "text/plain; version=0.0.4; charset=utf-8"
            return Response(
                status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text())))
        }
        router.get("/openapi.json") { _, _ in JSONResponse.make(.ok, Array(OpenAPI.document(version: version).utf8)) }
        router.get("/api/v1/fraud") { request, _ in
            let asked = request.uri.queryParameters
            return fraud(minScore: asked["min_score"], since: asked["since"], limit: asked["limit"])
        }
        router.get("/api/v1/live/sales") { request, _ in
            let asked = request.uri.queryParameters
            return try await sales(
                by: asked["by"], grain: asked["grain"], last: asked["last"], top: asked["top"],
                age: ReadRoutes.age(request))
        }
        router.get("/api/v1/live/bestsellers") { request, _ in
            let asked = request.uri.queryParameters
            return try await bestSellers(
                grain: asked["grain"], last: asked["last"], currency: asked["currency"], limit: asked["limit"],
                age: ReadRoutes.age(request))
        }
        router.get("/api/v1/live/sessions") { request, _ in
            let days = ReadRoutes.bounded(request.uri.queryParameters["days"], 1, 1...35)
            return try await live { try await feed.questions.sessions(days: days, age: ReadRoutes.age(request)) }
        }
        router.get("/api/v1/live/stock") { request, _ in
            let limit = ReadRoutes.bounded(request.uri.queryParameters["limit"], 100, 1...10_000)
            return try await live { try await feed.questions.stock(limit: limit, age: ReadRoutes.age(request)) }
        }
        router.get("/api/v1/anomalies") { request, _ in
            let asked = request.uri.queryParameters
            return anomalies(since: asked["since"], severity: asked["severity"], limit: asked["limit"])
        }
        router.get("/api/v1/sales/daily") { request, _ in
            let days = ReadRoutes.bounded(request.uri.queryParameters["days"], 90, 1...3_660)
            return try await answer { try await operations.dailySales(days: days) }
        }
        router.get("/api/v1/status") { _, _ in try await answer { try await operations.status() } }
        router.get("/api/v1/quarantine") { request, _ in
            let limit = ReadRoutes.bounded(request.uri.queryParameters["limit"], 20, 1...1_000)
            return try await answer { try await operations.quarantine(limit: limit) }
        }
        router.post("/api/v1/verify") { _, _ in try await answer { try await operations.verify() } }
    }

    /// Purchases of at least a score, at or after `since` (RFC 3339), newest first.
    private func fraud(minScore: Substring?, since: Substring?, limit: Substring?) -> Response {
        guard let since = since.map({ Timestamp.parse(String($0)) }) ?? Int64.min else {
            return JSONResponse.error(.badRequest, "since is no time: write it as 2026-01-31T08:00:00Z")
        }
        guard let least = minScore.map({ Int($0) }) ?? 0, (0...100).contains(least) else {
            return JSONResponse.error(.badRequest, "min_score is a whole number from 0 to 100")
        }
        let limit = ReadRoutes.bounded(limit, 100, 1...FraudWatch.alertsListed)
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.withoutEscapingSlashes]
            let report = feed.fraud.filtered(minScore: least, since: since, limit: limit)
            return JSONResponse.make(.ok, Array(try encoder.encode(report)))
        } catch {
            return JSONResponse.error(.internalServerError, "\(error)")
        }
    }

    /// Live sales by channel, store, country or product, in minutes, hours or business days.
    private func sales(
        by dimension: Substring?, grain: Substring?, last: Substring?, top: Substring?, age: Int
    ) async throws -> Response {
        guard
            let question = SalesReport.Question(
                by: String(dimension ?? "channel"), grain: String(grain ?? "hour"),
                last: ReadRoutes.bounded(last, 24, 1...1_000), top: top.map { ReadRoutes.bounded($0, 10, 1...1_000) })
        else {
            return JSONResponse.error(
                .badRequest, "by is channel, store, country or product, and grain is minute, hour or day")
        }
        return try await live { try await feed.questions.sales(question, now: EmbeddedLog.wallClock(), age: age) }
    }

    /// The products that sold most in the last minutes, hours or business days.
    private func bestSellers(
        grain: Substring?, last: Substring?, currency: Substring?, limit: Substring?, age: Int
    ) async throws -> Response {
        guard
            let question = SalesReport.Question(
                by: "product", grain: String(grain ?? "minute"), last: ReadRoutes.bounded(last, 60, 1...1_000))
        else { return JSONResponse.error(.badRequest, "grain is minute, hour or day") }
        let code = currency.flatMap { CurrencyCode(String($0)) }
        guard currency == nil || code != nil else {
            return JSONResponse.error(.badRequest, "currency is three upper-case letters, such as USD")
        }
        let limit = ReadRoutes.bounded(limit, 10, 1...BestSellersReport.productsMax)
        return try await live {
            try await feed.questions.bestSellers(
                question, currency: code, limit: limit, now: EmbeddedLog.wallClock(), age: age)
        }
    }

    private func live(_ ask: () async throws -> [UInt8]?) async throws -> Response {
        guard let answer = try await ask() else {
            return JSONResponse.error(.serviceUnavailable, "the live view is not ready, or too many ask", retryAfter: 1)
        }
        return JSONResponse.make(.ok, answer)
    }

    /// Anomalies that go on, or ended at `since` (RFC 3339) or later, of at least a severity, newest first.
    private func anomalies(since: Substring?, severity: Substring?, limit: Substring?) -> Response {
        guard let since = since.map({ Timestamp.parse(String($0)) }) ?? Int64.min else {
            return JSONResponse.error(.badRequest, "since is no time: write it as 2026-01-31T08:00:00Z")
        }
        guard let least = Anomaly.Severity(rawValue: String(severity ?? "info")) else {
            return JSONResponse.error(.badRequest, "severity is info, warning or critical")
        }
        let limit = ReadRoutes.bounded(limit, 100, 1...AnomalyBounds.remembered)
        do {
            let report = feed.anomalies.filtered(since: since, severity: least, limit: limit)
            return JSONResponse.make(.ok, Array(try JSONEncoder().encode(report)))
        } catch {
            return JSONResponse.error(.internalServerError, "\(error)")
        }
    }

    /// How many seconds old the answer to a question about the live state may be: 0 unless the asker says more.
    private static func age(_ request: Request) -> Int {
        bounded(request.uri.queryParameters["max_age"], 0, 0...LiveQuestions.ageMax)
    }

    private static func bounded(_ text: Substring?, _ standard: Int, _ range: ClosedRange<Int>) -> Int {
        guard let text, let value = Int(text) else { return standard }
        return min(max(value, range.lowerBound), range.upperBound)
    }

    private func answer(_ work: () async throws -> [UInt8]) async throws -> Response {
        do {
            return JSONResponse.make(.ok, try await work())
        } catch {
            return JSONResponse.error(.internalServerError, "\(error)")
        }
    }
}
