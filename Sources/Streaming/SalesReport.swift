import Events
import Foundation

/// Live sales of one dimension in stretches of one length.
public struct SalesReport: Encodable, Sendable {
    /// The most lines of an answer.
    public static let linesMax = 10_000

    /// What was asked for.
    public struct Question: Sendable {
        let dimension: SalesDimension
        let grain: SalesGrain
        let last: Int
        let top: Int?

        /// A question; nil where a word is none of the API's.
        ///
        /// - Parameters:
        ///   - dimension: `channel`, `store`, `country` or `product`.
        ///   - grain: `minute`, `hour` or `day`.
        ///   - last: of how many stretches, the present one included.
        ///   - top: how many names are told apart, those that sold most in the reporting currency; nil for all.
        public init?(by dimension: String, grain: String, last: Int, top: Int? = nil) {
            guard let dimension = SalesDimension(word: dimension), let grain = SalesGrain(word: grain) else {
                return nil
            }
            self.dimension = dimension
            self.grain = grain
            self.last = max(1, min(last, Int(grain.kept)))
            self.top = top
        }

        /// The same for every asker of the same.
        var key: String { "sales \(dimension) \(grain) \(last) \(top.map(String.init) ?? "all")" }

        /// The oldest stretch that is asked for.
        func oldest(_ stream: ShopStream, _ now: Int64) -> Int32 {
            var calendar = stream.calendar
            let minute = now / Timestamp.minute
            let local = minute + calendar.offset(at: now) / Timestamp.minute
            let oldest =
                switch grain {
                case .minute: minute - Int64(last) + 1
                case .hour: minute - local % 60 - Int64(last - 1) * 60
                case .day: Int64(calendar.day(of: now)) - Int64(last) + 1
                }
            return Int32(truncatingIfNeeded: oldest)
        }
    }

    /// What one channel, store, country or product sold in one currency in one stretch of time.
    public struct Line: Encodable, Sendable {
        /// The beginning, RFC 3339; of days the date.
        public var start: String
        /// The channel, store, country or product; `unknown` where events did not say.
        public var name: String
        /// The amounts' currency; empty for views and carts, which have none.
        public var currency: String
        /// Product views; by channel only.
        public var clicks: Int64
        /// Cart events; by channel only.
        public var carts: Int64
        /// Orders; of a product those that hold it.
        public var orders: Int64
        /// Items sold.
        public var units: Int64
        /// Paid amounts; of a product quantity times unit price.
        public var revenue: String
    }

    /// What sales are told apart by.
    public var by: String
    /// How long a stretch is.
    public var grain: String
    /// The business day's time zone.
    public var timezone: String
    /// The newest arrival that is counted, RFC 3339; nil before the first.
    public var asOf: String?
    /// Whether there were more than ``linesMax`` lines: the newest are given.
    public var isCut: Bool
    /// Counts that found no room since the state began.
    public var unkept: Int64
    /// By time, name and currency.
    public var lines: [Line]
    /// Where only the names that sold most are told apart: all others together, by time and currency, without a name.
    public var others: [Line]?

    enum CodingKeys: String, CodingKey {
        case by, grain, timezone, unkept, lines, others
        case asOf = "as_of"
        case isCut = "is_cut"
    }

    init(_ stream: ShopStream, _ question: Question, now: Int64) {
        by = question.dimension.word
        grain = question.grain.word
        let calendar = stream.calendar
        timezone = calendar.name
        let clock = stream.state.pointee.cube.clock
        asOf = clock == .min ? nil : Timestamp.text(clock)
        unkept = stream.state.pointee.cube.unkept
        var found = stream.sales(by: question.dimension, question.grain, in: question.oldest(stream, now)...Int32.max)
        if let top = question.top {
            let rest = SalesReport.split(&found, top, stream.reportingCurrency)
            others = rest.prefix(SalesReport.linesMax).map { Line($0, question.grain) }
        }
        isCut = found.count > SalesReport.linesMax
        lines = found.suffix(SalesReport.linesMax).map { Line($0, question.grain) }
    }

    /// Takes out the lines of all names but those that sold most, and returns them added up by time and currency.
    private static func split(
        _ lines: inout [SalesCube.Line], _ top: Int, _ currency: CurrencyCode
    ) -> [SalesCube.Line] {
        var sold: [String: Int128] = [:]
        for line in lines { sold[line.name, default: 0] += line.currency == currency ? line.totals.revenue : 0 }
        let best = Set(sold.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(top).map(\.key))
        var rest: [SalesCube.Line] = []
        var places: [Int64: Int] = [:]
        for line in lines where !best.contains(line.name) {
            let cell = Int64(line.time) << 16 | Int64(line.currency.code)
            if let place = places[cell] {
                rest[place].totals += line.totals
            } else {
                places[cell] = rest.count
                rest.append(line)
                rest[rest.count - 1].name = ""
            }
        }
        lines.removeAll { !best.contains($0.name) }
        return rest
    }
}

extension SalesReport.Line {
    fileprivate init(_ line: SalesCube.Line, _ grain: SalesGrain) {
        start =
            grain == .day
            ? Timestamp.dateText(ofDay: Int64(line.time))
            : Timestamp.text(Int64(line.time) * Timestamp.minute, fraction: 0)
        name = line.name
        currency = line.currency.name
        clicks = line.totals.clicks
        carts = line.totals.carts
        orders = line.totals.orders
        units = line.totals.units
        revenue = line.totals.revenueText
    }
}

extension LiveQuestions {
    /// Live sales as JSON; nil when too many ask at once, or the stream has ended.
    ///
    /// - Parameters:
    ///   - now: the time of day in microseconds since 1970 UTC.
    ///   - age: how many seconds old the answer may be.
    /// - Throws: `EncodingError`.
    public func sales(_ question: SalesReport.Question, now: Int64, age: Int = 0) async throws -> [UInt8]? {
        try await answer(question.key, age: age) { SalesReport($0, question, now: now) }
    }
}
