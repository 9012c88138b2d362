import HTTPTypes
import Hummingbird

/// Lets in only those who show the token, where one is configured.
///
/// Browsers cannot set headers on a page or an event stream: opening the dashboard once with `?token=…` leaves a cookie.
struct TokenGuard<Context: RequestContext>: RouterMiddleware {
    let token: String?
    private let cookie = "cartograph_token"

    init(token: String?) { self.token = token }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let token, request.uri.path != "/healthz", request.uri.path != "/readyz" else {
            return try await next(request, context)
        }
        if let asked = request.uri.queryParameters["token"], TokenGuard.isSame(String(asked), token) {
            var response = try await next(request, context)
            response.headers[.setCookie] = "\(cookie)=\(token); HttpOnly; SameSite=Strict; Path=/"
            return response
        }
        let header = request.headers[.authorization].flatMap { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : nil }
        let kept = request.cookies[cookie]?.value
        guard [header, kept].contains(where: { $0.map { TokenGuard.isSame($0, token) } ?? false }) else {
            var response = JSONResponse.error(
                .unauthorized, "send the token as Authorization: Bearer TOKEN, or open the dashboard with ?token=TOKEN")
            response.headers[.wwwAuthenticate] = "Bearer"
            return response
        }
        return try await next(request, context)
    }

    /// Compares without telling by its time how much was right.
    private static func isSame(_ a: String, _ b: String) -> Bool {
        let left = Array(a.utf8)
        let right = Array(b.utf8)
        var difference = left.count ^ right.count
        for i in 0..<right.count { difference |= Int((i < left.count ? left[i] : 0) ^ right[i]) }
        return difference == 0
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
