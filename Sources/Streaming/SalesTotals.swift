import Events

/// Counts of what happened: in a minute, a day, a channel.
public struct SalesTotals: BitwiseCopyable, Sendable, Equatable {
    /// Product views.
    public var clicks: Int64 = 0
    /// Cart events.
    public var carts: Int64 = 0
    /// Purchases, each order once.
    public var orders: Int64 = 0
    /// Items sold.
    public var units: Int64 = 0
    /// Paid amounts, in ten-thousandths: wide enough for any number of the largest amounts.
    public var revenue: Int128 = 0

    /// Nothing.
    public init() {}

    /// Adds another's counts.
    public static func += (a: inout SalesTotals, b: SalesTotals) {
        a.clicks += b.clicks
        a.carts += b.carts
        a.orders += b.orders
        a.units += b.units
        a.revenue += b.revenue
    }

    /// The paid amount as a decimal, such as `12.30`.
    public var revenueText: String { Money.text(tenThousandths: revenue) }
}

/// A channel as the stream counts it: one of the contract's words, or none given.
public struct ChannelCode: Hashable, Sendable {
    /// 0 for none, else the place in `EventWords.channels` plus one.
    public let code: UInt8

    /// The channel's name; `unknown` where the event gave none.
    public var name: String { code == 0 ? "unknown" : EventWords.channels[Int(code) - 1] }

    /// How many codes there are.
    static let count = EventWords.channels.count + 1

    init(code: UInt8) { self.code = code }

    /// The code of a channel's word, told apart by its first two letters and its length.
    @inline(__always)
    init(_ text: StringRef?) {
        guard let text, text.count >= 4 else {
            code = 0
            return
        }
        switch (text.start[0], text.start[1]) {
        case (0x73, 0x68): code = 1  // shopee
        case (0x6c, _): code = 2  // lazada
        case (0x74, _): code = 3  // tiki
        case (0x77, _): code = 4  // website
        case (0x73, 0x74): code = 5  // store
        default: code = 0
        }
    }
}

/// A currency as fifteen bits: its three letters as a number in base 26, plus one; 0 for none.
public struct CurrencyCode: Hashable, Sendable {
    /// The number.
    public let code: UInt16

    init(code: UInt16) { self.code = code }

    /// The code of three upper-case letters.
    @inline(__always)
    init(_ text: StringRef?) {
        guard let text, text.count == 3 else {
            code = 0
            return
        }
        let a = UInt16(text.start[0] &- 65)
        let b = UInt16(text.start[1] &- 65)
        let c = UInt16(text.start[2] &- 65)
        code = (a &* 26 &+ b) &* 26 &+ c &+ 1
    }

    /// The code of a currency's name; nil when it is not three upper-case letters.
    public init?(_ name: String) {
        guard name.utf8.count == 3, name.utf8.allSatisfy({ (65...90).contains($0) }) else { return nil }
        code = name.utf8.reduce(0) { $0 * 26 + UInt16($1 - 65) } + 1
    }

    /// The three letters; empty for none.
    public var name: String {
        guard code > 0 else { return "" }
        let n = code - 1
        return String(decoding: [65 + UInt8(n / 676), 65 + UInt8(n / 26 % 26), 65 + UInt8(n % 26)], as: UTF8.self)
    }
}
