/// What is remembered of purchases in one clock hour or, once it is older than a day, in one day of UTC.
struct FraudBucket: BitwiseCopyable {
    var amount: Int64
    /// The hour since 1970 modulo 65,536, the first one of the day for a day; purchases in 24 bits, cancelled and
    /// returned orders in 12 each. Counts end at what fits.
    private var packed: UInt64

    static let purchasesMax: UInt64 = 1 << 24 - 1
    static let outcomesMax: UInt64 = 1 << 12 - 1

    @inline(__always)
    init(_ hour: UInt32) {
        amount = 0
        packed = UInt64(hour & 0xffff)
    }

    /// Hours before a newer hour that is less than 65,536 later.
    @inline(__always)
    func age(_ clock: UInt32) -> UInt32 { (clock &- UInt32(truncatingIfNeeded: packed)) & 0xffff }

    @inline(__always)
    mutating func setHour(_ hour: UInt32) { packed = packed & ~0xffff | UInt64(hour & 0xffff) }

    @inline(__always) var purchases: UInt64 { packed >> 16 & FraudBucket.purchasesMax }
    @inline(__always) var cancelled: UInt64 { packed >> 40 & FraudBucket.outcomesMax }
    @inline(__always) var returned: UInt64 { packed >> 52 }

    @inline(__always)
    mutating func add(_ other: FraudBucket) { add(other.amount, other.purchases, other.cancelled, other.returned) }

    @inline(__always)
    mutating func add(_ amount: Int64, _ purchases: UInt64, _ cancelled: UInt64, _ returned: UInt64) {
        self.amount = self.amount.addingSaturated(amount)
        let one = min(self.purchases &+ purchases, FraudBucket.purchasesMax)
        let two = min(self.cancelled &+ cancelled, FraudBucket.outcomesMax)
        let three = min(self.returned &+ returned, FraudBucket.outcomesMax)
        packed = packed & 0xffff | one << 16 | two << 40 | three << 52
    }
}

/// Other keys that were seen with a key, and when last: the first one here, the others in a run.
struct FraudLinks: BitwiseCopyable {
    /// The upper half of the first one's hash.
    var key: UInt32 = 0
    var hour: UInt32 = 0
    /// The run's number, and in the lowest six bits how many there are, the first one included.
    var packed: UInt32 = 0

    @inline(__always) var count: Int { Int(packed & 63) }
    @inline(__always) var run: UInt32 { packed >> 6 }
}

/// What is remembered of one user, card, device, address or IP address.
struct FraudTrait: FraudEntry {
    var key: UInt64 = 0
    /// The last purchase, microseconds since 1970 UTC; the earliest instant before there was one.
    var last: Int64 = .min
    /// The bucket of the newest hour, which is the clock's.
    var newest = FraudBucket(0)
    /// The newest hour of anything it took part in: its own clock.
    var clock: UInt32 = 0
    /// The oldest hour; the highest number when it took part in nothing.
    var first: UInt32 = .max
    /// The older buckets, oldest first: the run's number, and in the lowest six bits how many there are.
    var older: UInt32 = 0
    var partnersA = FraudLinks()
    var partnersB = FraudLinks()

    @inline(__always) var olderCount: Int { Int(older & 63) }
    @inline(__always) var olderRun: UInt32 { older >> 6 }

    /// A month and ten days: an event that is late by up to nine still finds the month before it.
    static let retentionHours: UInt32 = 40 * 24
    static let empty = FraudTrait()

    static func release(_ trait: UnsafeMutablePointer<FraudTrait>, _ runs: inout FraudRuns) {
        runs.give(trait.pointee)
    }
}

/// A customer: the trait and what they usually pay.
struct FraudAccount: FraudEntry {
    var trait = FraudTrait()
    /// The oldest hour of a purchase, however long ago.
    var since: UInt32 = .max
    /// Addresses and IP addresses that were used.
    var addresses = FraudLinks()
    var ips = FraudLinks()
    /// The last four countries as 16 bits each, the newest lowest; 0 for none.
    var countries: UInt64 = 0
    /// Purchases in the shop's currency: their sum and largest in cents, and the sum of the squares in two halves.
    var sum: Int64 = 0
    var most: Int64 = 0
    private var squaresLow: UInt64 = 0
    private var squaresHigh: UInt64 = 0
    /// How many purchases in the shop's currency.
    var paid: UInt32 = 0
    var purchases: UInt32 = 0
    var cancelled: UInt32 = 0
    var returned: UInt32 = 0

    /// The largest amount that counts in full, in cents: what keeps sums of squares within 128 bits.
    static let centsMax: Int64 = 1_000_000_000_000

