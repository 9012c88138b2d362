import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// Where a collector answers.
struct CollectorAddress: Sendable {
    let host: String
    let port: Int
    let token: String?

    /// Reads `http://host[:port]`.
    init(_ text: String, token: String?) throws {
        guard let url = URL(string: text), let scheme = url.scheme?.lowercased(), let host = url.host(), !host.isEmpty
        else {
            throw CommandError("'\(text)' is no address: write http://host:port")
        }
        guard scheme == "http" else {
            throw CommandError("'\(text)': only http:// is supported; put a proxy in front for https")
        }
        self.host = host.trimmingCharacters(in: ["[", "]"])
        port = url.port ?? 80
        self.token = token
    }
}

/// What a collector answered.
struct CollectorAnswer {
    let status: Int
    let body: [UInt8]
    let retryAfter: Int?
}

/// One HTTP/1.1 connection to a collector, one request at a time.
struct CollectorConnection {
    private typealias Channel = NIOAsyncChannel<HTTPClientResponsePart, SendableHTTPClientRequestPart>
    /// The largest answer that is read.
    private static let answerBytes = 16 << 20

    private let address: CollectorAddress
    private let outbound: NIOAsyncChannelOutboundWriter<SendableHTTPClientRequestPart>
    private var inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator

    /// Connects, runs `body` with the connection, and closes it.
    static func open<Result: Sendable>(
        _ address: CollectorAddress, _ body: (inout CollectorConnection) async throws -> Result
    ) async throws -> Result {
        let channel: Channel
        do {
            channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .connectTimeout(.seconds(5))
                .connect(host: address.host, port: address.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        try channel.pipeline.syncOperations.addHandler(RequestPartHandler())
                        return try Channel(wrappingChannelSynchronously: channel)
                    }
                }
        } catch {
            throw CommandError(
                "no collector answers at http://\(address.host):\(address.port) (\(error)): is `cartograph up` running?"
            )
        }
        return try await channel.executeThenClose { inbound, outbound in
            var connection = CollectorConnection(
                address: address, outbound: outbound, inbound: inbound.makeAsyncIterator())
            return try await body(&connection)
        }
    }

    /// Sends a request and reads its answer.
    mutating func post(
        _ path: String, _ body: ByteBuffer, contentType: String = "application/x-ndjson",
        headers extra: [(String, String)] = []
    ) async throws -> CollectorAnswer {
        try await send(path, body, contentType, extra)
        return try await answer()
    }

    /// Sends JSON and reads an answer that comes line by line; one that is no success comes as its last line, with its
    /// status.
    mutating func post(
        _ path: String, json body: [UInt8], line: @escaping ([UInt8]) throws -> Void
    ) async throws -> CollectorAnswer {
        try await send(path, ByteBuffer(bytes: body), "application/json", [])
        return try await answer(line: line)
    }

    private mutating func send(
        _ path: String, _ body: ByteBuffer, _ contentType: String, _ extra: [(String, String)]
    ) async throws {
        var headers = HTTPHeaders([
            ("host", "\(address.host):\(address.port)"), ("content-type", contentType),
            ("content-length", String(body.readableBytes)),
        ])
        for (name, value) in extra { headers.add(name: name, value: value) }
        if let token = address.token { headers.add(name: "authorization", value: "Bearer \(token)") }
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: path, headers: headers)
        try await outbound.write(contentsOf: [.head(head), .body(body), .end])
    }

    private mutating func answer(line: (([UInt8]) throws -> Void)? = nil) async throws -> CollectorAnswer {
        var status = 0
        var retryAfter: Int?
        var body: [UInt8] = []
        while let part = try await inbound.next() {
            switch part {
            case .head(let head):
                status = Int(head.status.code)
                retryAfter = head.headers.first(name: "retry-after").flatMap { Int($0) }
            case .body(let bytes):
                guard body.count + bytes.readableBytes <= CollectorConnection.answerBytes else {
                    throw CommandError("the collector's answer is over \(CollectorConnection.answerBytes) bytes")
                }
                body.append(contentsOf: bytes.readableBytesView)
                guard let line, status == 200 else { continue }
                while let end = body.firstIndex(of: 0x0a) {
                    try line(Array(body[..<end]))
                    body.removeSubrange(...end)
                }
            case .end:
                return CollectorAnswer(status: status, body: body, retryAfter: retryAfter)
            }
        }
        throw CommandError("the collector closed the connection before it answered")
    }
}

/// The parts of a request as values that may cross threads.
enum SendableHTTPClientRequestPart: Sendable {
    case head(HTTPRequestHead)
    case body(ByteBuffer)
    case end
}

/// Hands request parts on in the form that NIO's encoder takes.
private final class RequestPartHandler: ChannelOutboundHandler {
    typealias OutboundIn = SendableHTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part: HTTPClientRequestPart =
            switch unwrapOutboundIn(data) {
            case .head(let head): .head(head)
            case .body(let bytes): .body(.byteBuffer(bytes))
            case .end: .end(nil)
            }
        context.write(wrapOutboundOut(part), promise: promise)
    }
}
