import Access
import Collector
import Events
import NIOCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Storing what a request brought, and answering it.
extension DoorHandler {
    /// Hands a whole body to the collector.
    func store() {
        guard var exchange, let bytes = body.take(), let context else { return }
        var refusal: DoorRefusal?
        var plain: PaddedBytes?
        if let encoding = exchange.encoding {
            let before = exchange.reserved
            do throws(InflateError) {
                plain = try Inflater.inflate(bytes, as: encoding, limit: Collector.bodyBytes) { more in
                    guard door.inFlight.take(more) else { return false }
                    exchange.reserved += more
                    return true
                }
                // The compressed bytes are no longer held.
                door.inFlight.give(back: before)
                exchange.reserved -= before
            } catch {
                refusal = DoorRefusal(error)
            }
        } else {
            plain = consume bytes
        }
        self.exchange = exchange
        phase = .storing
        guard let plain = plain.take() else {
            if let refusal { refuse(refusal) }
            return
        }
        // From here on the completion has what the exchange had.
        self.exchange = nil
        let began = clock.bodyBegan
        let loop = context.eventLoop
        let this = NIOLoopBound(self, eventLoop: loop)
        door.collector.collect(plain, as: exchange.format, source: "http", stamp: exchange.stamp) {
            [door, grant = exchange.grant, reserved = exchange.reserved] outcome in
            door.inFlight.give(back: reserved)
            door.settle(outcome, grant, began)
            if loop.inEventLoop {
                this.value.stored(outcome)
            } else {
                loop.execute { this.value.stored(outcome) }
            }
        }
    }

    private func stored(_ outcome: Result<CollectResult, CollectError>) {
        guard phase == .storing else { return }
        switch outcome {
        case .success(let result):
            answer(202) { DoorAnswer.write(result, $0, date: $1, to: &$2) }
            finish()
        case .failure(let error):
            refuse(DoorRefusal(error))
        }
    }

    /// Answers with an error, whatever the request in progress has come to.
    func refuse(_ refusal: DoorRefusal, isLast: Bool = false) {
        let isWhole = phase == .storing
        giveUp()
        door.metrics.refused(refusal)
        if isLast { isKeptAlive = false }
        phase = .discarding
        answer(refusal.status) { DoorAnswer.write(refusal, $0, date: $1, to: &$2) }
        // A client that was told that this is the end need not send the rest.
        if isWhole || isLast { finish() }
    }

    func answer(
        _ status: Int, _ write: (DoorAnswer.Fields, String, inout ByteBuffer) -> Void
    ) {
        guard let context else { return }
        door.metrics.answered(status)
        if clock.isStopping && !held.hasRequest { isKeptAlive = false }
        fields.isLast = !isKeptAlive
        var bytes = context.channel.allocator.buffer(capacity: 384)
        write(fields, door.dates.text, &bytes)
        wire?.send(bytes)
    }

    /// The request in progress was read and answered: on to the next one.
    func finish() {
        guard phase != .closed else { return }
        phase = .waiting
        fields = DoorAnswer.Fields()
        clock.answered(.now())
        if isKeptAlive { pump() } else { startClosing() }
    }

    /// Ends the connection in a way that lets the client read what was sent: a close with bytes unread resets it.
    func startClosing() {
        guard let context, phase != .closed else { return }
        giveUp()
        phase = .closing
        held.removeAll()
        if isInputEnded {
            wire?.closeWhenSent()
        } else {
            context.close(mode: .output, promise: nil)
            clock.closing(.now())
            watch()
            readOn()
        }
    }
}

/// Answers that never end.
extension DoorHandler {
    /// What of a stream of events the system holds at most that is not on its way yet, in bytes.
    private static let unsentBytes = 16_384

    /// Has the connection hold next to nothing that its client does not read: what a stream of events says is soon old, and
    /// one who reads again is to get the newest, not what was new minutes ago.
    func queueLittle(_ channel: any Channel) {
        guard let options = channel.syncOptions else { return }
        do {
            // Not writable as long as anything written before has not gone to the system (a message, then, is whole).
            try options.setOption(.writeBufferWaterMark, value: .init(low: 1, high: 1))
            try options.setOption(.tcpOption(.init(rawValue: TCP_NOTSENT_LOWAT)), value: Self.unsentBytes)
        } catch {
            // A connection that is closing has no options any more, and no need of them.
        }
    }
}
