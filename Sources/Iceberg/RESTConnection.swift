import Foundation
import Storage
import Synchronization

/// Requests to one REST catalog: addresses, tokens, attempts, and what statuses mean.
final class RESTConnection: Sendable {
    /// What a request may do, which says what to make of a missing answer.
    enum Effect: Sendable {
        /// Nothing: it may be sent again.
        case reads
        /// Something that an answer alone tells of.
        case changes
        /// A commit: a conflict is another writer's.
        case commits
    }

    private struct Token {
        var text: String
        /// Nanoseconds of uptime; nil when it does not end.
        var ends: UInt64?
    }

    let settings: RESTCatalogSettings
    private let transport: HTTPTransport
    /// The address that the settings name, up to and with `/v1`.
    private let base: String
    private let token = Mutex<Token?>(nil)
    private let adopted: Mutex<(base: String, prefix: String, headers: [String: String])>

    /// Largest answer that is read, in bytes: a table's metadata is in it.
    static let answerBytes = StorageLimits.metadataBytes
    /// A token is renewed this many seconds before it ends.
    private static let tokenMarginSeconds = 60.0

    init(_ settings: RESTCatalogSettings) throws {
        try settings.validate()
        self.settings = settings
        base = Self.base(of: settings.uri)
        adopted = Mutex((base, "", settings.headers))
        do {
            transport = try HTTPTransport(.init(certificateAuthorities: settings.certificateAuthorities))
        } catch let error as HTTPTransportError {
            throw IcebergError(.badRequest, error.description)
        }
    }

    private static func base(of uri: String) -> String {
        var uri = uri
        while uri.hasSuffix("/") { uri.removeLast() }
        if uri.hasSuffix("/v1") { uri.removeLast(3) }
        return uri + "/v1"
    }

    /// Takes over what the catalog's configuration asks for; requests after this one go by it. Tokens are still fetched
    /// where the settings say.
    /// - Throws: ``IcebergError`` `.badRequest` for another address that is none, or where the token would not be safe.
    func adopt(uri: String?, prefix: String?, headers: [String: String]) throws {
        try RESTCatalogSettings.validate(headers)
        if let uri {
            let isSafe = uri.hasPrefix("https://") || uri.hasPrefix("http://") && !base.hasPrefix("https://")
            guard isSafe else {
                throw IcebergError(
                    .badRequest,
                    "the catalog at \(base) sends its clients on to \"\(uri.prefix(200))\", which is no address, or not as safe: "
                        + "name the right address in the configuration")
            }
        }
        let parts = (prefix ?? "").split(separator: "/").map { Self.encoded(String($0)) }
        adopted.withLock { $0 = (uri.map(Self.base) ?? base, parts.map { "/" + $0 }.joined(), headers) }
    }

    /// Sends a request and returns the body of a good answer.
    ///
    /// - Parameters:
    ///   - path: parts after the prefix, not encoded.
    ///   - isConfig: whether it is the one request that goes without the prefix.
    /// - Throws: ``IcebergError``.
    func send(
        _ method: String, _ path: [String], query: [(String, String)] = [], body: [UInt8] = [], effect: Effect,
        isConfig: Bool = false
    ) throws -> [UInt8] {
        let (base, prefix, headers) = adopted.withLock { $0 }
        var url = base + (isConfig ? "" : prefix) + path.map { "/" + Self.encoded($0) }.joined()
        if !query.isEmpty {
            url += "?" + query.map { Self.encoded($0) + "=" + Self.encoded($1) }.joined(separator: "&")
        }
        var isRenewed = false
        var attempt = 0
        while true {
            attempt += 1
            var request = HTTPRequest(method, url, body: body)
            for (name, value) in headers { request.headers[name] = value }
            request.headers["Accept"] = "application/json"
            if !body.isEmpty { request.headers["Content-Type"] = "application/json" }
            if let token = try bearer() { request.headers["Authorization"] = "Bearer " + token }
            var failure: IcebergError
            var pause: Double?
            do {
                let response = try transport.send(
                    request, timeoutSeconds: effect == .commits ? settings.commitSeconds : settings.requestSeconds,
                    bytesMax: Self.answerBytes)
                if (200..<300).contains(response.status) { return response.body }
                if response.status == 401, !isRenewed, settings.token == nil, settings.credential != nil {
                    // The token has ended before its time: a new one, once.
                    isRenewed = true
                    token.withLock { $0 = nil }
                    continue
                }
                failure = Self.failure(response, "\(method) \(request.url.prefix { $0 != "?" })", effect)
                // 429 is said before anything is done; the others may have been said by a gateway that lost the answer.
                let isOpen =
                    response.status == 429 || effect == .reads && [500, 502, 503, 504].contains(response.status)
                guard isOpen else { throw failure }
                pause = response.headers["Retry-After"].flatMap { Double($0) }
            } catch let error as HTTPTransportError {
                let kind: IcebergError.Kind = error.mayHaveArrived && effect != .reads ? .uncertain : .unavailable
                failure = IcebergError(kind, "the catalog gave no answer: \(error.description)")
                guard kind == .unavailable else { throw failure }
            }
            guard attempt < settings.attempts else { throw failure }
            let bound = min(settings.lastPauseSeconds, settings.firstPauseSeconds * Double(1 << min(attempt - 1, 16)))
            let seconds =
                pause.map { min(max($0, 0), settings.lastPauseSeconds) } ?? Double.random(in: 0...max(bound, 0))
            Thread.sleep(forTimeInterval: seconds)
        }
    }