    var key: UInt64 {
        get { trait.key }
        set { trait.key = newValue }
    }
    var clock: UInt32 { trait.clock }
    /// Longer than a month, for their history.
    static let retentionHours: UInt32 = 400 * 24
    static let empty = FraudAccount()

    static func release(_ account: UnsafeMutablePointer<FraudAccount>, _ runs: inout FraudRuns) {
        runs.give(account.pointee.trait)
        runs.give(account.pointee.addresses)
        runs.give(account.pointee.ips)
    }

    /// The sum of the squares of what was paid.
    var squares: Double { Double(squaresHigh) * 0x1p64 + Double(squaresLow) }

    mutating func pay(_ amount: Int64) {
        let cents = min(amount / 100, FraudAccount.centsMax)
        paid &+= 1
        sum = sum.addingSaturated(cents)
        most = max(most, cents)
        let square = UInt64(cents).multipliedFullWidth(by: UInt64(cents))
        let (low, isOver) = squaresLow.addingReportingOverflow(square.low)
        squaresLow = low
        squaresHigh &+= square.high &+ (isOver ? 1 : 0)
    }
}

/// A product: what sold in the last ten minutes, 24 hours and seven days of its own clock.
struct FraudProduct: FraudEntry {
    var key: UInt64 = 0
    /// The newest hour since 1970.
    var clock: UInt32 = 0
    /// The newest minute since 1970.
    private var minute: UInt32 = 0
    /// Purchases by hour modulo 24.
    private var hours = InlineArray<24, UInt32>(repeating: 0)
    /// Purchases by day of UTC modulo 8; the eighth is always empty.
    private var days = InlineArray<8, UInt32>(repeating: 0)
    /// Purchases, and first purchases of their customers, by minute modulo 16.
    private var all = InlineArray<16, UInt16>(repeating: 0)
    private var new = InlineArray<16, UInt16>(repeating: 0)

    /// The minutes of the shortest window.
    static let minutes: UInt32 = 10
    static let retentionHours = FraudTrait.retentionHours
    static let empty = FraudProduct()

    static func release(_ product: UnsafeMutablePointer<FraudProduct>, _ runs: inout FraudRuns) {}

    /// Counts a purchase; false when it came more than 30 days behind the product's clock.
    mutating func count(hour: UInt32, minute: UInt32, isNew: Bool) -> Bool {
        count(minute, isNew)
        if hour > clock {
            for step in 0..<min(hour &- clock, 24) { hours[unchecked: Int((hour &- step) % 24)] = 0 }
            let (day, before) = (hour / 24, clock / 24)
            // The days gone by since, and the one that has left the week.
            for step in 0..<min(day &- before &+ 1, 8) where day > before {
                days[unchecked: Int((day &+ 1 &- step) & 7)] = 0
            }
            clock = hour
        }
        if hour &+ 24 > clock {
            let place = Int(hour % 24)
            hours[unchecked: place] = hours[unchecked: place] &+ (hours[unchecked: place] < .max ? 1 : 0)
        }
        if hour / 24 &+ 7 > clock / 24 {
            let place = Int(hour / 24 & 7)
            days[unchecked: place] = days[unchecked: place] &+ (days[unchecked: place] < .max ? 1 : 0)
        }
        return hour / 24 &+ FraudRuns.days > clock / 24
    }

    private mutating func count(_ minute: UInt32, _ isNew: Bool) {
        if minute > self.minute {
            for step in 0..<min(minute &- self.minute, 16) {
                all[unchecked: Int((minute &- step) & 15)] = 0
                new[unchecked: Int((minute &- step) & 15)] = 0
            }
            self.minute = minute
        }
        guard self.minute &- minute < FraudProduct.minutes else { return }
        let place = Int(minute & 15)
        if all[unchecked: place] < .max { all[unchecked: place] &+= 1 }
        if isNew, new[unchecked: place] < .max { new[unchecked: place] &+= 1 }
    }

    /// Purchases, and first purchases among them, over the last ten minutes of the product's own clock.
    var recent: (all: Int, new: Int) {
        var sums = (0, 0)
        for step in 0..<min(FraudProduct.minutes, minute &+ 1) {
            let place = Int((minute &- step) & 15)
            sums.0 &+= Int(all[unchecked: place])
            sums.1 &+= Int(new[unchecked: place])
        }
        return sums
    }

    /// Purchases within a day and within seven.
    var lately: (day: Int, week: Int) {
        var sums = (0, 0)
        for place in 0..<24 { sums.0 &+= Int(hours[unchecked: place]) }
        for place in 0..<8 { sums.1 &+= Int(days[unchecked: place]) }
        return sums
    }
}
