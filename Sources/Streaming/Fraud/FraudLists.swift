/// The lists that hang on traits: buckets of counts, newest first, and other keys seen with a key.
struct FraudLists: ~Copyable {
    /// The most other keys of one kind that a key remembers: those seen last. Counts of them end here.
    static let partnersMax = 32
    /// Days that are remembered.
    static let days: UInt32 = 30

    var buckets = FraudPool(empty: FraudBucket())
    var links = FraudPool(empty: FraudLinks())
    /// What happened more than 30 days before the newest event of its key, and so counts nowhere.
    var tooLate: Int64 = 0

    /// What one event adds.
    struct Addition {
        var purchases: UInt32 = 0
        var amount: Int64 = 0
        var cancelled: UInt32 = 0
        var returned: UInt32 = 0
    }

    /// Sums over the windows of 1, 7 and 30 days of a trait's own clock.
    struct Sums {
        var purchases: (Int64, Int64, Int64) = (0, 0, 0)
        var amount: (Int64, Int64, Int64) = (0, 0, 0)
        var cancelled: (Int64, Int64, Int64) = (0, 0, 0)
        var returned: (Int64, Int64, Int64) = (0, 0, 0)
    }

    /// Adds an event to a trait, moves the trait's clock on, and sums its windows up: one walk over its buckets.
    ///
    /// Hours that are a day old become part of their day, days that are 30 old go.
    @inline(__always)
    mutating func add(_ addition: Addition, to trait: UnsafeMutablePointer<FraudTrait>, at hour: UInt32) -> Sums {
        let before = trait.pointee.clock
        if hour < before {
            addLate(addition, trait, hour)
            return sums(trait)
        }
        // After a month of silence it is as good as new.
        if hour / 24 > before / 24 + FraudLists.days { trait.pointee.first = hour }
        trait.pointee.first = min(trait.pointee.first, hour)
        trait.pointee.clock = hour
        let head = trait.pointee.buckets
        if head == 0 || buckets[head].pointee.hour != hour {
            let new = buckets.take()
            buckets[new].pointee.hour = hour
            buckets[new].pointee.next = head
            trait.pointee.buckets = new
        }
        buckets[trait.pointee.buckets].pointee.add(addition)
        if hour > before { tidy(trait, from: before, to: hour) }
        return sums(trait)
    }

    /// Makes days of hours that are a day old, and gives back days that are 30 old.
    private mutating func tidy(
        _ trait: UnsafeMutablePointer<FraudTrait>, from before: UInt32, to hour: UInt32
    ) {
        let isSameDay = before / 24 == hour / 24
        var previous = trait.pointee.buckets
        var node = buckets[previous].pointee.next
        while node != 0 {
            let bucket = buckets[node]
            let next = bucket.pointee.next
            if bucket.pointee.hour / 24 + FraudLists.days <= hour / 24 {
                // What follows is older still.
                buckets[previous].pointee.next = 0
                giveBuckets(node)
                return
            }
            // Days stay as they are until the day is over; only the newest may take in an hour more.
            let wasDay = bucket.pointee.hour + 24 <= before
            if bucket.pointee.hour + 24 <= hour {
                bucket.pointee.hour = bucket.pointee.hour / 24 * 24
                if buckets[previous].pointee.hour == bucket.pointee.hour {
                    buckets[previous].pointee.add(bucket.pointee)
                    buckets[previous].pointee.next = next
                    buckets.give(node)
                    if wasDay, isSameDay { return }
                    node = next
                    continue
                }
            }
            if wasDay, isSameDay { return }
            previous = node
            node = next
        }
    }

    /// Adds what happened before the newest event of its trait, to its hour or its day.
    private mutating func addLate(_ addition: Addition, _ trait: UnsafeMutablePointer<FraudTrait>, _ hour: UInt32) {
        let clock = trait.pointee.clock
        trait.pointee.first = min(trait.pointee.first, hour)
        guard hour / 24 + FraudLists.days > clock / 24 else {
            tooLate &+= 1
            return
        }
        let hour = hour + 24 > clock ? hour : hour / 24 * 24
        var previous: UInt32 = 0
        var node = trait.pointee.buckets
        while node != 0, buckets[node].pointee.hour > hour {
            previous = node
            node = buckets[node].pointee.next
        }
        if node == 0 || buckets[node].pointee.hour != hour {
            let new = buckets.take()
            buckets[new].pointee.hour = hour
            buckets[new].pointee.next = node
            if previous == 0 { trait.pointee.buckets = new } else { buckets[previous].pointee.next = new }
            node = new
        }
        buckets[node].pointee.add(addition)
    }

    @inline(__always)
    private func sums(_ trait: UnsafeMutablePointer<FraudTrait>) -> Sums {
        let clock = trait.pointee.clock
        // Buckets are newest first, so the windows end one after the other.
        let week = clock / 24 < 7 ? 0 : (clock / 24 - 6) * 24
        let day = clock < 24 ? 0 : clock - 23
        var running = FraudBucket()
        var sums = Sums()
        var node = trait.pointee.buckets
        func walk(_ oldest: UInt32) {
            while node != 0, buckets[node].pointee.hour >= oldest {
                running.add(buckets[node].pointee)
                node = buckets[node].pointee.next
            }
        }
        walk(day)
        (sums.purchases.0, sums.amount.0) = (Int64(running.purchases), running.amount)
        (sums.cancelled.0, sums.returned.0) = (Int64(running.cancelled), Int64(running.returned))
        walk(week)
        (sums.purchases.1, sums.amount.1) = (Int64(running.purchases), running.amount)
        (sums.cancelled.1, sums.returned.1) = (Int64(running.cancelled), Int64(running.returned))
        walk(0)
        (sums.purchases.2, sums.amount.2) = (Int64(running.purchases), running.amount)
        (sums.cancelled.2, sums.returned.2) = (Int64(running.cancelled), Int64(running.returned))
        return sums
    }

