/// The shop's clock: the event time of each turn, in microseconds since 1970 UTC, and its text.
struct EventClock: Sendable {
    /// The last instant that RFC 3339 can write: 9999-12-31T23:59:59.999999Z.
    static let latest: Int64 = 253_402_300_799_999_999

    /// Turns per `rateSeconds` seconds of event time.
    let rate: Int
    private let rateSeconds: UInt64
    /// The event time of turn `originTurn`.
    private(set) var origin: Int64
    private(set) var originTurn: UInt64
    /// When set, turns are spread evenly from the origin to `target` over `span` turns, instead of at the rate.
    private var target: Int64 = 0
    private var span: UInt64 = 0

    /// Text of the last whole second asked for, up to and including the point: `2026-01-01T00:00:00.`.
    private var secondText = SIMD32<UInt8>(repeating: 0)
    private var second: Int64 = .min

    /// A clock that shows `start` at turn 0.
    init(start: Int64, rate: Int, rateSeconds: Int = 1) {
        self.rateSeconds = UInt64(rateSeconds)
        origin = start
        originTurn = 0
        self.rate = rate
    }

    /// The event time of a turn that is not before the last change of the clock.
    @inline(__always)
    func time(of turn: UInt64) -> Int64 {
        let turns = turn &- originTurn
        if span > 0 {
            let passed = min(turns, span)
            return origin &+ Int64(EventClock.part(passed, of: span, UInt64(target &- origin)))
        }
        let (seconds, rest) = turns.quotientAndRemainder(dividingBy: UInt64(rate))
        if rateSeconds > 1 {
            let micros = rateSeconds &* 1_000_000
            return min(
                origin &+ Int64(seconds &* micros &+ EventClock.part(rest, of: UInt64(rate), micros)), EventClock.latest
            )
        }
        return min(origin &+ Int64(seconds &* 1_000_000 &+ rest &* 1_000_000 / UInt64(rate)), EventClock.latest)
    }

    /// `amount` × `passed` / `span`, rounded down; `passed` is at most `span`, so the quotient fits.
    private static func part(_ passed: UInt64, of span: UInt64, _ amount: UInt64) -> UInt64 {
        span.dividingFullWidth(amount.multipliedFullWidth(by: passed)).quotient
    }

    /// Spreads the next `turns` turns evenly up to `instant`; to the present time of the clock if that is later.
    mutating func spread(_ turns: Int, from turn: UInt64, to instant: Int64) {
        settle(at: turn)
        target = min(max(instant, origin), EventClock.latest)
        span = UInt64(turns)
    }

    /// Goes on at the rate from the event time of `turn`.
    mutating func settle(at turn: UInt64) {
        origin = time(of: turn)
        originTurn = turn
        span = 0
    }

    /// Goes on at the rate from `instant` at `turn`; time never goes back.
    mutating func move(to instant: Int64, at turn: UInt64) {
        settle(at: turn)
        origin = min(max(origin, instant), EventClock.latest)
    }

    /// The text of an instant; that of its second is kept, since many events share one.
    @inline(__always)
    mutating func text(of instant: Int64) -> StampText {
        let (whole, micros) = instant.quotientAndRemainder(dividingBy: 1_000_000)
        if whole != second {
            second = whole
            secondText = EventClock.secondText(whole)
        }
        return StampText(second: secondText, micros: UInt64(micros))
    }

    /// `YYYY-MM-DDTHH:MM:SS.` for a second since 1970.
    ///
    /// The civil date is counted in years that begin in March, so that the leap day comes last
    /// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    private static func secondText(_ second: Int64) -> SIMD32<UInt8> {
        let (days, secondOfDay) = second.quotientAndRemainder(dividingBy: 86_400)
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        var text = SIMD32<UInt8>(repeating: 0)
        var place = 0
        func put(_ number: Int64, _ digits: Int, _ mark: UInt8) {
            var left = number
            for index in stride(from: place + digits - 1, through: place, by: -1) {
                text[index] = 48 + UInt8(left % 10)
                left /= 10
            }
            text[place + digits] = mark
            place += digits + 1
        }
        put(year, 4, 0x2d)
        put(month, 2, 0x2d)
        put(day, 2, 0x54)
        put(secondOfDay / 3_600, 2, 0x3a)
        put(secondOfDay / 60 % 60, 2, 0x3a)
        put(secondOfDay % 60, 2, 0x2e)
        return text
    }
}

/// An instant, ready to be written.
struct StampText: Sendable {
    /// The whole second with its point, 20 bytes.
    let second: SIMD32<UInt8>
    /// The microseconds after it.
    let micros: UInt64
}

extension LineWriter {
    /// An instant in RFC 3339 with microseconds, in UTC.
    @inline(__always)
    mutating func put(_ stamp: StampText) {
        put(stamp.second, count: 20)
        put(stamp.micros, width: 6)
        put(byte: 0x5a)
    }
}