    // MARK: Tokens

    private func bearer() throws -> String? {
        if let token = settings.token { return token }
        guard let credential = settings.credential else { return nil }
        // Others wait here while one of them fetches it.
        return try token.withLock { held in
            let now = DispatchTime.now().uptimeNanoseconds
            if let held, held.ends.map({ now < $0 }) ?? true { return held.text }
            let fresh = try fetchToken(credential)
            held = fresh
            return fresh.text
        }
    }

    private func fetchToken(_ credential: String) throws -> Token {
        let parts = credential.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var form = [("grant_type", "client_credentials"), ("scope", settings.scope)]
        if parts.count == 2 { form.append(("client_id", parts[0])) }
        form.append(("client_secret", parts[parts.count - 1]))
        let body = form.map { Self.encoded($0) + "=" + Self.encoded($1) }.joined(separator: "&")
        let url = settings.tokenURI ?? base + "/oauth/tokens"
        let request = HTTPRequest(
            "POST", url, headers: ["Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"],
            body: Array(body.utf8))
        let response: HTTPResponse
        do {
            response = try transport.send(request, timeoutSeconds: settings.requestSeconds, bytesMax: 1 << 20)
        } catch let error as HTTPTransportError {
            throw IcebergError(.unavailable, "no token could be fetched: \(error.description)")
        }
        if [404, 405, 501].contains(response.status) {
            throw IcebergError(
                .forbidden,
                "\(url) exchanges no credential for a token (\(response.status)): give the catalog's token itself, or the "
                    + "address of the server that makes tokens")
        }
        guard response.status == 200, let json = try? JSON(parsing: response.body),
            let text = json["access_token"]?.string, !text.isEmpty
        else {
            throw IcebergError(
                response.status >= 500 ? .unavailable : .forbidden,
                "\(url) gave no token for the credential (\(response.status)): \(Self.words(response))")
        }
        let lifetime = json["expires_in"]?.int64.map { max(Double($0) - Self.tokenMarginSeconds, 1) }
        let ends = lifetime.map { DispatchTime.now().uptimeNanoseconds + UInt64(min($0, 1e9) * 1e9) }
        return Token(text: text, ends: ends)
    }

    // MARK: Errors

    /// What a status means.
    private static func failure(_ response: HTTPResponse, _ what: String, _ effect: Effect) -> IcebergError {
        let type = (try? JSON(parsing: response.body))?["error"]?["type"]?.string ?? ""
        let kind: IcebergError.Kind =
            switch response.status {
            case 400, 405, 413, 414, 415, 422, 431: .badRequest
            case 401, 403, 419: .forbidden
            case 404: type == "NoSuchNamespaceException" ? .badNamespace : .notFound
            case 406, 501: .unsupported
            case 409 where type == "NamespaceNotEmptyException": .namespaceNotEmpty
            case 409: effect == .commits && type != "AlreadyExistsException" ? .conflict : .alreadyExists
            case 429: .unavailable
            case 500...: effect == .reads ? .unavailable : .uncertain
            default: .badRequest
            }
        let hint = kind == .forbidden ? " (check the token or credential of the catalog, and what it may do)" : ""
        return IcebergError(kind, "\(what) was answered with \(response.status): \(words(response))\(hint)")
    }

    /// What an answer says, on one line and not too long.
    private static func words(_ response: HTTPResponse) -> String {
        let json = try? JSON(parsing: response.body)
        let text =
            json?["error"]?["message"]?.string ?? json?["error_description"]?.string
            ?? String(decoding: response.body.prefix(300), as: UTF8.self)
        return String(text.prefix(600).map { $0.isNewline ? " " : $0 })
    }

    /// Percent-encoded for a path or a query (RFC 3986, section 2.3: all but unreserved characters).
    static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            let isUnreserved =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "-._~".utf8.contains(byte)
            bytes += isUnreserved ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
