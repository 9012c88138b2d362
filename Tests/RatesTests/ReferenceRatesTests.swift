import Rates
import Testing

@Suite struct ReferenceRatesTests {
    static let lastDay: Int32 = 20_800  // 2026-12-13

    private func read(_ text: String) throws -> [String] { try read(Array(text.utf8)) }

    private func read(_ bytes: [UInt8]) throws -> [String] {
        try ReferenceRates(parsing: bytes, lastDay: Self.lastDay).rates.map { "\($0.date) \($0.currency) \($0.text)" }
    }

    private func reason(_ text: String) -> String? {
        #expect(throws: RatesError.self) { try read(text) }?.description
    }

    @Test func theHistoryHasHolesAndACommaAtTheEnd() throws {
        let text = "Date,USD,JPY,BGN,TRL,\n2026-10-30,1.1172,175.68,N/A,N/A,\n1999-01-04,1.1789,133.73,N/A,372274,\n"
        let rates = [
            "1999-01-04 JPY 133.730000", "1999-01-04 TRL 372274.000000", "1999-01-04 USD 1.178900",
            "2026-10-30 JPY 175.680000", "2026-10-30 USD 1.117200",
        ]
        #expect(try read(text) == rates)
        #expect(try read(text.replacing("\n", with: "\r\n")) == rates, "with Windows' line ends")
        #expect(try read("\u{FEFF}" + text) == rates, "with a byte order mark")
    }

    @Test func theFileOfTheDayWritesItsDateInWords() throws {
        #expect(
            try read("Date, USD, GBP, \n30 October 2026, 1.1172, 0.83380, \n")
                == ["2026-10-30 GBP 0.833800", "2026-10-30 USD 1.117200"])
        #expect(try read("Date, USD, \n3 May 2026, 1.1172, \n") == ["2026-05-03 USD 1.117200"])
    }

    @Test func theXMLIsReadWithBothQuotes() throws {
        let days = """
            <Cube time='2026-10-30'><Cube currency='USD' rate='1.1172'/><Cube currency="GBP" rate="0.8338"/></Cube>
            <Cube time="2026-10-29"><Cube currency="USD" rate="1.113"/></Cube>
            """
        let text = """
            <?xml version="1.0" encoding="UTF-8"?>
            <gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
            <gesmes:subject>Reference rates</gesmes:subject>
            <gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
            <Cube>\(days)</Cube></gesmes:Envelope>
            """
        #expect(
            try read(text) == ["2026-10-29 USD 1.113000", "2026-10-30 GBP 0.833800", "2026-10-30 USD 1.117200"])
    }

    @Test func aFileWithOneFaultIsRefusedAsAWholeAndTheLineIsNamed() {
        let head = "Date,USD,GBP\n2026-10-30,1.1,0.8\n"
        #expect(reason(head + "2026-10-29,1.1\n")?.contains("line 3: it has 2 columns") == true)
        #expect(reason(head + "2026-10-32,1.1,1\n")?.contains("line 3: '2026-10-32' is no date") == true)
        #expect(reason(head + "2026-02-30,1.1,1\n")?.contains("line 3: '2026-02-30' is no date") == true)
        #expect(reason(head + "1998-12-31,1.1,1\n")?.contains("is no date") == true, "before the euro")
        #expect(reason(head + "2026-12-14,1.1,1\n")?.contains("in the future") == true)
        #expect(reason(head + "2026-10-30,1.1,0.9\n")?.contains("line 3: GBP has two rates on 2026-10-30") == true)
        for bad in [
            "0", "0.0009", "10000000", "-1", "+1", "1e3", "1.2345678", "1.", ".5", "1,5", "NaN", "１", "1.1.1", "n/a",
            "0x1",
            "99999999999999999999999",
        ] {
            #expect(reason(head + "2026-10-29,\(bad),1\n")?.hasPrefix("line 3") == true, "\(bad)")
        }
        #expect(reason("Date,USD\n") == "the file holds no rate")
        #expect(reason("") == "the file holds no rate")
        #expect(reason("Date,usd\n2026-10-30,1\n")?.contains("no header of the ECB's") == true)
        #expect(reason("Date,USD,USD\n2026-10-30,1,1\n")?.contains("no header") == true)
        #expect(reason("<html><body>Not found</body></html>")?.contains("no element Cube") == true)
        #expect(
            reason("<Envelope><Cube><Cube time='2026-10-30'><Cube currency='USD' rate='1'")?.contains("ends early")
                == true)
        #expect(reason("<!DOCTYPE x [<!ENTITY a 'b'>]><Envelope/>")?.contains("declaration") == true)
        #expect(
            reason("<E><Cube><Cube time='2026-10-30'><Cube currency='EUR' rate='1'/></Cube></Cube></E>")?
                .contains("no rate of EUR") == true)
    }

    @Test func theEdgesOfARateAreTaken() throws {
        #expect(
            try read("Date,USD,GBP\n2026-10-30,0.001,9999999.999999\n")
                == ["2026-10-30 GBP 9999999.999999", "2026-10-30 USD 0.001000"])
    }

    // MARK: - Zip

    private static let csv = "Date,USD,\n2026-10-30,1.1172,\n"

    @Test func aZipHoldsTheSameFile() throws {
        #expect(try read(SampleZip(Self.csv).bytes) == ["2026-10-30 USD 1.117200"])
        #expect(try read(SampleZip(Self.csv, isDeflated: true).bytes) == ["2026-10-30 USD 1.117200"])
    }

    @Test func aZipThatLiesIsRefused() throws {
        let good = try SampleZip(Self.csv, isDeflated: true).bytes
        for count in 0..<good.count {
            #expect(throws: RatesError.self, "cut at \(count)") { try read(Array(good[..<count])) }
        }
        // Every byte changed in turn: refused, or read as what it was (names and times are not looked at).
        for index in 4..<good.count {
            var bad = good
            bad[index] ^= 0xFF
            do {
                #expect(try read(bad) == ["2026-10-30 USD 1.117200"], "byte \(index)")
            } catch is RatesError {}
        }
        #expect(throws: RatesError.self, "says that it is large") {
            try read(SampleZip(Self.csv, isDeflated: true, size: 1 << 30).bytes)
        }
        #expect(throws: RatesError.self, "holds more than it says") {
            try read(SampleZip(Self.csv, isDeflated: true, size: 10).bytes)
        }
    }
}
