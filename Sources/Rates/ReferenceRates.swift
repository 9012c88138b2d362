import Storage

/// The euro reference rates of the European Central Bank, as its files spell them: `eurofxref.csv`, `eurofxref-hist.csv`,
/// either in a zip, and `eurofxref-daily.xml`, `eurofxref-hist-90d.xml`, `eurofxref-hist.xml`. A file is taken whole or not
/// at all.
///
/// The CSV has a header `Date,USD,JPY,…`, a line for each working day, newest first, `N/A` where a currency had no rate,
/// and a comma at the end of lines; `eurofxref.csv` writes its one date as `30 October 2026` and a blank behind commas. The
/// XML has `<Cube time="2026-10-30"><Cube currency="USD" rate="1.1172"/>…</Cube>`.
public struct ReferenceRates: Sendable {
    /// Most bytes of a file, and of what is in a zip; the whole history since 1999 has two million as CSV.
    public static let bytesMax = 32 << 20
    /// Most lines of a CSV, and days of an XML: more than a century of working days.
    static let daysMax = 40_000
    /// Most currencies of a file.
    static let currenciesMax = 250
    /// Most elements of an XML.
    static let elementsMax = 600_000

    /// The rates, by day and currency.
    public let rates: [ExchangeRate]

    /// Reads a file, whichever of these it is.
    /// - Parameter lastDay: the last day that may be in it, as days since 1970-01-01; rates of the future are refused.
    /// - Throws: ``RatesError`` that names the line.
    public init(parsing bytes: [UInt8], lastDay: Int32) throws {
        guard bytes.count <= Self.bytesMax else {
            throw RatesError("the file has more than \(Self.bytesMax) bytes: it is none of the ECB's")
        }
        var found = Found(lastDay: lastDay)
        if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) {
            try found.readCSV(try ZipArchive.onlyFile(in: bytes, upTo: Self.bytesMax))
        } else if bytes.first(where: { ![0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains($0) }) == 0x3C {
            try found.readXML(bytes)
        } else {
            try found.readCSV(bytes)
        }
        guard !found.rates.isEmpty else { throw RatesError("the file holds no rate") }
        rates = found.rates.map { $0.value }.sorted { ($0.day, $0.currency) < ($1.day, $1.currency) }
    }

    /// What was read so far.
    private struct Found {
        struct Key: Hashable {
            let day: Int32
            let currency: String
        }

        let lastDay: Int32
        var rates: [Key: ExchangeRate] = [:]

        mutating func add(_ day: Int32, _ currency: Substring, _ text: Substring, _ place: String) throws {
            guard let millionths = ExchangeRate.millionths(text),
                let rate = ExchangeRate(day: day, currency: String(currency), millionths: millionths)
            else {
                throw RatesError(
                    "\(place): '\(text.prefix(40))' is no rate of \(currency.prefix(10)) for one euro: a decimal from "
                        + "0.001 to 9999999.999999 is")
            }
            if let other = rates.updateValue(rate, forKey: Key(day: day, currency: rate.currency)), other != rate {
                throw RatesError("\(place): \(rate.currency) has two rates on \(rate.date)")
            }
        }

        func day(_ text: Substring, _ place: String) throws -> Int32 {
            guard let day = ReferenceRates.day(text) else {
                throw RatesError("\(place): '\(text.prefix(40))' is no date such as 2026-10-30")
            }
            guard day <= lastDay else { throw RatesError("\(place): the day \(text) is in the future") }
            return day
        }

        // MARK: - CSV

        mutating func readCSV(_ bytes: [UInt8]) throws {
            guard bytes.count <= ReferenceRates.bytesMax, let text = String(validating: bytes, as: UTF8.self) else {
                throw RatesError("the file is no text")
            }
            var columns: [Substring]?
            var number = 0
            for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
                number += 1
                let place = "line \(number)"
                guard number <= ReferenceRates.daysMax else {
                    throw RatesError("the file has more than \(ReferenceRates.daysMax) lines")
                }
                var cells = line.split(
                    separator: ",", maxSplits: ReferenceRates.currenciesMax + 2, omittingEmptySubsequences: false
                ).map { ReferenceRates.trimmed($0) }
                if cells.last?.isEmpty ?? false { cells.removeLast() }
                if cells.isEmpty { continue }
                guard let names = columns else {
                    columns = try header(cells, place)
                    continue
                }
                guard cells.count == names.count + 1 else {
                    throw RatesError("\(place): it has \(cells.count) columns, and the header \(names.count + 1)")
                }
                let day = try day(cells[0], place)
                for (currency, cell) in zip(names, cells.dropFirst()) where cell != "N/A" && !cell.isEmpty {
                    try add(day, currency, cell, place)
                }
            }
        }

        private func header(_ cells: [Substring], _ place: String) throws -> [Substring] {
            let names = cells.dropFirst()
            let first = cells[0].drop { $0 == "\u{FEFF}" }
            guard first == "Date", !names.isEmpty, names.count <= ReferenceRates.currenciesMax,
                names.allSatisfy({ ExchangeRate.isCurrency($0) }), Set(names).count == names.count
            else {
                throw RatesError(
                    "\(place): it is no header of the ECB's reference rates, which is Date and then currencies "
                        + "such as USD: take eurofxref-hist.csv, eurofxref-hist.zip or eurofxref-hist-90d.xml")
            }
            return Array(names)
        }

        // MARK: - XML

        mutating func readXML(_ bytes: [UInt8]) throws {
            let root: XMLElement
            do {
                root = try XMLElement(parsing: bytes, elementsMax: ReferenceRates.elementsMax)
            } catch {
                throw RatesError("the file is no XML of reference rates: \(error)")
            }
            guard let days = root["Cube"]?.children.filter({ $0.name == "Cube" }) else {
                throw RatesError("the file is no XML of reference rates: it has no element Cube")
            }
            guard days.count <= ReferenceRates.daysMax else {
                throw RatesError("the file has more than \(ReferenceRates.daysMax) days")
            }
            for (index, element) in days.enumerated() {
                let place = "day \(index + 1) of the file"
                let day = try day(Substring(element.attribute("time") ?? ""), place)
                guard element.children.count <= ReferenceRates.currenciesMax else {
                    throw RatesError("\(place): it has more than \(ReferenceRates.currenciesMax) currencies")
                }
                for rate in element.children where rate.name == "Cube" {
                    try add(
                        day, Substring(rate.attribute("currency") ?? ""), Substring(rate.attribute("rate") ?? ""), place
                    )
                }
            }
        }
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    /// `2026-10-30` or `30 October 2026` as days since 1970-01-01, from 1999 on.
    private static func day(_ text: Substring) -> Int32? {
        var written = String(text)
        let words = text.split(separator: " ", maxSplits: 3)
        if words.count == 3, let month = months.firstIndex(of: String(words[1])), words[0].utf8.count <= 2,
            words[2].utf8.count == 4
        {
            func two(_ text: String) -> String { text.utf8.count == 1 ? "0" + text : text }
            written = "\(words[2])-\(two(String(month + 1)))-\(two(String(words[0])))"
        }
        guard written.utf8.count == 10, let day = ExchangeRate.day(written), day >= firstDay else { return nil }
        return day
    }

    /// 1999-01-01, when the euro began.
    private static let firstDay: Int32 = 10_592

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }
}
