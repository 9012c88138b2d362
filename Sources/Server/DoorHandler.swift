import Access
import Collector
import EventLog
import Events
import NIOCore
import NIOHTTP1

/// One connection of the server: answers the requests to `/v1/events` itself, on its event loop and without a task, and
/// hands all others on to Hummingbird.
///
/// One request at a time is in progress; what is read meanwhile is held, and then nothing more is read. So answers go
/// out in the order of their requests, and a client that sends ahead costs no memory.
final class DoorHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Where the connection stands.
    enum Phase {
        /// No request's head has been read.
        case waiting
        /// The body of a request for the door is being read.
        case reading
        /// The rest of a request that has been answered already is read and thrown away.
        case discarding
        /// A whole request is with the collector.
        case storing
        /// A request is with Hummingbird.
        case passing
        /// The last answer was sent, and the client is given time to read it.
        case closing
        /// The connection is no more.
        case closed
    }

    /// What is known of the request in progress when it is for the door.
    struct Exchange {
        var format: BodyFormat
        var encoding: BodyEncoding?
        var stamp: ProducerStamp?
        var grant: WriteGrant
        /// Bytes counted as in flight for it.
        var reserved = 0
    }

    let door: Door
    var wire: WireHandler?
    var context: ChannelHandlerContext?
    var phase = Phase.waiting
    var exchange: Exchange?
    var body: PaddedBytes?
    var fields = DoorAnswer.Fields()
    /// Whether the connection stays open after the request in progress, as far as the client is concerned.
    var isKeptAlive = true
    /// Of a request that Hummingbird has: whether all of it was handed on, and whether all of its answer was written.
    var isPassed = false
    private var isPassedAnswered = false

    var held = HeldParts()
    private var isPumping = false
    private var isReadWanted = false
    var isInputEnded = false
    private var isCounted = false

    var clock = DoorClock()
    var timer: Scheduled<Void>?
    var timerAt = NIODeadline.distantFuture

    init(_ door: Door) { self.door = door }

    // MARK: The connection's life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        clock.active(.now())
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        wire = nil
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        isCounted = true
        door.metrics.connectionOpened()
        clock.active(.now())
        watch()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    /// Gives back whatever the connection has: its client is gone. Events that are with the collector stay with it.
    private func end() {
        guard phase != .closed else { return }
        giveUp()
        phase = .closed
        held.removeAll()
        timer?.cancel()
        timer = nil
        if isCounted { door.metrics.connectionClosed() }
        isCounted = false
    }

    /// Drops the body that is being read; nothing of it was stored.
    func giveUp() {
        body = nil
        guard let exchange else { return }
        door.inFlight.give(back: exchange.reserved)
        exchange.grant.settle(events: 0)
        self.exchange = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            clock.stopping(.now())
            switch phase {
            case .waiting where held.isEmpty: context.close(promise: nil)
            // Hummingbird's own handler closes after the answer that is due.
            case .passing: context.fireUserInboundEventTriggered(event)
            default: watch()
            }
        case ChannelEvent.inputClosed:
            isInputEnded = true
            switch phase {
            case .waiting where held.isEmpty, .discarding, .closing: context.close(promise: nil)
            case .reading: refuse(DoorRefusal(400, .malformed, "the request ended before its body did"), isLast: true)
            case .passing: context.fireUserInboundEventTriggered(event)
            case .waiting, .storing, .closed: break
            }
        case ChannelEvent.outputClosed:
            // Hummingbird has said its last.
            if phase == .passing || phase == .waiting {
                phase = .closing
                clock.closing(.now())
                watch()
                readOn()
            }
            context.fireUserInboundEventTriggered(event)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError else {
            // A connection that failed is closed by whoever reads or writes it.
            if phase == .passing { context.fireErrorCaught(error) }
            return
        }
        switch phase {
        case .waiting where held.isEmpty, .reading: refuseMalformed(error)
        case .waiting, .storing: held.error = error
        case .discarding: context.close(promise: nil)
        case .passing:
            if isPassed { held.error = error } else { context.fireErrorCaught(error) }
        case .closing, .closed: break
        }
    }

    private func refuseMalformed(_ error: any Error) {
        if case HTTPParserError.headerOverflow = error {
            refuse(
                DoorRefusal(
                    431, .malformed,
                    "the request's head is too large: a field may have \(door.limits.headerFieldBytes) bytes"),
                isLast: true)
        } else {
            refuse(DoorRefusal(400, .malformed, "this is not HTTP/1.1: \(error)"), isLast: true)
        }
    }

    // MARK: Reading

    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { isReadWanted = true }
    }

    private var isBusy: Bool { phase == .storing || phase == .passing && isPassed }

    /// Reading goes on until something has to be held: to stop it for every request would cost two system calls each.
    private var mayRead: Bool { held.isEmpty && (context?.channel.isWritable ?? false) }

    func readOn() {
        guard isReadWanted, mayRead else { return }
        isReadWanted = false
        context?.read()
    }

    /// Bytes have come, which may be the first of a head.
    func bytesArrive() { clock.bytes(.now(), isHead: phase == .waiting && held.isEmpty) }

    /// All that was read at once has been looked at.
    func readCompleted() { watch() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if isBusy || !held.isEmpty { held.append(part, door.limits) } else { take(part, context) }
    }

    /// Goes on with what is held, as far as that goes.
    func pump() {
        guard !isPumping, let context else { return }
        isPumping = true
        var hasPassed = false
        while !isBusy, phase != .closing, phase != .closed, context.channel.isWritable, let part = held.popFirst() {
            take(part, context)
            if phase == .passing { hasPassed = true }
        }
        isPumping = false
        // Hummingbird looks at what it was given when a read is complete, and this was no read.
        if hasPassed { context.fireChannelReadComplete() }
        guard held.isEmpty, !isBusy else { return }
        if held.hasDropped {
            if phase != .closing && phase != .closed { wire?.closeWhenSent() }
        } else if phase == .waiting {
            if let error = held.error {
                refuseMalformed(error)
            } else if isInputEnded || clock.isStopping {
                wire?.closeWhenSent()
            }
        }
        readOn()
        watch()
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch (phase, part) {
        case (.waiting, .head(let head)): begin(head, context)
        case (.reading, .body(let bytes)): append(bytes)
        case (.reading, .end): store()
        case (.discarding, .body(let bytes)): discard(bytes)
        case (.discarding, .end): finish()
        case (.passing, _):
            if case .body(let bytes) = part { clock.body(bytes.readableBytes) }
            if case .end = part { isPassed = true }
            context.fireChannelRead(wrapInboundOut(part))
            if isPassed && isPassedAnswered { finish() }
        case (.waiting, _), (.reading, .head), (.discarding, .head), (.storing, _), (.closing, _), (.closed, _): break
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        clock.head(.now())
        isKeptAlive = head.isKeepAlive
        guard DoorRequest.isFor(head) else {
            phase = .passing
            isPassed = false
            isPassedAnswered = false
            context.fireChannelRead(wrapInboundOut(.head(head)))
            return
        }
        let request = DoorRequest(head)
        fields = DoorAnswer.Fields(saysKeepAlive: isKeptAlive && head.version == .http1_0)
        if let origin = request.origin, door.access.allows(origin: origin, credential: request.credential) {
            fields.allowedOrigin = origin
        }
        guard head.method == .POST else {
            phase = .discarding
            answer(204) { DoorAnswer.writeOptions($0, date: $1, to: &$2) }
            return
        }
        open(request)
    }

    /// Decides by its head whether a request is let in.
    private func open(_ request: DoorRequest) {
        let isExpecting = request.expectation != nil
        do throws(DoorRefusal) {
            let grant: WriteGrant
            switch door.access.grant(request.credential, origin: request.origin) {
            case .success(let given): grant = given
            case .failure(let refusal): throw DoorRefusal(refusal)
            }
            // From here on the grant is settled by whatever ends the exchange.
            exchange = Exchange(format: .either, grant: grant)
            exchange?.format = try request.format()
            exchange?.encoding = try request.encoding()
            exchange?.stamp = try request.stamp()
            if let expectation = request.expectation, expectation.lowercased() != "100-continue" {
                throw DoorRefusal(417, .malformed, "the only expectation that is met is 100-continue")
            }
            if let length = request.contentLength, length > Collector.bodyBytes { throw DoorRefusal.tooLarge }
            let announced = request.contentLength ?? 0
            body = PaddedBytes(capacity: min(announced, door.limits.presizedBytes))
            phase = .reading
            if isExpecting {
                var bytes = ByteBuffer()
                DoorAnswer.writeContinue(to: &bytes)
                wire?.send(bytes)
            }
        } catch {
            let isEndless = (request.contentLength ?? 0) > door.limits.discardedBytes
            refuse(error, isLast: isExpecting || isEndless)
        }
    }

    private func append(_ bytes: ByteBuffer) {
        let count = bytes.readableBytes
        clock.body(count)
        guard (body?.count ?? 0) + count <= Collector.bodyBytes else { return refuse(.tooLarge) }
        guard door.inFlight.take(count) else { return refuse(.underPressure) }
        exchange?.reserved += count
        bytes.withUnsafeReadableBytes { body?.append($0) }
    }

    private func discard(_ bytes: ByteBuffer) {
        clock.body(bytes.readableBytes)
        if clock.bodyBytes > door.limits.discardedBytes { startClosing() }
    }

    // MARK: What Hummingbird writes

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if phase == .passing {
            switch unwrapOutboundIn(data) {
            case .head(let head) where head.status.code >= 200:
                door.metrics.answered(Int(head.status.code))
                if head.headers.first(name: "content-type") == LiveRoute.contentType { queueLittle(context.channel) }
            case .end: isPassedAnswered = true
            case .head, .body: break
            }
        }
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        if phase == .passing, isPassed, isPassedAnswered { finish() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        clock.writable(context.channel.isWritable, .now())
        context.fireChannelWritabilityChanged()
        if context.channel.isWritable { pump() }
        watch()
    }
}

@available(*, unavailable)
extension DoorHandler: Sendable {}
