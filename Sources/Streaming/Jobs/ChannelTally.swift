/// Views and carts of one minute, by channel.
struct ChannelTally: ~Copyable {
    struct Counts {
        var clicks: Int64 = 0
        var carts: Int64 = 0
    }

    /// The minute, since 1970; `Int64.min` where there is none.
    var minute = Int64.min
    /// An instant of that minute.
    var instant: Int64 = 0
    let counts: UnsafeMutablePointer<Counts>

    init() {
        counts = .allocate(capacity: ChannelCode.count)
        counts.initialize(repeating: Counts(), count: ChannelCode.count)
    }

    deinit { counts.deallocate() }

    mutating func clear() {
        minute = .min
        counts.update(repeating: Counts(), count: ChannelCode.count)
    }
}
