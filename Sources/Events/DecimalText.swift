/// Exact numbers from their decimal text.
enum DecimalText {
    /// `-?digits[.1 to 4 digits]` in ten-thousandths; nil for anything else or beyond `EventLimits.moneyMax`.
    @inline(__always)
    static func parse(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
        var at = 0
        let negative = count > 0 && p[0] == 0x2d
        if negative { at = 1 }
        let first = at
        var value: Int64 = 0
        while at < count, p[at] &- 48 < 10 {
            value = value &* 10 &+ Int64(p[at] &- 48)
            at &+= 1
        }
        // 14 digits before the point and four after it always fit.
        guard at > first, at &- first <= 14 else { return nil }
        var places = 0
        if at < count {
            guard p[at] == 0x2e else { return nil }
            at &+= 1
            while at < count, p[at] &- 48 < 10, places < 5 {
                value = value &* 10 &+ Int64(p[at] &- 48)
                at &+= 1
                places &+= 1
            }
            guard at == count, places >= 1, places <= 4 else { return nil }
        }
        while places < 4 {
            value = value &* 10
            places &+= 1
        }
        return negative ? -value : value
    }

    /// A JSON integer of at most 18 digits; nil when it has more.
    @inline(__always)
    static func integer(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
        let negative = p[0] == 0x2d
        let first = negative ? 1 : 0
        guard count &- first <= 18 else { return nil }
        var value: Int64 = 0
        for at in first..<count { value = value &* 10 &+ Int64(p[at] &- 48) }
        return negative ? -value : value
    }
}
