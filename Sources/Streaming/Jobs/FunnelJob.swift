package import Events

/// How many sessions of a day came how far: a view, a cart at or after the first view, a purchase at or after such a
/// cart. A session belongs to the business day of its first view.
public struct FunnelTotals: BitwiseCopyable, Sendable, Equatable {
    /// Sessions with a view.
    public var views: Int64 = 0
    /// Of those, sessions with a cart at or after the first view.
    public var carts: Int64 = 0
    /// Of those, sessions with a purchase at or after such a cart.
    public var purchases: Int64 = 0

    /// Nothing.
    public init() {}
}

/// The live funnel, by the sessions that the shop's tracker names.
///
/// What is kept of a session is enough to be exact when its events come in order, and when views, carts or purchases
/// come late as long as no two carts lie between the times that then move; a session that pauses for more than
/// `generation` other sessions is begun anew.
package struct FunnelJob: ~Copyable {
    /// How many sessions a generation holds; the older of two is forgotten when the younger is full.
    static let generation = 600_000

    /// What is kept of a session.
    package struct Session: BitwiseCopyable {
        var firstView = Int64.max
        var lastPurchase = Int64.min
        /// The earliest cart at or after the first view.
        var cartAfter = Int64.max
        /// The latest cart before the first view: it counts when an earlier view turns up.
        var cartBefore = Int64.min
        var day = Int32.min
        /// 0 nothing, 1 viewed, 2 carted, 3 purchased.
        var stage: Int32 = 0
    }

    private var sessions: GenerationTable<Int64, Session>
    private var totals = OpenTable<FunnelTotals>(empty: FunnelTotals())

    /// The funnel of every business day.
    package var days: [Int32: FunnelTotals] {
        var days: [Int32: FunnelTotals] = [:]
        totals.forEach { key, totals in days[Int32(truncatingIfNeeded: Int64(bitPattern: key))] = totals.pointee }
        return days
    }

    /// The sums of a day. Bit 32 keeps the key of day 0 from being zero.
    @inline(__always)
    private mutating func sum(_ day: Int32) -> UnsafeMutablePointer<FunnelTotals> {
        totals.value(UInt64(UInt32(bitPattern: day)) | 1 << 32)
    }

    /// A funnel without sessions.
    ///
    /// - Parameter owned: the key groups of the sessions that will come.
    package init(owned: Range<Int> = KeyGroup.all) {
        sessions = GenerationTable(
            "sessions of the funnel", empty: Session(),
            generation: max(1, FunnelJob.generation * owned.count / KeyGroup.count))
    }

    /// Takes in one view, cart or purchase of a session.
    @inline(__always)
    package mutating func add(
        _ type: EventType, session hash: UInt64, at instant: Int64, calendar: inout BusinessCalendar
    ) {
        let slot = sessions.slot(Int64(bitPattern: hash))
        let before = slot.pointee.value.value
        var session = before
        switch type {
        case .click:
            guard instant < session.firstView else { return }
            session.firstView = instant
            if session.cartBefore >= instant {
                session.cartAfter = min(session.cartAfter, session.cartBefore)
                session.cartBefore = .min
            }
            session.day = calendar.day(of: instant)
        case .cart:
            if instant >= session.firstView {
                session.cartAfter = min(session.cartAfter, instant)
            } else {
                session.cartBefore = max(session.cartBefore, instant)
            }
        case .purchase:
            session.lastPurchase = max(session.lastPurchase, instant)
        default:
            return
        }
        let stage = max(before.stage, FunnelJob.stage(session))
        session.stage = stage
        slot.pointee.value.value = session
        sessions.changed(slot)
        if stage != before.stage || (stage > 0 && session.day != before.day) {
            move(from: before, to: session)
        }
    }

    private static func stage(_ session: Session) -> Int32 {
        if session.firstView == .max { return 0 }
        if session.cartAfter == .max { return 1 }
        return session.lastPurchase >= session.cartAfter ? 3 : 2
    }

    private mutating func move(from before: Session, to after: Session) {
        if before.stage > 0 { count(before, -1) }
        count(after, 1)
    }

    private mutating func count(_ session: Session, _ sign: Int64) {
        let sum = sum(session.day)
        if session.stage >= 1 { sum.pointee.views += sign }
        if session.stage >= 2 { sum.pointee.carts += sign }
        if session.stage >= 3 { sum.pointee.purchases += sign }
    }

    /// Has the processor fetch what `add` looks at.
    @inline(__always)
    func prefetch(session hash: UInt64) { sessions.prefetch(Int64(bitPattern: hash)) }

    /// What it holds.
    package var usages: [StateUsage] { [sessions.usage] }
    var needsWhole: Bool { sessions.needsWhole }

    mutating func write(to writer: inout ByteWriter, _ scope: CheckpointScope) {
        sessions.write(to: &writer, scope)
    }

    mutating func restore(from reader: inout ByteReader, _ isKept: (Int) -> Bool) throws {
        try sessions.restore(from: &reader, isKept)
    }

    /// Takes in the sessions of another one, which has other keys.
    mutating func merge(_ other: borrowing FunnelJob) { sessions.merge(other.sessions) }

    mutating func add(day: Int32, _ totals: FunnelTotals) {
        let sum = sum(day)
        sum.pointee.views += totals.views
        sum.pointee.carts += totals.carts
        sum.pointee.purchases += totals.purchases
    }

    mutating func restoreForgotten(_ count: Int64) { sessions.restoreForgotten(count) }
    mutating func restore(_ key: UInt64, _ session: Session, young isYoung: Bool) {
        sessions.restore(young: isYoung, Int64(bitPattern: key), session)
    }
}
