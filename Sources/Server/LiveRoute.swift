import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle
import Streaming

/// The live view: once, or followed by Server-Sent Events (WHATWG HTML, section 9.2).
struct LiveRoute: Sendable {
    let feed: LiveFeed

    func add(to router: Router<BasicRequestContext>) {
        router.get("/api/v1/live") { request, _ in
            let asked = request.uri.queryParameters
            // A browser that connects again by itself says which message it got last.
            let since =
                HTTPField.Name("Last-Event-ID").flatMap { request.headers[$0] } ?? asked["since"].map(String.init)
            let every = asked["every"].flatMap { Int($0) } ?? LiveFeed.messageEveryMS.lowerBound
            return follow(
                since: since,
                every: min(max(every, LiveFeed.messageEveryMS.lowerBound), LiveFeed.messageEveryMS.upperBound))
        }
        router.get("/api/v1/live/snapshot") { _, _ in
            guard let view = try feed.latest() else {
                return JSONResponse.error(.serviceUnavailable, "the live view is not ready yet", retryAfter: 1)
            }
            return JSONResponse.make(.ok, view)
        }
    }

    /// The whole view first, then what changed, at most one message every so many milliseconds. While a client does not
    /// read, nothing is made for it; when it does again, one message has all that it missed.
    private func follow(since: String?, every: Int) -> Response {
        guard let listener = feed.listen(since: since) else {
            let reason = feed.isClosed ? "the live view has stopped" : "too many listen already"
            return JSONResponse.error(.serviceUnavailable, reason, retryAfter: 5)
        }
        var headers = HTTPFields()
        headers[.contentType] = LiveRoute.contentType
        headers[.cacheControl] = "no-store"
        let body = ResponseBody { writer in
            var listener = listener
            var buffer = ByteBuffer()
            var sentAt = ContinuousClock.now
            var due = sentAt
            for await _ in listener.wakes.cancelOnGracefulShutdown() {
                guard try await LiveRoute.reaches(due) else { break }
                buffer.clear()
                if let message = try listener.next() {
                    // On the beat, so that a message that was a little late does not make the next one late, too.
                    due = max(due, ContinuousClock.now - .milliseconds(every) / 2) + .milliseconds(every)
                    LiveRoute.write(message, to: &buffer)
                } else if ContinuousClock.now - sentAt >= .seconds(LiveFeed.keepAliveSeconds) / 2 {
                    buffer.writeStaticString(": still here\n\n")
                } else {
                    continue
                }
                try await writer.write(buffer)
                sentAt = .now
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    /// The content type of a stream of events.
    static let contentType = "text/event-stream"
    /// The longest sleep that a stop waits for, in milliseconds.
    private static let napMS = 200

    /// Waits for an instant; false when the server is asked to stop before.
    private static func reaches(_ due: ContinuousClock.Instant) async throws -> Bool {
        while true {
            if Task.isShuttingDownGracefully { return false }
            let now = ContinuousClock.now
            guard now < due else { return true }
            try await Task.sleep(until: min(due, now + .milliseconds(napMS)))
        }
    }

    private static func write(_ message: LiveMessage, to buffer: inout ByteBuffer) {
        buffer.writeStaticString(message.isDiff ? "event: diff\nid: " : "event: live\nid: ")
        buffer.writeString(message.id)
        buffer.writeStaticString("\ndata: ")
        buffer.writeBytes(message.json)
        buffer.writeStaticString("\n\n")
    }
}
