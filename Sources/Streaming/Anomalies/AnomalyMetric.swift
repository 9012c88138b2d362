/// What is watched.
public enum AnomalyMetric: UInt8, CaseIterable, Sendable {
    /// Events of any kind: told only when they are missing altogether.
    case traffic
    /// Product views.
    case clicks
    /// Purchases, each order once.
    case orders
    /// Paid amounts in the reporting currency.
    case revenue
    /// Orders per click.
    case conversion
    /// Revenue per order.
    case orderValue
    /// Events rejected, of those received.
    case quarantineShare
    /// Events that arrived more than a day after they happened, of those accepted.
    case lateShare
    /// Events that repeat an earlier one's id, of those accepted.
    case duplicateShare

    /// The word for it, in answers and on paths.
    public var word: String {
        switch self {
        case .traffic: "traffic"
        case .clicks: "clicks"
        case .orders: "orders"
        case .revenue: "revenue"
        case .conversion: "conversion"
        case .orderValue: "order_value"
        case .quarantineShare: "quarantine_share"
        case .lateShare: "late_share"
        case .duplicateShare: "duplicate_share"
        }
    }

    /// Whether it is one count per another: its observed and expected values are told as rates.
    var isRatio: Bool {
        switch self {
        case .traffic, .clicks, .orders, .revenue: false
        default: true
        }
    }

    /// Whether it says something of the data's way rather than of the shop.
    var isError: Bool { self == .quarantineShare || self == .lateShare || self == .duplicateShare }
}

/// One series that is watched: a metric, over all channels or in one.
struct AnomalySeries: Hashable, Sendable {
    let metric: AnomalyMetric
    /// A channel's code; nil for all.
    let channel: UInt8?

    /// All series, in the order in which they are judged: traffic first, since without any the others say nothing.
    static let all: [AnomalySeries] = {
        var all = [AnomalySeries(metric: .traffic, channel: nil)]
        for metric in [AnomalyMetric.clicks, .orders] {
            all.append(AnomalySeries(metric: metric, channel: nil))
            for code in 0..<ChannelCode.count { all.append(AnomalySeries(metric: metric, channel: UInt8(code))) }
        }
        for metric in [AnomalyMetric.revenue, .conversion, .orderValue, .quarantineShare, .lateShare, .duplicateShare] {
            all.append(AnomalySeries(metric: metric, channel: nil))
        }
        return all
    }()

    static func index(_ metric: AnomalyMetric) -> Int {
        guard let index = all.firstIndex(of: AnomalySeries(metric: metric, channel: nil)) else {
            preconditionFailure("every metric has a series over all channels")
        }
        return index
    }
}
