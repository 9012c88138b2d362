import Events

/// What the sessions of a business day on a channel add up to. A session belongs to the day it began on.
package struct SessionTotals: BitwiseCopyable, Sendable, Equatable {
    /// Sessions that are over.
    package var sessions: Int64 = 0
    /// Of those, with a counted purchase.
    package var converted: Int64 = 0
    /// With a cart event.
    package var withCart: Int64 = 0
    /// With a cart event and no counted purchase.
    package var abandoned: Int64 = 0
    /// Of one event.
    package var bounced: Int64 = 0
    /// Events in them.
    package var events: Int64 = 0
    /// From the first event to the last, in microseconds, of all together.
    package var duration: Int64 = 0
    /// What their counted purchases paid in the reporting currency, in ten-thousandths.
    package var revenue: Int128 = 0

    static func += (left: inout SessionTotals, right: SessionTotals) {
        left.sessions += right.sessions
        left.converted += right.converted
        left.withCart += right.withCart
        left.abandoned += right.abandoned
        left.bounced += right.bounced
        left.events += right.events
        left.duration += right.duration
        left.revenue += right.revenue
    }
}

/// How often sessions of a day began and ended with a page.
package struct PageTotals: BitwiseCopyable, Sendable, Equatable {
    /// Sessions whose first click was on it.
    package var entries: Int64 = 0
    /// Sessions whose last click was on it.
    package var exits: Int64 = 0
    /// Of those that began with it, the ones with a counted purchase.
    package var conversions: Int64 = 0

    static func += (left: inout PageTotals, right: PageTotals) {
        left.entries += right.entries
        left.exits += right.exits
        left.conversions += right.conversions
    }
}

