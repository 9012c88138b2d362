import CBytes

/// What hangs on traits and grows: older buckets of counts, and other keys seen with a key. Each run lies in one piece
/// of memory of 32 to 1,024 bytes, the smallest power of two that holds it.
struct FraudRuns: ~Copyable {
    /// The most other keys of one kind that a key remembers: those seen last. Counts of them end here.
    static let partnersMax = 32
    /// Days that are remembered.
    static let days: UInt32 = 30
    /// More bytes than the runs of one purchase can take in addition: its five keys have twelve runs at most.
    static let bytesPerPurchase = 16 << 10

    /// Another key that was seen, and when last.
    fileprivate struct Link: BitwiseCopyable {
        var key: UInt32
        var hour: UInt32
    }

    private var size0 = FraudPool(stride: 32)
    private var size1 = FraudPool(stride: 64)
    private var size2 = FraudPool(stride: 128)
    private var size3 = FraudPool(stride: 256)
    private var size4 = FraudPool(stride: 512)
    private var size5 = FraudPool(stride: 1_024)
    /// What happened more than 30 days before the newest event of its key, and so counts nowhere.
    var tooLate: Int64 = 0

    // MARK: - Pieces by size

    /// The size, as a power of two from 32 bytes on, that holds so many bytes.
    @inline(__always)
    private static func size(_ bytes: Int) -> Int {
        bytes <= 32 ? 0 : Int.bitWidth &- ((bytes &- 1) >> 5).leadingZeroBitCount
    }

    @inline(__always)
    private func piece(_ size: Int, _ number: UInt32) -> UnsafeMutableRawPointer {
        switch size {
        case 0: size0[number]
        case 1: size1[number]
        case 2: size2[number]
        case 3: size3[number]
        case 4: size4[number]
        default: size5[number]
        }
    }

    private mutating func take(_ size: Int) -> UInt32 {
        switch size {
        case 0: size0.take()
        case 1: size1.take()
        case 2: size2.take()
        case 3: size3.take()
        case 4: size4.take()
        default: size5.take()
        }
    }

    private mutating func give(_ size: Int, _ number: UInt32) {
        switch size {
        case 0: size0.give(number)
        case 1: size1.give(number)
        case 2: size2.give(number)
        case 3: size3.give(number)
        case 4: size4.give(number)
        default: size5.give(number)
        }
    }

    /// Moves a run of so many bytes to where another number of bytes belongs; 0 bytes have no run, which is number 0.
    @inline(__always)
    private mutating func resize(_ number: UInt32, _ bytes: Int, to newBytes: Int) -> UInt32 {
        let (old, new) = (FraudRuns.size(bytes), FraudRuns.size(newBytes))
        if bytes > 0, newBytes > 0, old == new { return number }
        return move(number, bytes, old, newBytes, new)
    }

    @inline(never)
    private mutating func move(_ number: UInt32, _ bytes: Int, _ old: Int, _ newBytes: Int, _ new: Int) -> UInt32 {
        var moved: UInt32 = 0
        if newBytes > 0 {
            moved = take(new)
            if bytes > 0 { piece(new, moved).copyMemory(from: piece(old, number), byteCount: min(bytes, newBytes)) }
        }
        if bytes > 0 { give(old, number) }
        return moved
    }

    /// Bytes of the runs in use.
    var usedBytes: Int {
        size0.usedBytes + size1.usedBytes + size2.usedBytes + size3.usedBytes + size4.usedBytes + size5.usedBytes
    }

    /// The bytes it takes.
    var byteCount: Int {
        size0.byteCount + size1.byteCount + size2.byteCount + size3.byteCount + size4.byteCount + size5.byteCount
    }

    // MARK: - Buckets

    private static var bucketBytes: Int { MemoryLayout<FraudBucket>.stride }

