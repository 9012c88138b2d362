import NIOCore

/// When a connection has to have got further: no more than instants and counts, so that the rules stand in one place.
struct DoorClock {
    private var idleSince = NIODeadline.now()
    private var headBegan: NIODeadline?
    private(set) var bodyBegan = NIODeadline.now()
    private(set) var bodyBytes = 0
    private var closingSince: NIODeadline?
    private var stalledSince: NIODeadline?
    private var stoppingSince: NIODeadline?

    /// Whether the server was asked to stop.
    var isStopping: Bool { stoppingSince != nil }
    /// Whether a part of a head has been read.
    var isInHead: Bool { headBegan != nil }
    /// Whether the client leaves answers unread.
    var isStalled: Bool { stalledSince != nil }

    mutating func active(_ now: NIODeadline) { idleSince = now }

    mutating func bytes(_ now: NIODeadline, isHead: Bool) {
        idleSince = now
        if isHead && headBegan == nil { headBegan = now }
    }

    mutating func head(_ now: NIODeadline) {
        headBegan = nil
        bodyBegan = now
        bodyBytes = 0
    }

    mutating func body(_ bytes: Int) { bodyBytes += bytes }

    mutating func answered(_ now: NIODeadline) { idleSince = now }

    mutating func closing(_ now: NIODeadline) { closingSince = closingSince ?? now }

    mutating func stopping(_ now: NIODeadline) { stoppingSince = stoppingSince ?? now }

    mutating func writable(_ isWritable: Bool, _ now: NIODeadline) {
        stalledSince = isWritable ? nil : stalledSince ?? now
    }

    /// When the connection's time is over; nil when it may take as long as it takes.
    ///
    /// - Parameter isPassed: whether a request that Hummingbird has was handed to it whole.
    func deadline(_ phase: DoorHandler.Phase, _ isPassed: Bool, _ limits: DoorLimits) -> NIODeadline? {
        var deadline = progress(phase, isPassed, limits)
        func sooner(_ since: NIODeadline, _ seconds: Double) {
            let other = since + .seconds(seconds)
            deadline = deadline.map { min($0, other) } ?? other
        }
        if let stalledSince { sooner(stalledSince, limits.stallSeconds) }
        if let stoppingSince, phase == .reading || phase == .discarding { sooner(stoppingSince, limits.drainSeconds) }
        return deadline
    }

    private func progress(_ phase: DoorHandler.Phase, _ isPassed: Bool, _ limits: DoorLimits) -> NIODeadline? {
        switch phase {
        case .waiting:
            if let headBegan { return headBegan + .seconds(limits.headSeconds) }
            return idleSince + .seconds(limits.idleSeconds)
        case .reading, .discarding,
            .passing where !isPassed:
            let atRate = limits.bodyGraceSeconds + Double(bodyBytes) / limits.bodyBytesPerSecond
            return bodyBegan + .seconds(min(limits.bodySeconds, atRate))
        case .closing:
            return (closingSince ?? idleSince) + .seconds(limits.lingerSeconds)
        case .passing, .storing, .closed:
            return nil
        }
    }
}

extension TimeAmount {
    /// An amount of time in seconds and parts of them.
    static func seconds(_ seconds: Double) -> TimeAmount { .nanoseconds(Int64(seconds * 1e9)) }
}