/// Sessions as they end: a user's events on one channel without a pause of 30 minutes or more.
///
/// Time is that of the events. A session is over when the watermark is the gap past its last event; the watermark is
/// `lateness` behind the newest event of the partition that is furthest behind, where an event that claims to be of the
/// future counts as of its arrival. A partition without events for `idleAfter` holds nothing up. What comes later than that,
/// and would begin a session that is over, is late and counted as such; batch has it. So an import in the order of time
/// ends its sessions as it goes, and what a live shop gets from years ago is late.
package struct SessionsJob: ~Copyable {
    /// A pause of so much ends a session, in microseconds.
    static let gap = 30 * Timestamp.minute
    /// How far events may be out of order without being late, in microseconds.
    static let lateness = 5 * Timestamp.minute
    /// How long a partition may be silent, by the time of arrival, in microseconds.
    static let idleAfter = Timestamp.minute
    /// How many business days are kept.
    static let daysKept: Int32 = 35
    /// The most pages that are told apart; entries and exits of further ones are not told.
    static let pagesMax = 65_536
    /// The most bytes of open sessions.
    static let openBytes = 1 << 30

    typealias Steps = Then<
        Source<Keyed<Int64, Visit>>, SessionWindows<Int64, VisitAggregate, CountOnly<Keyed<Int64, Visit>>>
    >

    private var query: Query<Steps, SessionLedger>
    private var pages = NameBook("pages of sessions", most: SessionsJob.pagesMax)
    private let owned: Range<Int>
    private var watermarks = Watermarks(
        partitions: 0, outOfOrder: SessionsJob.lateness, idleAfter: SessionsJob.idleAfter)
    /// When the newest commit arrived.
    private var arrivedAt = Int64.min
    private var lateBefore: Int64 = 0
    /// Events that found no room.
    package private(set) var unkept: Int64 = 0

    /// No sessions yet.
    ///
    /// - Parameter owned: the key groups of the sessions that are counted here.
    init(calendar: BusinessCalendar, owned: Range<Int> = KeyGroup.all) {
        self.owned = owned
        // A pause of exactly the gap ends a session; the operator's sessions go on at it.
        query = Source<Keyed<Int64, Visit>>()
            .sessions(gap: SessionsJob.gap - 1, VisitAggregate(), limitBytes: SessionsJob.openBytes)
            .into(SessionLedger(calendar: calendar))
        query.first.pointee.second.noteChanges()
    }

    /// Events of one partition come that arrived together.
    ///
    /// What a commit brings is in order within its topics alone, so that time moves on with the next one.
    ///
    /// - Parameter highest: the latest time among the events.
    mutating func arrive(_ receivedAt: Int64, partition: Int, highest: Int64) {
        if receivedAt > arrivedAt {
            arrivedAt = receivedAt
            // By whole minutes, which is as often as sessions need to end.
            let watermark = watermarks.advance(now: receivedAt)
            if watermark > .min { advance(to: watermark / Timestamp.minute * Timestamp.minute) }
        }
        watermarks.observe(partition, min(highest, receivedAt), now: receivedAt)
    }

    /// Ends all sessions, as if nothing ever came again.
    mutating func finish() { advance(to: .max) }

    private mutating func advance(to watermark: Int64) {
        do {
            try query.advance(to: watermark)
        } catch {
            // Sessions that end need no memory; where there is none, they are told as what found no room.
            unkept += 1
        }
    }

    /// Forgets days that are over.
    mutating func tidy(today: Int32) { query.sink.forget(before: today - SessionsJob.daysKept + 1) }

    /// The key of a user's sessions on a channel.
    @inline(__always)
    static func key(user: StringRef, _ channel: ChannelCode) -> Int64 {
        Int64(bitPattern: TextHash.of(user, seed: UInt64(channel.code)))
    }

    /// The key of a page.
    @inline(__always)
    static func key(page: StringRef) -> UInt64 { TextHash.nonzero(page) }

    /// Has the processor fetch what an event with a page looks at.
    @inline(__always)
    func prefetch(page: UInt64) { pages.prefetch(page) }

    /// Has the processor fetch what an event of this key looks at.
    @inline(__always)
    func prefetch(_ key: Int64) { query.first.pointee.second.prefetch(key) }

    /// Takes in an event.
    ///
    /// - Parameters:
    ///   - key: the ``key(user:_:)``.
    ///   - page: a click's, with its ``key(page:)``.
    ///   - amount: an order's in the reporting currency, in ten-thousandths.
    @inline(__always)
    mutating func add(
        _ step: Visit.Step, key: Int64, _ channel: ChannelCode, page: (key: UInt64, name: StringRef)?, amount: Int64,
        at place: Visit.Place
    ) {
        guard owned.count == KeyGroup.count || owned.contains(KeyGroup.of(key)) else { return }
        var pageHash: UInt64 = 0
        if let page, pages.note(page.key, page.name) { pageHash = page.key }
        let visit = Visit(place: place, page: pageHash, amount: amount, step: step.rawValue, channel: channel.code)
        do {
            try query.receive(Keyed(key, visit), at: place.time)
        } catch {
            // The bound is reached: told as `unkept`, and the rest goes on.
            unkept += 1
        }
    }

    /// Events that came too late for their sessions.
    package var late: Int64 { lateBefore + Int64(query.first.pointee.second.late.count) }

    /// Sessions that go on, or may still.
    package var open: Int { query.stateUsage.reduce(0) { $0 + $1.entries } }

    /// The sums by business day and channel.
    package var days: [(day: Int32, channel: ChannelCode, totals: SessionTotals)] {
        query.sink.days.map { ($0.key.day, ChannelCode(code: UInt8($0.key.what)), $0.value) }
            .sorted { ($0.day, $0.channel.code) < ($1.day, $1.channel.code) }
    }

    /// The pages that sessions began and ended with, by business day.
    package var pageTotals: [(day: Int32, page: String, totals: PageTotals)] {
        query.sink.pages.map { ($0.key.day, pages.name($0.key.what) ?? "", $0.value) }
            .sorted { ($0.day, $0.page) < ($1.day, $1.page) }
    }

    /// What it holds.
    package var usages: [StateUsage] { query.stateUsage + [pages.usage] }
    var needsWhole: Bool { pages.needsWhole || query.first.pointee.second.needsWhole }

    mutating func write(to writer: inout ByteWriter, _ scope: CheckpointScope) {
        writer.put(unkept)
        writer.put(late)
        writer.put(arrivedAt)
        watermarks.write(to: &writer)
        // Pages are told by every shard that met them.
        pages.write(to: &writer, CheckpointScope(owned: KeyGroup.all, whole: scope.whole))
        query.first.pointee.second.write(to: &writer, scope)
        query.sink.write(to: &writer)
    }

    /// Takes in a file's part of one shard.
    ///
    /// - Parameter isNewest: whether no other file follows: what is not by key is taken from that one.
    mutating func restore(from reader: inout ByteReader, isNewest: Bool, _ isKept: (Int) -> Bool) throws {
        // The counts of all shards go on in one of them.
        let isFirst = owned.contains(0)
        let (unkept, late) = (try reader.raw(Int64.self), try reader.raw(Int64.self))
        if isFirst && isNewest {
            self.unkept += unkept
            lateBefore += late
        }
        arrivedAt = max(arrivedAt, try reader.raw(Int64.self))
        try watermarks.restore(from: &reader)
        try pages.restore(from: &reader, isKept)
        try query.first.pointee.second.restore(from: &reader) { owned.contains($0) && isKept($0) }
        if isNewest { try query.sink.restore(from: &reader, owned) }
    }
}

