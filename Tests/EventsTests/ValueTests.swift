import Events
import Foundation
import Testing

@Suite struct ValueTests {
    @Test(
        arguments: [
            ("0", 0, "0.00"), ("12.3", 123_000, "12.30"), ("0.3333", 3_333, "0.3333"), ("-1.5", -15_000, "-1.50"),
            ("-0.0001", -1, "-0.0001"), ("1.2300", 12_300, "1.23"),
            ("99999999999999.9999", 999_999_999_999_999_999, "99999999999999.9999"),
        ] as [(String, Int64, String)])
    func moneyIsReadAndWrittenExactly(_ text: String, _ amount: Int64, _ written: String) {
        #expect(Money(text)?.tenThousandths == amount)
        #expect(Money(tenThousandths: amount).description == written)
        #expect(Money(written)?.tenThousandths == amount)
    }

    @Test(
        arguments: [
            "", "-", ".", "1.", ".1", "1.23456", "1e2", " 1", "1 ", "+1", "1,0", "100000000000000", "--1", "1.2.3", "١",
            "1.-2",
        ] as [String])
    func whatIsNoMoneyIsNil(_ text: String) { #expect(Money(text) == nil) }

    @Test func everyAmountSurvivesItsText() {
        var random = Seeded(state: 4)
        for _ in 0..<10_000 {
            let amount =
                Int64.random(in: -999_999_999_999_999_999...999_999_999_999_999_999, using: &random)
                >> Int64.random(in: 0..<60, using: &random)
            #expect(Money(Money(tenThousandths: amount).description)?.tenThousandths == amount)
        }
        #expect(Money(tenThousandths: .min).description == "-922337203685477.5808")
    }

    @Test func timestampsAgreeWithFoundation() throws {
        var utc = Calendar(identifier: .gregorian)
        utc.timeZone = try #require(TimeZone(identifier: "GMT"))
        var random = Seeded(state: 5)
        for _ in 0..<5_000 {
            // Years 0001 to 9999 of Foundation's calendar are Gregorian from 1583 on only.
            let second = Int64.random(in: -12_212_553_600...253_402_300_799, using: &random)
            let micros = second * Timestamp.second + Int64.random(in: 0..<1_000_000, using: &random)
            let parts = utc.dateComponents(
                [.year, .month, .day, .hour, .minute, .second], from: Date(timeIntervalSince1970: Double(second)))
            let numbers = [parts.year, parts.month, parts.day, parts.hour, parts.minute, parts.second].map { $0 ?? -1 }
            let text = Timestamp.text(micros, fraction: 6)
            let expected = String(
                format: "%04d-%02d-%02dT%02d:%02d:%02d.", numbers[0], numbers[1], numbers[2], numbers[3], numbers[4],
                numbers[5])
            #expect(text.hasPrefix(expected), "\(text) is not \(expected)")
            #expect(Timestamp.parse(text) == micros)
            #expect(Timestamp.parse(Timestamp.text(micros)) == micros - (micros % 1_000 + 1_000) % 1_000)
        }
    }

    @Test func aDayNumberIsItsDate() {
        #expect(Timestamp.days(year: 1970, month: 1, day: 1) == 0)
        #expect(Timestamp.days(year: 2000, month: 3, day: 1) == 11_017)
        for day in stride(from: Int64(-800_000), through: 3_000_000, by: 37) {
            let date = Timestamp.date(ofDay: day)
            #expect(Timestamp.days(year: date.year, month: date.month, day: date.day) == day)
        }
        #expect(Timestamp.dateText(ofDay: -1) == "1969-12-31")
        #expect(Timestamp.text(-1, fraction: 6) == "1969-12-31T23:59:59.999999Z")
        #expect(Timestamp.text(0, fraction: 0) == "1970-01-01T00:00:00Z")
    }

    @Test(
        arguments: [
            "UTC", "Asia/Ho_Chi_Minh", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "America/St_Johns", "Pacific/Apia", "America/Sao_Paulo", "Asia/Gaza", "Africa/Casablanca",
            "Pacific/Chatham",
        ] as [String])
    func businessDaysAgreeWithFoundation(_ name: String) throws {
        var calendar = try #require(BusinessCalendar(zoneNamed: name))
        let zone = try #require(TimeZone(identifier: name == "UTC" ? "GMT" : name))
        #expect(calendar.name == name)
        var random = Seeded(state: 6)
        func check(_ second: Int64) {
            let offset = Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second))))
            #expect(calendar.offset(at: second * Timestamp.second) == offset * Timestamp.second, "\(name) at \(second)")
            let day = ((second + offset) - ((second + offset) % 86_400 + 86_400) % 86_400) / 86_400
            #expect(calendar.day(of: second * Timestamp.second + 999_999) == Int32(day), "\(name) at \(second)")
        }
        for _ in 0..<1_000 { check(Int64.random(in: 631_152_000..<1_893_456_000, using: &random)) }
        // Around every change of the offset, to the second, forwards as events come.
        var at: Int64 = 631_152_000
        var last = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(at)))
        while at < 1_893_456_000 {
            let next = at + 6 * 3_600
            let offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(next)))
            if offset != last {
                var low = at
                var high = next
                while high - low > 1 {
                    let middle = (low + high) / 2
                    if zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(middle))) == last {
                        low = middle
                    } else {
                        high = middle
                    }
                }
                for delta in [-3_600, -900, -60, -2, -1, 0, 1, 59, 60, 600, 899, 900, 3_599, 3_600] {
                    check(high + Int64(delta))
                }
                last = offset
            }
            at = next
        }
    }

    @Test func noSuchZoneIsNil() {
        #expect(BusinessCalendar(zoneNamed: "Mars/Olympus") == nil)
        #expect(BusinessCalendar(zoneNamed: "") == nil)
    }

    /// Computed by another program from the definition: data on disk is partitioned by these.
    @Test(
        arguments: [
            ("", 0x90d4_c43c_b909_531f, 0x2be8_02fe_836e_bdde, 1, 3),
            ("u", 0xe5f1_32d2_a28c_4692, 0xc96b_a8d8_f02e_4fc2, 1, 6),
            ("user-1", 0x4f61_f9fc_9c9a_4015, 0xbb69_8e6d_41d1_fc3b, 0, 2),
            ("12345678", 0x46e8_bf27_9011_86b7, 0x2188_eb21_a940_57df, 0, 1),
            ("a user id of more than one word", 0x454a_6594_8a50_52b8, 0x36c7_3b9b_8946_d8d9, 0, 1),
            ("ü✓", 0x7766_4fa4_c733_1845, 0x051b_c2cc_e99b_a71d, 0, 3),
        ] as [(String, UInt64, UInt64, Int, Int)])
    func keyHashesNeverChange(_ key: String, _ high: UInt64, _ low: UInt64, _ ofTwo: Int, _ ofSeven: Int) {
        let hash = KeyHash(key)
        #expect(hash.high == high && hash.low == low)
        #expect(hash.partition(of: 2) == ofTwo)
        #expect(hash.partition(of: 7) == ofSeven)
        #expect(hash.partition(of: 1) == 0)
        let bytes = PaddedBytes(copying: Array(key.utf8))
        #expect(KeyHash(bytes.start, count: bytes.count) == hash)
        #expect(KeyHash(key, seed: 1) != hash)
    }

    @Test func keysSpreadEvenlyAndDoNotCollide() {
        for partitions in [2, 3, 16, 256] {
            var counts = [Int](repeating: 0, count: partitions)
            var seen: Set<KeyHash> = []
            for i in 0..<51_200 {
                let hash = KeyHash("u-\(i)")
                counts[hash.partition(of: partitions)] += 1
                seen.insert(hash)
            }
            let mean = 51_200.0 / Double(partitions)
            // Six standard deviations of a fair draw.
            #expect(counts.allSatisfy { abs(Double($0) - mean) < 6 * mean.squareRoot() }, "\(counts)")
            #expect(seen.count == 51_200)
        }
        #expect(KeyHash("a") != KeyHash("a\0"))
        #expect(KeyHash("") != KeyHash("\0"))
    }
}
