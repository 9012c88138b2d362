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

    static func += (left: inout SessionTotals, right: SessionTotals) {
        left.sessions += right.sessions
        left.converted += right.converted
        left.withCart += right.withCart
        left.abandoned += right.abandoned
        left.bounced += right.bounced
        left.events += right.events
        left.duration += right.duration
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
/// Time is that of arrival: a session is over when what arrives now is `lateness` and the gap past its last event. What
/// arrives later than that, and would begin a session that is over, is late and counted as such; batch has it.
package struct SessionsJob: ~Copyable {
    /// A pause of so much ends a session, in microseconds.
    static let gap = 30 * Timestamp.minute
    /// How late an event may arrive without being late, in microseconds.
    static let lateness = 5 * Timestamp.minute
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
    }

    /// What arrives from now on arrives at this time or later.
    mutating func arrive(_ receivedAt: Int64) {
        do {
            try query.advance(to: receivedAt - SessionsJob.lateness)
        } catch {
            // Sessions that end need no memory; where there is none, they are told as what found no room.
            unkept += 1
        }
    }

    /// Forgets days that are over.
    mutating func tidy(today: Int32) { query.sink.forget(before: today - SessionsJob.daysKept + 1) }

    /// Takes in an event.
    @inline(__always)
    mutating func add(
        _ step: Visit.Step, user: StringRef, _ channel: ChannelCode, page: StringRef?, at place: Visit.Place
    ) {
        let hash = KeyHash(user.start, count: user.count, seed: UInt64(channel.code)).high
        let key = Int64(bitPattern: hash)
        guard owned.count == KeyGroup.count || owned.contains(KeyGroup.of(key)) else { return }
        var pageHash: UInt64 = 0
        if let page {
            let hash = KeyHash(page.start, count: page.count).high
            if pages.note(hash == 0 ? 1 : hash, page) { pageHash = hash == 0 ? 1 : hash }
        }
        let visit = Visit(place: place, page: pageHash, step: step.rawValue, channel: channel.code)
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
    var needsWhole: Bool { pages.needsWhole }

    mutating func write(to writer: inout ByteWriter, _ scope: CheckpointScope) {
        writer.put(unkept)
        writer.put(late)
        // Pages are told by every shard that met them.
        pages.write(to: &writer, CheckpointScope(owned: KeyGroup.all, whole: scope.whole))
        let open = query.snapshot(groups: owned)
        writer.put(Int64(open.count))
        writer.bytes.append(contentsOf: open)
        query.sink.write(to: &writer)
    }

    /// Takes in the newest file's part of one shard.
    mutating func restore(from reader: inout ByteReader) throws {
        // The counts of all shards go on in one of them.
        let isFirst = owned.contains(0)
        let (unkept, late) = (try reader.raw(Int64.self), try reader.raw(Int64.self))
        if isFirst {
            self.unkept += unkept
            lateBefore += late
        }
        try pages.restore(from: &reader) { _ in true }
        let length = try reader.count()
        try query.restore(try reader.take(length), groups: owned)
        try query.sink.restore(from: &reader, owned)
    }

    /// Takes in the pages of an older file.
    mutating func restorePages(from reader: inout ByteReader, _ isKept: (Int) -> Bool) throws {
        _ = (try reader.raw(Int64.self), try reader.raw(Int64.self))
        try pages.restore(from: &reader, isKept)
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
        days[Cell(what: UInt64(value.channel), day: day), default: SessionTotals()] += totals
        if value.entryPage != 0 {
            pages[Cell(what: value.entryPage, day: day), default: PageTotals()] += PageTotals(
                entries: 1, conversions: totals.converted)
        }
        if value.exitPage != 0 {
            pages[Cell(what: value.exitPage, day: day), default: PageTotals()] += PageTotals(exits: 1)
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
