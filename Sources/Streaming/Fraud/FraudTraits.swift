/// What is remembered of purchases in one clock hour or, once it is older than a day, in one day of UTC.
struct FraudBucket: BitwiseCopyable {
    /// The older one.
    var next: UInt32 = 0
    /// The hour since 1970; the first one of the day for a day.
    var hour: UInt32 = 0
    var amount: Int64 = 0
    var purchases: UInt32 = 0
    var cancelled: UInt32 = 0
    var returned: UInt32 = 0
    private var unused: UInt32 = 0

    @inline(__always)
    mutating func add(_ other: FraudBucket) {
        add(
            FraudLists.Addition(
                purchases: other.purchases, amount: other.amount, cancelled: other.cancelled, returned: other.returned))
    }

    @inline(__always)
    mutating func add(_ addition: FraudLists.Addition) {
        amount = amount.addingSaturated(addition.amount)
        purchases &+= addition.purchases
        cancelled &+= addition.cancelled
        returned &+= addition.returned
    }
}

/// Three other keys that were seen with a key, and when last.
struct FraudLinks: BitwiseCopyable {
    var next: UInt32 = 0
    var used: UInt32 = 0
    /// The keys' upper halves.
    var keys: (UInt32, UInt32, UInt32) = (0, 0, 0)
    var hours: (UInt32, UInt32, UInt32) = (0, 0, 0)
}

/// What is remembered of one user, card, device, address, IP address or product.
struct FraudTrait: FraudEntry {
    /// The last purchase, microseconds since 1970 UTC; the earliest instant before there was one.
    var last: Int64 = .min
    /// The newest hour of anything it took part in: its own clock.
    var clock: UInt32 = 0
    /// The oldest hour.
    var first: UInt32 = .max
    /// The first bucket, the newest one.
    var buckets: UInt32 = 0
    /// The first links.
    var partnersA: UInt32 = 0
    var partnersB: UInt32 = 0

    /// A month and ten days: an event that is late by up to nine still finds the month before it.
    static let retentionHours: UInt32 = 40 * 24

    static func release(_ trait: UnsafeMutablePointer<FraudTrait>, _ lists: inout FraudLists) {
        lists.give(trait.pointee)
    }
}

/// A customer: the trait and what they usually pay.
struct FraudAccount: FraudEntry {
    var trait = FraudTrait()
    /// The oldest hour of a purchase, however long ago.
    var since: UInt32 = .max
    /// Addresses and IP addresses that were used.
    var addresses: UInt32 = 0
    var ips: UInt32 = 0
    /// The last four countries as 16 bits each, the newest lowest; 0 for none.
    var countries: UInt64 = 0
    var purchases: UInt32 = 0
    var cancelled: UInt32 = 0
    var returned: UInt32 = 0
    /// Purchases in the shop's currency: how many, their sum and largest in cents, and the sum of the squares.
    var paid: UInt32 = 0
    var sum: Int64 = 0
    var most: Int64 = 0
    var squares: UInt128 = 0

    /// The largest amount that counts in full, in cents: what keeps sums of squares within 128 bits.
    static let centsMax: Int64 = 1_000_000_000_000

    var clock: UInt32 { trait.clock }
    /// Longer than a month, for their history.
    static let retentionHours: UInt32 = 400 * 24

    static func release(_ account: UnsafeMutablePointer<FraudAccount>, _ lists: inout FraudLists) {
        lists.give(account.pointee.trait)
        lists.giveLinks(account.pointee.addresses)
        lists.giveLinks(account.pointee.ips)
    }

    mutating func pay(_ amount: Int64) {
        let cents = min(amount / 100, FraudAccount.centsMax)
        paid &+= 1
        sum = sum.addingReportingOverflow(cents).overflow ? .max : sum + cents
        most = max(most, cents)
        squares += UInt128(UInt64(cents)) * UInt128(UInt64(cents))
    }
}

/// A product: the trait, and the last minutes.
struct FraudProduct: FraudEntry {
    var trait = FraudTrait()
    /// The newest minute since 1970.
    var minute: UInt32 = 0
    /// Purchases, and first purchases of their customers, by minute modulo 16.
    var all = SIMD16<UInt16>()
    var new = SIMD16<UInt16>()

    /// The minutes of the shortest window.
    static let minutes: UInt32 = 10

    var clock: UInt32 { trait.clock }
    static let retentionHours = FraudTrait.retentionHours

    static func release(_ product: UnsafeMutablePointer<FraudProduct>, _ lists: inout FraudLists) {
        lists.give(product.pointee.trait)
    }

    @inline(__always)
    mutating func count(_ minute: UInt32, isNew: Bool) {
        if minute > self.minute {
            for step in 0..<min(minute &- self.minute, 16) {
                all[Int((minute &- step) & 15)] = 0
                new[Int((minute &- step) & 15)] = 0
            }
            self.minute = minute
        }
        guard self.minute &- minute < FraudProduct.minutes else { return }
        let place = Int(minute & 15)
        if all[place] < .max { all[place] &+= 1 }
        if isNew, new[place] < .max { new[place] &+= 1 }
    }

    /// Both counts over the last ten minutes of the product's own clock.
    @inline(__always)
    var recent: (all: Int, new: Int) {
        var sums = (0, 0)
        for step in 0..<min(FraudProduct.minutes, minute &+ 1) {
            let place = Int((minute &- step) & 15)
            sums.0 &+= Int(all[place])
            sums.1 &+= Int(new[place])
        }
        return sums
    }
}
