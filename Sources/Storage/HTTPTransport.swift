import AsyncHTTPClient
import Dispatch
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// HTTP requests that block their caller until the whole answer is there: for object stores and remote catalogs.
///
/// Connections are kept and shared between threads. Redirects are not followed and nothing is sent twice: what a failed
/// request may have done is told by ``HTTPTransportError/mayHaveArrived``, and the caller decides. The work is done on
/// event loops of its own; calling from an event loop is a bug that stops the process.
public final class HTTPTransport: Sendable {
    /// How connections are made.
    public struct Settings: Sendable, Hashable {
        /// Seconds until a connection must stand, TLS included.
        public var connectSeconds = 5.0
        /// Connections to one host at the same time; further requests wait for one, within their timeout.
        public var connectionsPerHost = 32
        /// Seconds that an idle connection is kept; less than servers usually keep it.
        public var idleSeconds = 20.0
        /// A PEM file of certificate authorities to trust in place of the system's; nil for the system's.
        public var certificateAuthorities: String?
        /// Addresses of hosts whose names are not asked for elsewhere.
        public var addresses: [String: String] = [:]

        /// Settings with the defaults above.
        public init(certificateAuthorities: String? = nil) { self.certificateAuthorities = certificateAuthorities }
    }

    private let client: HTTPClient

    /// A transport with connections of its own.
    /// - Throws: ``HTTPTransportError`` when the file of certificate authorities cannot be used.
    public init(_ settings: Settings = Settings()) throws {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: .milliseconds(Int64(settings.connectSeconds * 1000)))
        configuration.connectionPool = .init(
            idleTimeout: .milliseconds(Int64(settings.idleSeconds * 1000)),
            concurrentHTTP1ConnectionsPerHostSoftLimit: settings.connectionsPerHost)
        configuration.dnsOverride = settings.addresses
        // Who calls has a retry of their own; trying in secret until the timeout would hide why it fails.
        configuration.connectionPool.retryConnectionEstablishment = false
        if let file = settings.certificateAuthorities {
            var tls = TLSConfiguration.makeClientConfiguration()
            do {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(file))
            } catch {
                throw HTTPTransportError(
                    "the certificate authorities in \(file) cannot be read (\(error)): give a file of PEM certificates",
                    mayHaveArrived: false)
            }
            configuration.tlsConfiguration = tls
        }
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    deinit {
        // Nobody is left to hear about it; the connections close whatever it says.
        client.shutdown(queue: .global()) { _ in }
    }

    /// Sends a request and waits for the whole answer, whatever its status.
    /// - Parameters:
    ///   - timeoutSeconds: until the answer must be complete, from now.
    ///   - bytesMax: most bytes of the answer's body.
    /// - Throws: ``HTTPTransportError``.
    public func send(
        _ request: HTTPRequest, timeoutSeconds: Double = 30, bytesMax: Int = 64 << 20
    ) throws -> HTTPResponse {
        let answer = AnswerCollector(bytesMax: bytesMax)
        let prepared: HTTPClient.Request
        do {
            prepared = try HTTPClient.Request(
                url: request.url, method: HTTPMethod(rawValue: request.method),
                headers: HTTPHeaders(request.headers.fields.map { ($0.name, $0.value) }),
                body: request.body.isEmpty ? nil : .bytes(request.body))
        } catch {
            throw HTTPTransportError("\(request.shownURL) cannot be asked: \(Self.words(error))", mayHaveArrived: false)
        }
        do {
            return try client.execute(
                request: prepared, delegate: answer,
                deadline: .now() + .milliseconds(Int64(timeoutSeconds * 1000))
            ).wait()
        } catch let error as HTTPTransportError {
            throw error
        } catch {
            // A deadline can pass on one thread while the head goes out on another: only an error of making the
            // connection says for sure that nothing was sent.
            let isTimeout = (error as? HTTPClientError).map { [.deadlineExceeded, .cancelled].contains($0) } ?? false
            throw HTTPTransportError(
                "\(request.method) \(request.shownURL): \(Self.words(error, timeoutSeconds))",
                mayHaveArrived: isTimeout || answer.isSent)
        }
    }

    private static func words(_ error: any Error, _ timeoutSeconds: Double = 0) -> String {
        switch error {
        case let error as HTTPClientError where error == .deadlineExceeded: "no answer within \(timeoutSeconds) s"
        case let error as HTTPClientError where error == .connectTimeout: "no connection within the time for it"
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            "the connection was closed before the answer was complete"
        case let error as HTTPClientError: error.shortDescription
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { words($0.error) } ?? "the host's name is not known"
        case let error as IOError: String(cString: strerror(error.errnoCode))
        default: "\(error)"
        }
    }
}