    @inline(__always)
    private func buckets(_ trait: FraudTrait) -> UnsafeMutablePointer<FraudBucket> {
        piece(FraudRuns.size(trait.olderCount &* FraudRuns.bucketBytes), trait.olderRun)
            .assumingMemoryBound(to: FraudBucket.self)
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
        let run = resize(
            trait.pointee.olderRun, count &* FraudRuns.bucketBytes, to: final &* FraudRuns.bucketBytes)
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
                return buckets[place &- 1].add(amount, purchases, cancelled, returned)
            }
        }
        let run = resize(
            trait.pointee.olderRun, count &* FraudRuns.bucketBytes, to: (count &+ 1) &* FraudRuns.bucketBytes)
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

    // MARK: - Links

    private static var linkBytes: Int { MemoryLayout<Link>.stride }

    /// The run behind the first link.
    @inline(__always)
    private func run(_ links: FraudLinks) -> UnsafeMutablePointer<Link> {
        piece(FraudRuns.size((links.count &- 1) &* FraudRuns.linkBytes), links.run).assumingMemoryBound(to: Link.self)
    }

    /// Notes that a key was seen with another one, and counts the others.
    ///
    /// - Parameters:
    ///   - links: the list.
    ///   - key: the other key's upper half.
    ///   - hour: when.
    ///   - clock: the newest hour of the key that keeps the list.
    /// - Returns: how many were seen within 1, 7 and 30 days, at most `partnersMax`; whether this one was not among
    ///   those remembered; whether there was any.
    @inline(__always)
    mutating func meet(
        _ links: UnsafeMutablePointer<FraudLinks>, _ key: UInt32, _ hour: UInt32, _ clock: UInt32
    ) -> Met {
        let count = links.pointee.count
        var met = Met(clock)
        met.hadAny = count > 0
        guard count > 0 else {
            (links.pointee.key, links.pointee.hour, links.pointee.packed) = (key, hour, 1)
            met.count(hour)
            return met
        }
        if links.pointee.key == key {
            met.isNew = false
            links.pointee.hour = max(links.pointee.hour, hour)
        }
        met.count(links.pointee.hour)
        guard count > 1 || met.isNew else { return met }
        return meetMore(links, key, hour, met)
    }

    private mutating func meetMore(
        _ links: UnsafeMutablePointer<FraudLinks>, _ key: UInt32, _ hour: UInt32, _ first: Met
    ) -> Met {
        var met = first
        let count = links.pointee.count
        if count > 1 {
            let run = run(links.pointee)
            if met.isNew {
                for place in 0..<(count &- 1) where run[place].key == key {
                    met.isNew = false
                    run[place].hour = max(run[place].hour, hour)
                    break
                }
            }
            met.count(run, count &- 1)
        }
        guard met.isNew else { return met }
        if count < FraudRuns.partnersMax {
            met.count(hour)
            let number = resize(
                links.pointee.run, (count &- 1) &* FraudRuns.linkBytes, to: count &* FraudRuns.linkBytes)
            links.pointee.packed = number << 6 | UInt32(count &+ 1)
            run(links.pointee)[count &- 1] = Link(key: key, hour: hour)
            return met
        }
        // The one seen longest ago makes room: those that stay are those seen last.
        let run = run(links.pointee)
        var oldest = links.pointee.hour
        var oldestPlace = -1
        for place in 0..<(count &- 1) where run[place].hour < oldest {
            (oldest, oldestPlace) = (run[place].hour, place)
        }
        guard hour >= oldest else { return met }
        if oldestPlace < 0 {
            (links.pointee.key, links.pointee.hour) = (key, hour)
        } else {
            run[oldestPlace] = Link(key: key, hour: hour)
        }
        met.uncount(oldest)
        met.count(hour)
        return met
    }

    /// Counts the other keys of a list where the purchase names none.
    @inline(__always)
    func seen(_ links: FraudLinks, _ clock: UInt32) -> Met {
        var met = Met(clock)
        met.isNew = false
        let count = links.count
        guard count > 0 else { return met }
        met.count(links.hour)
        guard count > 1 else { return met }
        met.count(run(links), count &- 1)
        return met
    }

    /// What a list of other keys says.
    struct Met {
        var within: (UInt32, UInt32, UInt32) = (0, 0, 0)
        var isNew = true
        var hadAny = false
        /// The oldest hours of the windows.
        private let day: UInt32
        private let week: UInt32
        private let month: UInt32

        @inline(__always)
        init(_ clock: UInt32) {
            let today = clock / 24
            day = clock < 23 ? 0 : clock &- 23
            week = today < 6 ? 0 : (today &- 6) &* 24
            month = today < 29 ? 0 : (today &- 29) &* 24
        }

        @inline(__always)
        mutating func count(_ hour: UInt32) {
            within.0 &+= hour >= day ? 1 : 0
            within.1 &+= hour >= week ? 1 : 0
            within.2 &+= hour >= month ? 1 : 0
        }

        @inline(__always)
        mutating func uncount(_ hour: UInt32) {
            within.0 &-= hour >= day ? 1 : 0
            within.1 &-= hour >= week ? 1 : 0
            within.2 &-= hour >= month ? 1 : 0
        }

        /// Counts many, without a branch: several at a time.
        @inline(__always)
        fileprivate mutating func count(_ run: UnsafeMutablePointer<Link>, _ count: Int) {
            var (inDay, inWeek, inMonth): (UInt32, UInt32, UInt32) = (0, 0, 0)
            let (day, week, month) = (day, week, month)
            for place in 0..<count {
                let hour = run[place].hour
                inDay &+= hour >= day ? 1 : 0
                inWeek &+= hour >= week ? 1 : 0
                inMonth &+= hour >= month ? 1 : 0
            }
            within.0 &+= inDay
            within.1 &+= inWeek
            within.2 &+= inMonth
        }
    }

    // MARK: - Giving back

    mutating func give(_ links: FraudLinks) {
        if links.count > 1 { give(FraudRuns.size((links.count &- 1) &* FraudRuns.linkBytes), links.run) }
    }

    mutating func give(_ trait: FraudTrait) {
        if trait.olderCount > 0 {
            give(FraudRuns.size(trait.olderCount &* FraudRuns.bucketBytes), trait.olderRun)
        }
        give(trait.partnersA)
        give(trait.partnersB)
    }

    // MARK: - Snapshots

    func save(_ writer: inout FraudWriter) {
        writer.put(tooLate)
        size0.save(&writer)
        size1.save(&writer)
        size2.save(&writer)
        size3.save(&writer)
        size4.save(&writer)
        size5.save(&writer)
    }

    /// - Returns: by size, which pieces are not free and so must hang on a trait.
    mutating func restore(_ reader: inout FraudReader) throws -> Check {
        tooLate = try reader.get(Int64.self)
        var check = Check()
        check.isTaken.append(try size0.restore(&reader))
        check.isTaken.append(try size1.restore(&reader))
        check.isTaken.append(try size2.restore(&reader))
        check.isTaken.append(try size3.restore(&reader))
        check.isTaken.append(try size4.restore(&reader))
        check.isTaken.append(try size5.restore(&reader))
        return check
    }

    /// Checks what was read from a file: each piece hangs on one trait.
    struct Check {
        /// By size and number: free, or met already.
        fileprivate(set) var isTaken: [[Bool]] = []

        /// Whether every piece was met.
        var isComplete: Bool { isTaken.allSatisfy { $0.dropFirst().allSatisfy(\.self) } }

        fileprivate mutating func meet(_ bytes: Int, _ number: UInt32, _ reader: FraudReader) throws {
            let size = FraudRuns.size(bytes)
            guard number > 0, Int(number) < isTaken[size].count, !isTaken[size][Int(number)] else {
                throw reader.damaged("runs do not hang together")
            }
            isTaken[size][Int(number)] = true
        }
    }

    func check(_ trait: FraudTrait, _ check: inout Check, _ reader: FraudReader) throws {
        let count = trait.olderCount
        // 23 older hours and 29 older days.
        guard count <= 52 else { throw reader.damaged("buckets are too many") }
        if count > 0 {
            try check.meet(count * FraudRuns.bucketBytes, trait.olderRun, reader)
            let buckets = buckets(trait)
            var newer: UInt32 = 0
            for place in stride(from: count - 1, through: 0, by: -1) {
                let age = buckets[place].age(trait.clock)
                guard age > newer else { throw reader.damaged("buckets are not in order") }
                newer = age
            }
        }
        try self.check(trait.partnersA, &check, reader)
        try self.check(trait.partnersB, &check, reader)
    }

    func check(_ links: FraudLinks, _ check: inout Check, _ reader: FraudReader) throws {
        guard links.count <= FraudRuns.partnersMax else { throw reader.damaged("links are too many") }
        guard links.count > 1 else { return }
        try check.meet((links.count - 1) * FraudRuns.linkBytes, links.run, reader)
    }
}
