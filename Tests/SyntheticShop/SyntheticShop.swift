import Events
package import Foundation
package import Streaming

/// A shop with days, weeks, better and worse days, visits of several clicks and orders of very different amounts, as
/// sums by minute; and what went wrong in it, which is known.
package struct SyntheticShop {
    /// Something that went wrong, or a promotion.
    package struct Incident: Sendable {
        /// What it does.
        package enum Kind: String, CaseIterable, Sendable {
            case payments, website, missing, price, robots, flash, holiday, country, slump
        }

        package var kind: Kind
        /// Minutes since 1970.
        package var start: Int64
        package var end: Int64

        package init(_ kind: Kind, start: Int64, minutes: Int64) {
            self.kind = kind
            self.start = start
            end = start + minutes
        }

        /// Whether an alarm about it is wanted; a promotion is only to be told as such.
        package var isWanted: Bool { kind != .flash }

        /// The metrics in which it shows.
        package var metrics: Set<String> {
            switch kind {
            case .payments: ["orders", "revenue", "conversion"]
            case .website, .holiday, .slump, .country: ["orders", "clicks", "revenue", "conversion", "traffic"]
            case .missing: ["traffic"]
            case .price: ["order_value", "orders", "revenue", "conversion"]
            case .robots: ["clicks", "conversion"]
            case .flash: ["orders", "clicks", "revenue", "conversion", "order_value"]
            }
        }
    }

    package var ordersPerDay: Double
    package var zone: TimeZone
    package var seed: UInt64
    package var incidents: [Incident]
    /// How many clicks there are to an order.
    package var clicksPerOrder = 30.0
    /// How much better or worse whole days are, and hours, as a standard deviation.
    package var dayNoise = 0.06
    package var hourNoise = 0.04
    /// Growth a week.
    package var growth = 1.01

    package init(ordersPerDay: Double, zone: TimeZone = .gmt, seed: UInt64, incidents: [Incident] = []) {
        self.ordersPerDay = ordersPerDay
        self.zone = zone
        self.seed = seed
        self.incidents = incidents
    }

    /// A minute's sums, for the detector and for others.
    package struct Minute {
        package var minute: Int64
        package var bundles: [AnomalyDetector.Bundle]
        package var isAvailable: Bool

        package var clicks: Int { bundles.reduce(0) { $0 + $1.clicks } }
        package var orders: Int { bundles.reduce(0) { $0 + $1.orders } }
        /// In currency units.
        package var revenue: Double { Double(bundles.reduce(0) { $0 + $1.revenue }) / 10_000 }
    }

    private static let channels = ["shopee", "lazada", "tiki", "website", "store"]
    private static let channelShares = [0.30, 0.19, 0.10, 0.36, 0.05]
    private static let countries = ["VN", "ID", "TH"]
    private static let countryShares = [0.55, 0.30, 0.15]
    private static let devices = ["android", "desktop"]
    private static let deviceShares = [0.7, 0.3]

    /// The course of a day: little at night, a rise at noon and a larger one in the evening; the average is 1.
    private static func course(_ minuteOfDay: Int) -> Double {
        let h = Double(minuteOfDay) / 60
        func bump(_ at: Double, _ width: Double) -> Double {
            let d = min(abs(h - at), 24 - abs(h - at))
            return exp(-d * d / (2 * width * width))
        }
        return (0.12 + 0.9 * bump(12.5, 2.2) + 1.5 * bump(20.5, 2.0)) / 0.704
    }

    private static let weekdays = [0.92, 0.9, 0.95, 1.0, 1.1, 1.2, 0.93]

    /// Calls `body` with every minute of a stretch.
    package func run(from first: Int64, minutes: Int64, _ body: (Minute) -> Void) {
        var chance = Chance(seed: seed)
        var calendar = BusinessCalendar(zone: zone)
        var hour = 0.0
        var day = Int64.min
        var dayFactor = 1.0
        for minute in first..<(first + minutes) {
            let instant = minute * Timestamp.minute
            let local = (instant + calendar.offset(at: instant)) / Timestamp.minute
            if local / 1_440 != day {
                day = local / 1_440
                dayFactor = exp(dayNoise * chance.normal() - dayNoise * dayNoise / 2)
            }
            hour = hour * (1 - 1.0 / 120) + hourNoise * (2.0 / 120).squareRoot() * chance.normal()
            let minuteOfDay = Int(local % 1_440)
            let weekday = Int((local / 1_440 + 3) % 7)
            let active = incidents.filter { $0.start <= minute && minute < $0.end }.map(\.kind)
            var rate = ordersPerDay / 1_440 * SyntheticShop.course(minuteOfDay) * SyntheticShop.weekdays[weekday]
            rate *= dayFactor * exp(hour) * pow(growth, Double(minute - first) / 10_080)
            if active.contains(.holiday) { rate *= 0.45 }
            if active.contains(.slump) { rate *= 0.5 }
            var bundles: [AnomalyDetector.Bundle] = []
            let isOpen = (540..<1_260).contains(minuteOfDay)
            for (c, channel) in SyntheticShop.channels.enumerated() where channel != "store" || isOpen {
                if channel == "website", active.contains(.website) { continue }
                for (k, country) in SyntheticShop.countries.enumerated() {
                    for (d, device) in SyntheticShop.devices.enumerated() {
                        let part =
                            rate * SyntheticShop.channelShares[c] * SyntheticShop.countryShares[k]
                            * SyntheticShop.deviceShares[d]
                        add(part, channel, country, device, active, &chance, &bundles)
                    }
                }
            }
            let isMissing = active.contains(.missing)
            body(Minute(minute: minute, bundles: isMissing ? [] : bundles, isAvailable: !isMissing))
        }
    }

    private func add(
        _ rate: Double, _ channel: String, _ country: String, _ device: String, _ active: [Incident.Kind],
        _ chance: inout Chance, _ bundles: inout [AnomalyDetector.Bundle]
    ) {
        for isPromoted in [false, true] {
            var orders = rate * (isPromoted ? 0.18 : 0.82)
            var visits = orders * clicksPerOrder / 6
            if active.contains(.flash) {
                orders *= isPromoted ? 18 : 1
                visits *= isPromoted ? 12 : 1
            }
            if active.contains(.payments) { orders = 0 }
            if active.contains(.price) { orders *= 1.5 }
            if active.contains(.country), country == "ID" {
                orders *= 0.05
                visits *= 0.05
            }
            if active.contains(.robots), country == "TH", device == "desktop", !isPromoted { visits *= 60 }
            let seen = chance.poisson(visits)
            // Visits are of one click and a geometric number of further ones, six on average.
            var clicks = seen
            if seen > 0 { clicks += max(0, Int(Double(seen) * 5 + (Double(seen) * 30).squareRoot() * chance.normal())) }
            let bought = chance.poisson(orders)
            guard clicks > 0 || bought > 0 else { continue }
            var bundle = AnomalyDetector.Bundle(
                channel: channel, country: country, device: device, isPromoted: isPromoted, clicks: clicks,
                orders: bought)
            for _ in 0..<bought {
                var amount = 40 * exp(0.9 * chance.normal())
                if active.contains(.price) { amount *= 0.1 }
                if active.contains(.flash), isPromoted { amount *= 0.7 }
                let money = Int64(amount * 100) * 100
                bundle.revenue += money
                bundle.squares += UInt128(money / 100) * UInt128(money / 100)
                bundle.largest = max(bundle.largest, money)
            }
            bundles.append(bundle)
        }
    }

    /// Feeds a detector with the stretch, each minute as it ends.
    package func feed(
        _ detector: AnomalyDetector, from first: Int64, minutes: Int64, _ seen: (Minute) -> Void = { _ in }
    ) {
        run(from: first, minutes: minutes) { minute in
            let instant = minute.minute * Timestamp.minute
            for bundle in minute.bundles { detector.add(bundle, at: instant, receivedAt: instant + 30_000_000) }
            detector.advance(to: instant + Timestamp.minute)
            seen(minute)
        }
    }

    /// The stretch's incidents: one of each kind after the weeks of learning, at hours that the seed chooses.
    package static func incidents(from first: Int64, learning: Int64, seed: UInt64, _ kinds: [Incident.Kind])
        -> [Incident]
    {
        var chance = Chance(seed: seed ^ 0x5eed)
        var found: [Incident] = []
        for (i, kind) in kinds.enumerated() {
            let length: Int64 =
                switch kind {
                case .payments: 40
                case .website: 60
                case .missing: 30
                case .price: 180
                case .robots: 45
                case .flash: 120
                case .holiday: 1_440
                case .country: 180
                case .slump: 240
                }
            // Every other day has one, between ten and twenty o'clock; holidays are whole days.
            let day = first + learning + Int64(i) * 2 * 1_440
            let start = kind == .holiday ? day : day + 600 + Int64(chance.unit() * 600)
            found.append(Incident(kind, start: start, minutes: length))
        }
        return found
    }
}
