import Events

/// Sales, orders, clicks and carts: per business day for ever, per minute for the last hours, by channel and currency.
struct SalesJob: ~Copyable {
    /// The most cells of (day, channel, currency) kept: about 37 years of five channels in five currencies.
    static let dayCells = 1 << 20
    /// How many minutes before now are kept.
    static let minutesKept: Int64 = 180

    private(set) var days = OpenTable<SalesTotals>(empty: SalesTotals())
    private(set) var minutes = OpenTable<SalesTotals>(empty: SalesTotals())
    /// Events that found no room among the days.
    private(set) var unkept: Int64 = 0
    private let owned: Range<Int>

    /// No sales yet.
    ///
    /// - Parameter owned: the key groups of the cells that are counted here.
    init(owned: Range<Int> = KeyGroup.all) { self.owned = owned }

    @inline(__always)
    private func owns(_ key: UInt64) -> Bool {
        owned.count == KeyGroup.count || owned.contains(KeyGroup.of(Int64(bitPattern: key)))
    }

    @inline(__always)
    private static func key(_ time: Int64, _ channel: ChannelCode, _ currency: CurrencyCode) -> UInt64 {
        // The top bit keeps the key from being zero.
        1 << 63 | UInt64(UInt32(truncatingIfNeeded: time)) << 24 | UInt64(channel.code) << 16 | UInt64(currency.code)
    }

    static func parts(_ key: UInt64) -> (time: Int64, channel: ChannelCode, currency: CurrencyCode) {
        (
            Int64(Int32(truncatingIfNeeded: key >> 24)), ChannelCode(code: UInt8(truncatingIfNeeded: key >> 16)),
            CurrencyCode(code: UInt16(truncatingIfNeeded: key))
        )
    }

    /// Counts events of one minute.
    @inline(__always)
    mutating func count(
        _ totals: SalesTotals, minute: Int64, day: Int32, channel: ChannelCode, currency: CurrencyCode,
        oldestMinute: Int64
    ) {
        let dayKey = SalesJob.key(Int64(day), channel, currency)
        if owns(dayKey) {
            if days.count < SalesJob.dayCells || days.find(dayKey) != nil {
                days.value(dayKey).pointee += totals
            } else {
                unkept += 1
            }
        }
        guard minute >= oldestMinute else { return }
        let minuteKey = SalesJob.key(minute, channel, currency)
        if owns(minuteKey) { minutes.value(minuteKey).pointee += totals }
    }

    /// Forgets the minutes before one.
    mutating func forgetMinutes(before minute: Int64) {
        minutes.filter { key, _ in SalesJob.parts(key).time >= minute }
    }

    mutating func restoreDay(_ key: UInt64, _ totals: SalesTotals) { days.value(key).pointee = totals }
    mutating func restoreMinute(_ key: UInt64, _ totals: SalesTotals) { minutes.value(key).pointee = totals }
    mutating func restoreUnkept(_ count: Int64) { unkept = count }
}
