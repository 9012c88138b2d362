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

    private(set) var young = OpenTable<Session>(empty: Session())
    private(set) var old = OpenTable<Session>(empty: Session())
    /// The funnel of every business day.
    package private(set) var days: [Int32: FunnelTotals] = [:]
    private(set) var forgotten: Int64 = 0

    /// A funnel without sessions.
    package init() {}

    /// Takes in one view, cart or purchase of a session.
    @inline(__always)
    package mutating func add(
        _ type: EventType, session hash: UInt64, at instant: Int64, calendar: inout BusinessCalendar
    ) {
        let key = hash == 0 ? 1 : hash
        let session = slot(key)
        let before = session.pointee
        switch type {
        case .click:
            guard instant < session.pointee.firstView else { return }
            session.pointee.firstView = instant
            if session.pointee.cartBefore >= instant {
                session.pointee.cartAfter = min(session.pointee.cartAfter, session.pointee.cartBefore)
                session.pointee.cartBefore = .min
            }
            session.pointee.day = calendar.day(of: instant)
        case .cart:
            if instant >= session.pointee.firstView {
                session.pointee.cartAfter = min(session.pointee.cartAfter, instant)
            } else {
                session.pointee.cartBefore = max(session.pointee.cartBefore, instant)
            }
        case .purchase:
            session.pointee.lastPurchase = max(session.pointee.lastPurchase, instant)
        default:
            return
        }
        let stage = max(before.stage, FunnelJob.stage(session.pointee))
        session.pointee.stage = stage
        if stage != before.stage || (stage > 0 && session.pointee.day != before.day) {
            move(from: before, to: session.pointee)
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
        var totals = days[session.day] ?? FunnelTotals()
        if session.stage >= 1 { totals.views += sign }
        if session.stage >= 2 { totals.carts += sign }
        if session.stage >= 3 { totals.purchases += sign }
        days[session.day] = totals
    }

    @inline(__always)
    private mutating func slot(_ key: UInt64) -> UnsafeMutablePointer<Session> {
        if let known = young.find(key) { return known }
        if young.count >= FunnelJob.generation {
            forgotten += Int64(old.count)
            swap(&young, &old)
            young = OpenTable<Session>(empty: Session())
        }
        let earlier = old.find(key)?.pointee
        let fresh = young.value(key)
        if let earlier { fresh.pointee = earlier }
        return fresh
    }

    mutating func restore(day: Int32, _ totals: FunnelTotals) { days[day] = totals }
    mutating func restoreForgotten(_ count: Int64) { forgotten = count }
    mutating func restore(_ key: UInt64, _ session: Session, young isYoung: Bool) {
        if isYoung { young.value(key).pointee = session } else { old.value(key).pointee = session }
    }
}
