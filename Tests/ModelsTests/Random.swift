/// A small generator (SplitMix64) that gives the same numbers everywhere.
struct Random {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }
}

extension Shop {
    /// Some events of four kinds, in any order, with repeats, conflicts and times around two midnights.
    func arriveAtRandom(_ random: inout Random) throws {
        for topic in ["clicks", "carts", "purchases", "searches"] {
            let events = (0..<random.below(12) + 1).map { _ in
                // Times around two midnights, so that sessions and orders cross them.
                let minute = random.below(3 * 24 * 6) * 10
                let time = "TIMESTAMPTZ '2026-02-27 00:00:00Z' + INTERVAL \(minute) MINUTE"
                let order = random.below(3) == 0 ? "''" : "'o\(random.below(12))'"
                let amount = topic == "purchases" ? ", \(order), \(random.below(1000)).\(random.below(100))" : ""
                let user = random.below(3)
                return
                    "('\(topic)\(random.below(60))', 'u\(user)', 's\(user)-\(random.below(4))', \(time)\(amount))"
            }
            let more = topic == "purchases" ? ", order_id, total_amount" : ""
            try arrive(topic, "event_id, user_id, session_id, ts" + more, events.joined(separator: ", "))
        }
    }
}