    /// Notes that a key was seen with another one, and counts the others.
    ///
    /// - Parameters:
    ///   - head: the list.
    ///   - key: the other key's upper half.
    ///   - hour: when.
    ///   - clock: the newest hour of the key that keeps the list.
    /// - Returns: how many were seen within 1, 7 and 30 days, at most `partnersMax`; whether this one was not among
    ///   those remembered; whether there was any.
    @inline(__always)
    mutating func meet(_ head: inout UInt32, _ key: UInt32, _ hour: UInt32, _ clock: UInt32) -> Met {
        var met = Met()
        var total = 0
        var oldest = UInt32.max
        var oldestPlace: UnsafeMutablePointer<FraudLinks>?
        var oldestIndex = 0
        var node = head
        while node != 0 {
            let links = links[node]
            for index in 0..<Int(links.pointee.used) {
                let (otherKey, otherHour) = FraudLists.get(links, index)
                total &+= 1
                if otherKey == key {
                    met.isNew = false
                    let newer = max(otherHour, hour)
                    FraudLists.set(links, index, key, newer)
                    met.count(newer, clock)
                    continue
                }
                met.count(otherHour, clock)
                if otherHour < oldest { (oldest, oldestPlace, oldestIndex) = (otherHour, links, index) }
            }
            node = links.pointee.next
        }
        met.hadAny = total > 0
        guard met.isNew else { return met }
        if total < FraudLists.partnersMax {
            met.count(hour, clock)
            if head == 0 || links[head].pointee.used == 3 {
                let new = links.take()
                links[new].pointee.next = head
                head = new
            }
            let place = links[head]
            FraudLists.set(place, Int(place.pointee.used), key, hour)
            place.pointee.used &+= 1
        } else if let oldestPlace, hour >= oldest {
            // The one seen longest ago makes room: those that stay are those seen last.
            FraudLists.set(oldestPlace, oldestIndex, key, hour)
            met.uncount(oldest, clock)
            met.count(hour, clock)
        }
        return met
    }

    /// Counts the other keys of a list where the purchase names none.
    @inline(__always)
    func seen(_ head: UInt32, _ clock: UInt32) -> Met {
        var met = Met()
        met.isNew = false
        var node = head
        while node != 0 {
            let links = links[node]
            for index in 0..<Int(links.pointee.used) { met.count(FraudLists.get(links, index).1, clock) }
            node = links.pointee.next
        }
        return met
    }

    struct Met {
        var within: (Int, Int, Int) = (0, 0, 0)
        var isNew = true
        var hadAny = false

        @inline(__always)
        mutating func count(_ hour: UInt32, _ clock: UInt32) { add(1, hour, clock) }

        @inline(__always)
        mutating func uncount(_ hour: UInt32, _ clock: UInt32) { add(-1, hour, clock) }

        @inline(__always)
        private mutating func add(_ one: Int, _ hour: UInt32, _ clock: UInt32) {
            if hour + 24 > clock { within.0 &+= one }
            if hour / 24 + 7 > clock / 24 { within.1 &+= one }
            if hour / 24 + FraudLists.days > clock / 24 { within.2 &+= one }
        }
    }

    @inline(__always)
    private static func get(_ links: UnsafeMutablePointer<FraudLinks>, _ index: Int) -> (UInt32, UInt32) {
        switch index {
        case 0: (links.pointee.keys.0, links.pointee.hours.0)
        case 1: (links.pointee.keys.1, links.pointee.hours.1)
        default: (links.pointee.keys.2, links.pointee.hours.2)
        }
    }

    @inline(__always)
    private static func set(
        _ links: UnsafeMutablePointer<FraudLinks>, _ index: Int, _ key: UInt32, _ hour: UInt32
    ) {
        switch index {
        case 0: (links.pointee.keys.0, links.pointee.hours.0) = (key, hour)
        case 1: (links.pointee.keys.1, links.pointee.hours.1) = (key, hour)
        default: (links.pointee.keys.2, links.pointee.hours.2) = (key, hour)
        }
    }

    // MARK: - Giving back

    mutating func giveLinks(_ head: UInt32) {
        var node = head
        while node != 0 {
            let next = links[node].pointee.next
            links.give(node)
            node = next
        }
    }

    private mutating func giveBuckets(_ head: UInt32) {
        var node = head
        while node != 0 {
            let next = buckets[node].pointee.next
            buckets.give(node)
            node = next
        }
    }

    mutating func give(_ trait: FraudTrait) {
        giveBuckets(trait.buckets)
        giveLinks(trait.partnersA)
        giveLinks(trait.partnersB)
    }

    // MARK: - Checking what was read from a file: each node in one list, and all lists end.

    struct Check {
        var buckets: [Bool]
        var links: [Bool]
    }

    func check(buckets head: UInt32, _ check: inout Check, _ reader: FraudReader) throws {
        var node = head
        var newer = UInt32.max
        while node != 0 {
            guard buckets.holds(node), !check.buckets[Int(node)], buckets[node].pointee.hour < newer else {
                throw reader.damaged("buckets do not hang together")
            }
            check.buckets[Int(node)] = true
            newer = buckets[node].pointee.hour
            node = buckets[node].pointee.next
        }
    }

    func check(links head: UInt32, _ check: inout Check, _ reader: FraudReader) throws {
        var node = head
        while node != 0 {
            guard links.holds(node), !check.links[Int(node)], (1...3).contains(links[node].pointee.used) else {
                throw reader.damaged("links do not hang together")
            }
            check.links[Int(node)] = true
            node = links[node].pointee.next
        }
    }
}
