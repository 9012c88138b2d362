import Access
import HTTPTypes
import Hummingbird

/// Lets in only those who show the token, where one is configured.
///
/// Browsers cannot set headers on a page or an event stream: opening the dashboard once with `?token=…` leaves a
/// cookie.
struct TokenGuard<Context: RequestContext>: RouterMiddleware {
    private let token: String?
    private let digest: SecretDigest?
    private let cookie = "cartograph_token"
    /// What needs no token: whether it is alive, the script of the shop's pages, and what asks for a write key itself.
    private let open: Set<String> = [
        "/healthz", "/readyz", TrackerRoute.path, QuarantineRoute.path, DoorRequest.path, CatalogMiddleware.tokenPath,
    ]

    init(token: String?) {
        self.token = token
        digest = token.map { SecretDigest(of: $0) }
    }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let token, let digest, !open.contains(request.uri.path) else {
            return try await next(request, context)
        }
        if let asked = request.uri.queryParameters["token"], digest.isSame(as: SecretDigest(of: asked)) {
            var response = try await next(request, context)
            response.headers[.setCookie] = "\(cookie)=\(token); HttpOnly; SameSite=Strict; Path=/"
            return response
        }
        let header = request.headers[.authorization].flatMap { DoorRequest.bearer($0) }
        let kept = request.cookies[cookie]?.value
        guard [header, kept].contains(where: { $0.map { digest.isSame(as: SecretDigest(of: $0)) } ?? false }) else {
            var response =
                CatalogMiddleware.has(request.uri.path)
                ? CatalogMiddleware.response(
                    CatalogAnswer(
                        CatalogError(401, "NotAuthorizedException", "send the token as Authorization: Bearer TOKEN")),
                    isHead: request.method == .head)
                : JSONResponse.error(
                    .unauthorized,
                    "send the token as Authorization: Bearer TOKEN, or open the dashboard with ?token=TOKEN")
            response.headers[.wwwAuthenticate] = "Bearer"
            return response
        }
        return try await next(request, context)
    }
}

/// Tells browsers to run nothing but our own files.
struct SecurityHeaders<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        response.headers[.contentSecurityPolicy] = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
        response.headers[.xContentTypeOptions] = "nosniff"
        return response
    }
}

/// Says what went wrong as JSON, as every other answer is.
struct ErrorBodies<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as any HTTPResponseError {
            let message =
                error.status == .notFound
                ? "there is nothing at \(request.uri.path.prefix(200)): /openapi.json says what there is"
                : (error as? HTTPError)?.body ?? error.status.reasonPhrase
            var response = JSONResponse.error(error.status, message)
            if request.method == .head { response.body = ResponseBody() }
            return response
        }
    }
}

/// The methods that `/v1/events` does not have.
struct EventMethods: Sendable {
    func add(to router: Router<BasicRequestContext>) {
        for method in [HTTPRequest.Method.get, .head, .put, .patch, .delete] {
            router.on("/v1/events", method: method) { request, _ in
                var response = JSONResponse.error(.methodNotAllowed, "send events with POST")
                response.headers[.allow] = "POST, OPTIONS"
                if request.method == .head { response.body = ResponseBody() }
                return response
            }
        }
    }
}
