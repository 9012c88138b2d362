import Access
import Events
import Foundation
import HTTPTypes
import Hummingbird
import Iceberg
import NIOCore

/// `/iceberg/v1/…`: the Iceberg REST catalog.
struct CatalogMiddleware: RouterMiddleware {
    typealias Context = BasicRequestContext

    /// Where the catalog is; clients are given the address up to here.
    static let root = "/iceberg"
    /// Where a client exchanges a credential for the token.
    static let tokenPath = "/iceberg/v1/oauth/tokens"

    let service: CatalogService
    let door: Door
    /// What callers have shown, if anything is asked of them.
    let token: String?

    /// Whether a path is the catalog's.
    static func has(_ path: String) -> Bool { path == root || path.hasPrefix(root + "/") }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard Self.has(request.uri.path) else { return try await next(request, context) }
        var label = "other"
        let answer: CatalogAnswer
        if request.uri.path == Self.tokenPath {
            label = "oauth_tokens"
            answer = await tokenAnswer(request)
        } else {
            do {
                try checkSender(request)
                let path = try Self.parts(of: request.uri.path)
                let route = try CatalogRoute(request.method.rawValue, path)
                label = route.label
                answer = try await self.answer(request, path, route)
            } catch {
                answer = CatalogAnswer(CatalogError(error))
            }
        }
        service.metrics.answered(label, answer.status)
        return Self.response(answer, isHead: request.method == .head)
    }

    private func answer(_ request: Request, _ path: [String], _ route: CatalogRoute) async throws -> CatalogAnswer {
        let reservation = Reservation(door.inFlight)
        defer { withExtendedLifetime(reservation) {} }
        var asked = CatalogRequest(method: request.method.rawValue, path: path)
        for (name, value) in request.uri.queryParameters { asked.query[String(name)] = String(value) }
        asked.ifNoneMatch = request.headers[.ifNoneMatch]
        asked.body = try await body(of: request, reservation)
        let question = asked
        return try await service.workers.run { [service] in service.answer(question, route) }
    }

    private func body(of request: Request, _ reservation: Reservation) async throws -> [UInt8] {
        let limit = service.settings.limits.bodyBytes
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit { throw tooLarge }
        let bytes = try await RequestBytes.read(request, reservation, limits: door.limits)
        guard bytes.count <= limit else { throw tooLarge }
        return bytes.withBytes { Array($0) }
    }

    private var tooLarge: CatalogError {
        CatalogError(
            413, "PayloadTooLargeException",
            "a request's body may have up to \(service.settings.limits.bodyBytes) bytes: commit less at once")
    }

    // MARK: Who asks

    /// Keeps web pages out, which a browser on this machine would send for: engines do not say what page they are.
    private func checkSender(_ request: Request) throws {
        let host = request.head.authority ?? ""
        if let origin = request.headers[.origin], !DoorRequest.isOwn(origin, host: host) {
            throw CatalogError.forbidden("web pages of \(origin.prefix(200)) may not use the catalog")
        }
        // Without a token the server listens on this machine alone; a page whose name was made to mean this machine
        // shows that name here.
        guard token == nil else { return }
        let name = host.hasPrefix("[") ? String(host.prefix { $0 != "]" }) + "]" : String(host.prefix { $0 != ":" })
        guard name.isEmpty || name == "localhost" || name == "[::1]" || Self.isLoopback(name) else {
            throw CatalogError.forbidden(
                "the catalog answers to localhost and 127.0.0.1 only while no token is set, not to \(name.prefix(200))")
        }
    }

    private static func isLoopback(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return parts.count == 4 && parts[0] == 127 && parts.allSatisfy { $0 != nil }
    }

    /// The parts of a path after `/iceberg/v1`, percent-decoded.
    private static func parts(of path: String) throws -> [String] {
        let raw = path.dropFirst(root.count + 1).split(separator: "/", omittingEmptySubsequences: false)
        guard raw.first == "v1" else {
            throw CatalogError(
                404, "NotFoundException", "the catalog is at /iceberg/v1: give clients the address up to /iceberg")
        }
        return try raw.dropFirst().map { part in
            guard let text = String(part).removingPercentEncoding, !text.isEmpty else {
                throw CatalogError.badRequest("a part of the path is empty, or its percent-encoding is not UTF-8")
            }
            return text
        }
    }

    // MARK: Tokens

    /// Exchanges a credential for the token that it is (RFC 6749, section 4.4; RFC 8693): clients that have only this
    /// way of showing it get along, and a token that is refreshed stays what it was.
    private func tokenAnswer(_ request: Request) async -> CatalogAnswer {
        do {
            guard request.method == .post else { throw CatalogError.methodNotAllowed("POST") }
            let reservation = Reservation(door.inFlight)
            defer { withExtendedLifetime(reservation) {} }
            let form = Self.form(try await body(of: request, reservation))
            guard let token else {
                return Self.oauthError(400, "unsupported_grant_type", "this catalog asks for no token: leave it out")
            }
            let shown: String?
            switch form["grant_type"] {
            case "client_credentials": shown = form["client_secret"] ?? Self.basic(request)
            case "urn:ietf:params:oauth:grant-type:token-exchange": shown = form["subject_token"]
            default: return Self.oauthError(400, "unsupported_grant_type", "send client_credentials")
            }
            guard let shown, SecretDigest(of: shown).isSame(as: SecretDigest(of: token)) else {
                return Self.oauthError(401, "invalid_client", "the client secret is the server's token")
            }
            return .object { writer in
                writer.member("access_token", token)
                writer.member("token_type", "bearer")
                writer.member("issued_token_type", "urn:ietf:params:oauth:token-type:access_token")
                writer.member("expires_in", 86_400)
            }
        } catch {
            return CatalogAnswer(CatalogError(error))
        }
    }

    private static func oauthError(_ status: Int, _ error: String, _ description: String) -> CatalogAnswer {
        var answer = CatalogAnswer.object { writer in
            writer.member("error", error)
            writer.member("error_description", description)
        }
        answer.status = status
        return answer
    }

    /// The fields of `a=b&c=d`.
    private static func form(_ body: [UInt8]) -> [String: String] {
        var fields: [String: String] = [:]
        for pair in String(decoding: body, as: UTF8.self).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                String($0).replacing("+", with: " ").removingPercentEncoding ?? ""
            }
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        return fields
    }

    /// The secret of `Authorization: Basic`.
    private static func basic(_ request: Request) -> String? {
        guard let header = request.headers[.authorization], header.lowercased().hasPrefix("basic "),
            let data = Data(base64Encoded: String(header.dropFirst(6)))
        else { return nil }
        let text = String(decoding: data, as: UTF8.self)
        return text.firstIndex(of: ":").map { String(text[text.index(after: $0)...]) }
    }

    // MARK: The answer

    static func response(_ answer: CatalogAnswer, isHead: Bool) -> Response {
        var headers = HTTPFields()
        if !answer.body.isEmpty { headers[.contentType] = "application/json" }
        headers[.cacheControl] = "no-store"
        if let tag = answer.entityTag {
            headers[.eTag] = tag
            headers[.cacheControl] = "no-cache"
        }
        if let seconds = answer.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        if let allow = answer.allow { headers[.allow] = allow }
        let body =
            isHead || answer.body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body))
        return Response(status: HTTPResponse.Status(code: answer.status), headers: headers, body: body)
    }
}