/// A request whose body is in memory.
public struct HTTPRequest: Sendable, Hashable {
    /// The method, such as `GET`.
    public var method: String
    /// The whole URL, percent-encoded; it is sent as it is.
    public var url: String
    /// The header fields; `Host` and `Content-Length` are set by the transport if they are missing.
    public var headers: HTTPFields
    /// The body; empty for none.
    public var body: [UInt8]

    /// A request.
    public init(_ method: String, _ url: String, headers: HTTPFields = [:], body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }

    /// The URL without its query, which may hold secrets.
    var shownURL: Substring { url.prefix { $0 != "?" } }
}

/// An answer with its whole body.
public struct HTTPResponse: Sendable, Hashable {
    /// The status code, such as 200.
    public var status: Int
    /// The header fields.
    public var headers: HTTPFields
    /// The body, as it came.
    public var body: [UInt8]

    /// An answer.
    public init(status: Int, headers: HTTPFields = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Header fields in order; names are compared without case.
public struct HTTPFields: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// One field.
    public struct Field: Sendable, Hashable {
        /// The name as it was written.
        public var name: String
        /// The value.
        public var value: String
    }

    /// All fields.
    public private(set) var fields: [Field]

    /// Fields in the order given.
    public init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { Field(name: $0, value: $1) }
    }

    /// The first value of a name; setting replaces all of them, and nil removes them.
    public subscript(name: String) -> String? {
        get { fields.first { $0.name.caseInsensitiveCompare(name) == .orderedSame }?.value }
        set {
            fields.removeAll { $0.name.caseInsensitiveCompare(name) == .orderedSame }
            if let newValue { fields.append(Field(name: name, value: newValue)) }
        }
    }

    /// Adds a field after the others, also where the name is there already.
    public mutating func add(_ name: String, _ value: String) { fields.append(Field(name: name, value: value)) }
}

/// Why there is no whole answer.
public struct HTTPTransportError: Error, CustomStringConvertible, Hashable {
    /// What happened, with the URL less its query.
    public let description: String
    /// Whether the server may have got the request, and done what it asks. False means surely not.
    public let mayHaveArrived: Bool
    /// Whether the answer was longer than the caller's bound.
    public let isTooLong: Bool

    /// A failure.
    public init(_ description: String, mayHaveArrived: Bool, isTooLong: Bool = false) {
        self.description = description
        self.mayHaveArrived = mayHaveArrived
        self.isTooLong = isTooLong
    }
}

/// Gathers an answer on its event loop, up to a number of bytes.
private final class AnswerCollector: HTTPClientResponseDelegate {
    private struct State {
        var isSent = false
        var response = HTTPResponse(status: 0)
    }

    private let bytesMax: Int
    private let state = Mutex(State())

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Whether the head went out.
    var isSent: Bool { state.withLock { $0.isSent } }

    func didSendRequestHead(task: HTTPClient.Task<HTTPResponse>, _ head: HTTPRequestHead) {
        state.withLock { $0.isSent = true }
    }

    func didReceiveHead(task: HTTPClient.Task<HTTPResponse>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        state.withLock {
            $0.response.status = Int(head.status.code)
            for (name, value) in head.headers { $0.response.headers.add(name, value) }
            let announced = head.headers.first(name: "Content-Length").flatMap { Int($0) } ?? 0
            // A server's word for memory, but not for much; a HEAD's answer announces what does not come.
            $0.response.body.reserveCapacity(max(0, min(announced, bytesMax, 1 << 20)))
        }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<HTTPResponse>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        let fits = state.withLock {
            guard buffer.readableBytes <= bytesMax - $0.response.body.count else { return false }
            $0.response.body.append(contentsOf: buffer.readableBytesView)
            return true
        }
        guard fits else {
            return task.eventLoop.makeFailedFuture(
                HTTPTransportError(
                    "the answer has more than the \(bytesMax) bytes allowed", mayHaveArrived: true,
                    isTooLong: true))
        }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didFinishRequest(task: HTTPClient.Task<HTTPResponse>) throws -> HTTPResponse {
        state.withLock { state in
            defer { state.response.body = [] }
            return state.response
        }
    }
}
