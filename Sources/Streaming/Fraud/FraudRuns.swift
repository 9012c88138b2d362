import CBytes

/// What hangs on traits and grows: older buckets of counts, and other keys seen with a key. Each run lies in one piece
/// of memory of 32 to 1,024 bytes, the smallest power of two that holds it.
struct FraudRuns: ~Copyable {
    /// Days that are remembered.
    static let days: UInt32 = 30
    /// More bytes than the runs of one purchase can take in addition: its five keys have twelve runs at most.
    static let bytesPerPurchase = 16 << 10

    var pieces: FraudPieces
    /// What happened more than 30 days before the newest event of its key, and so counts nowhere.
    var tooLate: Int64 = 0

    /// Runs of about so many bytes.
    init(bytes: Int) { pieces = FraudPieces(bytes: bytes) }

    /// Gives all runs of a trait back.
    mutating func give(_ trait: FraudTrait) {
        if trait.olderCount > 0 { pieces.give(FraudRuns.bytes(trait.olderCount), trait.olderRun) }
        give(trait.partnersA)
        give(trait.partnersB)
    }

    // MARK: - Buckets of counts

    @inline(__always)
    static func bytes(_ buckets: Int) -> Int { buckets &* MemoryLayout<FraudBucket>.stride }

    @inline(__always)
    func buckets(_ trait: FraudTrait) -> UnsafeMutablePointer<FraudBucket> {
        pieces[FraudRuns.bytes(trait.olderCount), trait.olderRun].assumingMemoryBound(to: FraudBucket.self)
    }

    /// Fetches the older buckets of a trait ahead.
    @inline(__always)
    func prefetch(_ trait: UnsafeMutablePointer<FraudTrait>) {
        let count = trait.pointee.olderCount
        guard count > 0 else { return }
        let start = UnsafeMutableRawPointer(buckets(trait.pointee))
        cbytes_prefetch(start)
        if count > 4 { cbytes_prefetch(start + 64) }
    }

    /// Adds an event to a trait and moves the trait's clock on.
    @inline(__always)
    mutating func add(
        _ amount: Int64, purchases: UInt64, cancelled: UInt64, returned: UInt64,
        to trait: UnsafeMutablePointer<FraudTrait>, at hour: UInt32
    ) {
        let clock = trait.pointee.clock
        if trait.pointee.first == .max {
            (trait.pointee.first, trait.pointee.clock) = (hour, hour)
            trait.pointee.newest = FraudBucket(hour)
        } else if hour > clock {
            advance(trait, to: hour)
        } else if hour < clock {
            return addLate(amount, purchases, cancelled, returned, trait, hour)
        }
        trait.pointee.newest.add(amount, purchases, cancelled, returned)
    }

    /// Begins a new hour: hours that are a day old become part of their day, days that are 30 old go.
    private mutating func advance(_ trait: UnsafeMutablePointer<FraudTrait>, to hour: UInt32) {
        let before = trait.pointee.clock
        // After a month of silence it is as good as new.
        if hour / 24 > before / 24 + FraudRuns.days { trait.pointee.first = hour }
        trait.pointee.clock = hour
        let count = trait.pointee.olderCount
        var kept = 0
        var keptHour = UInt32.max
        if count > 0 {
            let buckets = buckets(trait.pointee)
            for place in 0..<count {
                var bucket = buckets[place]
                var its = before &- bucket.age(before)
                if its / 24 + FraudRuns.days <= hour / 24 { continue }
                if its + 24 <= hour {
                    its = its / 24 * 24
                    bucket.setHour(its)
                }
                if its == keptHour {
                    buckets[kept &- 1].add(bucket)
                } else {
                    buckets[kept] = bucket
                    keptHour = its
                    kept &+= 1
                }
            }
        }
        var last = trait.pointee.newest
        trait.pointee.newest = FraudBucket(hour)
        var lastHour = before
        let isGone = before / 24 + FraudRuns.days <= hour / 24
        if before + 24 <= hour {
            lastHour = before / 24 * 24
            last.setHour(lastHour)
        }
        let isMerged = !isGone && kept > 0 && lastHour == keptHour
        if isMerged { buckets(trait.pointee)[kept &- 1].add(last) }
        let final = kept &+ (isGone || isMerged ? 0 : 1)
        let run = pieces.resize(trait.pointee.olderRun, FraudRuns.bytes(count), to: FraudRuns.bytes(final))
        trait.pointee.older = run << 6 | UInt32(final)
        if final > kept { buckets(trait.pointee)[kept] = last }
    }

    /// Adds what happened before the newest event of its trait, to its hour or its day.
    private mutating func addLate(
        _ amount: Int64, _ purchases: UInt64, _ cancelled: UInt64, _ returned: UInt64,
        _ trait: UnsafeMutablePointer<FraudTrait>, _ hour: UInt32
    ) {
        let clock = trait.pointee.clock
        trait.pointee.first = min(trait.pointee.first, hour)
        guard hour / 24 + FraudRuns.days > clock / 24 else {
            tooLate &+= 1
            return
        }
        let hour = hour + 24 > clock ? hour : hour / 24 * 24
        let age = clock &- hour
        let count = trait.pointee.olderCount
        var place = count
        if count > 0 {
            let buckets = buckets(trait.pointee)
            while place > 0, buckets[place &- 1].age(clock) < age { place &-= 1 }
            if place > 0, buckets[place &- 1].age(clock) == age {
                pieces.touch(FraudRuns.bytes(count), trait.pointee.olderRun)
                return buckets[place &- 1].add(amount, purchases, cancelled, returned)
            }
        }
        let run = pieces.resize(trait.pointee.olderRun, FraudRuns.bytes(count), to: FraudRuns.bytes(count &+ 1))
        trait.pointee.older = run << 6 | UInt32(count &+ 1)
        let buckets = buckets(trait.pointee)
        for moved in stride(from: count, to: place, by: -1) { buckets[moved] = buckets[moved &- 1] }
        buckets[place] = FraudBucket(hour)
        buckets[place].add(amount, purchases, cancelled, returned)
    }

    /// Writes purchases, amounts, cancelled and returned orders within 1, 7 and 30 days of a trait's own clock: twelve
    /// features.
    @inline(__always)
    func sums(_ trait: UnsafeMutablePointer<FraudTrait>, _ row: UnsafeMutablePointer<Float>) {
        let newest = trait.pointee.newest
        var (amount, purchases) = (newest.amount, newest.purchases)
        var (cancelled, returned) = (newest.cancelled, newest.returned)
        @inline(__always)
        func write(_ place: Int) {
            row[place] = Float(purchases)
            row[place &+ 3] = FraudMemory.money(amount)
            row[place &+ 6] = Float(cancelled)
            row[place &+ 9] = Float(returned)
        }
        var left = trait.pointee.olderCount
        guard left > 0 else {
            for place in 0..<3 { write(place) }
            return
        }
        let clock = trait.pointee.clock
        let buckets = buckets(trait.pointee)
        // Newest first, so that the windows end one after the other.
        @inline(__always)
        func walk(_ oldest: UInt32) {
            while left > 0, buckets[left &- 1].age(clock) <= oldest {
                let bucket = buckets[left &- 1]
                amount = amount.addingSaturated(bucket.amount)
                purchases &+= bucket.purchases
                cancelled &+= bucket.cancelled
                returned &+= bucket.returned
                left &-= 1
            }
        }
        walk(23)
        write(0)
        walk(clock % 24 &+ 6 &* 24)
        write(1)
        walk(.max)
        write(2)
    }
}
