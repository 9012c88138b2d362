import Events
import Foundation
import Streaming
import SyntheticShop

// How well anomalies are found: shops of several sizes, seeds, clean weeks and weeks with every kind of incident.
//
//   anomaly-quality                prints one JSON object a line, as the other benchmarks do
//   anomaly-quality --series DIR   also writes each series with incidents as CSV, for scripts/bench-anomalies

let monday: Int64 = 29_348_640
let learning: Int64 = 3 * 10_080
let weeks: Int64 = 6
let sizes = [400.0, 1_500, 5_000, 50_000]
let seeds: ClosedRange<UInt64> = 1...4

struct Line: Encodable {
    var bench = "anomalies"
    var measure: String
    var value: Double
    var unit: String
}

func show(_ measure: String, _ value: Double, _ unit: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(Line(measure: measure, value: value, unit: unit)), as: UTF8.self))
}

func median(_ values: [Int64]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? .nan : Double(sorted[sorted.count / 2])
}

guard let currency = CurrencyCode("USD") else { preconditionFailure("USD is a code") }
let arguments = CommandLine.arguments
let folder = arguments.firstIndex(of: "--series").flatMap {
    arguments.indices.contains($0 + 1) ? arguments[$0 + 1] : nil
}
if let folder { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }

/// Runs one shop; writes its series where they are asked for.
func quality(_ shop: SyntheticShop, series: String?) throws -> (DetectionQuality, seconds: Double) {
    let detector = AnomalyDetector(calendar: BusinessCalendar(zone: shop.zone), currency: currency)
    var csv = "minute,clicks,orders,revenue,labels\n"
    let clock = ContinuousClock()
    var busy = Duration.zero
    shop.run(from: monday, minutes: weeks * 10_080) { minute in
        let instant = minute.minute * Timestamp.minute
        busy += clock.measure {
            for bundle in minute.bundles { detector.add(bundle, at: instant, receivedAt: instant + 30_000_000) }
            detector.advance(to: instant + Timestamp.minute)
        }
        guard series != nil else { return }
        let labels = shop.incidents.filter { $0.start <= minute.minute && minute.minute < $0.end }.map(\.kind.rawValue)
        csv += "\(minute.minute),\(minute.clicks),\(minute.orders),\(minute.revenue),\(labels.joined(separator: " "))\n"
    }
    if let series { try csv.write(toFile: series, atomically: true, encoding: .utf8) }
    let found = DetectionQuality(detector.report().anomalies, shop.incidents, weeks: Double(weeks) - 3.0 / 7)
    return (found, Double(busy.components.seconds) + Double(busy.components.attoseconds) / 1e18)
}

for size in sizes {
    let name = "orders_a_day=\(Int(size))"
    var clean = (alarms: 0.0, warnings: 0.0, weeks: 0.0)
    var wanted = 0
    var hit = 0
    var told = 0
    var wrong = 0
    var promotions = 0
    var delays: [Int64] = []
    var starts: [Int64] = []
    var ends: [Int64] = []
    var seconds = 0.0
    for seed in seeds {
        let usual = try quality(SyntheticShop(ordersPerDay: size, seed: seed + 100), series: nil)
        clean.alarms += usual.0.falseAlarmsPerWeek() * usual.0.weeks
        clean.warnings += usual.0.falseAlarmsPerWeek(.warning) * usual.0.weeks
        clean.weeks += usual.0.weeks
        seconds += usual.seconds
        let incidents = SyntheticShop.incidents(
            from: monday, learning: learning, seed: seed, SyntheticShop.Incident.Kind.allCases)
        let shop = SyntheticShop(ordersPerDay: size, seed: seed, incidents: incidents)
        let file = folder.map { "\($0)/orders-\(Int(size))-seed-\(seed).csv" }
        let (found, _) = try quality(shop, series: file)
        told += found.told
        wrong += found.falseAlarms.count
        for finding in found.findings {
            if finding.incident.kind == .flash {
                promotions += finding.found.filter { $0.severity != .info }.count
                continue
            }
            wanted += 1
            guard let delay = finding.delay else { continue }
            hit += 1
            delays.append(delay)
            starts.append(abs(finding.startError ?? 0))
            ends.append(abs(finding.endError ?? 0))
        }
    }
    try show("\(name) false incidents", clean.alarms / clean.weeks, "a clean week")
    try show("\(name) false warnings", clean.warnings / clean.weeks, "a clean week")
    try show("\(name) recall", Double(hit) / Double(wanted), "of \(wanted) incidents")
    try show("\(name) precision", told == 0 ? 1 : 1 - Double(wrong) / Double(told), "of \(told) anomalies")
    try show("\(name) median delay", median(delays), "min")
    try show("\(name) median start error", median(starts), "min")
    try show("\(name) median end error", median(ends), "min")
    try show("\(name) promotions above info", Double(promotions), "anomalies")
    try show("\(name) cost", seconds * 1e6 / (clean.weeks + 3.0 / 7 * 4) / 10_080, "µs a minute of event time")
}