/// Where sessions that are over are added up.
package struct SessionLedger: Receiver, ~Copyable {
    package typealias Input = SessionResult<Int64, VisitSum>

    /// A business day and a channel's code, or a page's hash.
    struct Cell: Hashable, BitwiseCopyable {
        var what: UInt64
        var day: Int32
    }

    private var calendar: BusinessCalendar
    private(set) var days: [Cell: SessionTotals] = [:]
    private(set) var pages: [Cell: PageTotals] = [:]
    private var oldest = Int32.min

    init(calendar: BusinessCalendar) { self.calendar = calendar }

    package mutating func receive(_ session: Input, at time: Int64) throws(StreamError) {
        let day = calendar.day(of: session.first)
        guard day >= oldest else { return }
        let value = session.value
        var totals = SessionTotals()
        totals.sessions = 1
        totals.converted = value.orders > 0 ? 1 : 0
        totals.withCart = value.carts > 0 ? 1 : 0
        totals.abandoned = value.carts > 0 && value.orders == 0 ? 1 : 0
        totals.bounced = value.events == 1 ? 1 : 0
        totals.events = Int64(value.events)
        totals.duration = session.last - session.first
        totals.revenue = Int128(value.revenue)
        days[Cell(what: UInt64(value.channel), day: day), default: SessionTotals()] += totals
        if value.entry.page != 0 {
            pages[Cell(what: value.entry.page, day: day), default: PageTotals()] += PageTotals(
                entries: 1, conversions: totals.converted)
        }
        if value.exit.page != 0 {
            pages[Cell(what: value.exit.page, day: day), default: PageTotals()] += PageTotals(exits: 1)
        }
    }

    mutating func forget(before day: Int32) {
        guard day > oldest else { return }
        oldest = day
        days = days.filter { $0.key.day >= day }
        pages = pages.filter { $0.key.day >= day }
    }

    func write(to writer: inout ByteWriter) {
        writer.raw(oldest)
        writer.put(Int64(days.count))
        for (cell, totals) in days {
            writer.raw(cell)
            writer.raw(totals)
        }
        writer.put(Int64(pages.count))
        for (cell, totals) in pages {
            writer.raw(cell)
            writer.raw(totals)
        }
    }

    /// Adds what one shard wrote, of the cells whose sums go on in this one.
    mutating func restore(from reader: inout ByteReader, _ owned: Range<Int>) throws {
        oldest = max(oldest, try reader.raw(Int32.self))
        for _ in 0..<(try reader.count()) {
            let (cell, totals) = (try reader.raw(Cell.self), try reader.raw(SessionTotals.self))
            if SessionLedger.owns(cell, owned) { days[cell, default: SessionTotals()] += totals }
        }
        for _ in 0..<(try reader.count()) {
            let (cell, totals) = (try reader.raw(Cell.self), try reader.raw(PageTotals.self))
            if SessionLedger.owns(cell, owned) { pages[cell, default: PageTotals()] += totals }
        }
    }

    private static func owns(_ cell: Cell, _ owned: Range<Int>) -> Bool {
        owned.contains(KeyGroup.of(Int64(bitPattern: cell.what) &+ Int64(cell.day)))
    }
}
