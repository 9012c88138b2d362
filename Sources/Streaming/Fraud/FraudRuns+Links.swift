/// Other keys that were seen with a key.
extension FraudRuns {
    /// The most other keys of one kind that a key remembers: those seen last. Counts of them end here.
    static var partnersMax: Int { 32 }

    /// Another key that was seen, and when last.
    struct Link: BitwiseCopyable {
        var key: UInt32
        var hour: UInt32
    }

    /// The bytes of the run of a list, whose first link lies with its key.
    @inline(__always)
    static func runBytes(_ count: Int) -> Int { (count &- 1) &* MemoryLayout<Link>.stride }

    /// The run behind the first link.
    @inline(__always)
    private func run(_ links: FraudLinks) -> UnsafeMutablePointer<Link> {
        pieces[FraudRuns.runBytes(links.count), links.run].assumingMemoryBound(to: Link.self)
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
                    guard run[place].hour < hour else { break }
                    run[place].hour = hour
                    pieces.touch(FraudRuns.runBytes(count), links.pointee.run)
                    break
                }
            }
            met.count(run, count &- 1)
        }
        guard met.isNew else { return met }
        if count < FraudRuns.partnersMax {
            met.count(hour)
            let number = pieces.resize(
                links.pointee.run, FraudRuns.runBytes(count), to: FraudRuns.runBytes(count &+ 1))
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
            pieces.touch(FraudRuns.runBytes(count), links.pointee.run)
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

    mutating func give(_ links: FraudLinks) {
        if links.count > 1 { pieces.give(FraudRuns.runBytes(links.count), links.run) }
    }
}
