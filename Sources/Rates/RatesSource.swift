import Storage

/// Where reference rates are fetched from: an address that answers with one of the ECB's files.
public struct RatesSource: Sendable {
    /// The file that a shop fetches when it has none of its own: the last 90 days, so that a shop that was closed for a
    /// while catches up by itself.
    public static let ecb = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist-90d.xml"
    /// Seconds until the whole answer must be there.
    public static let timeoutSeconds = 10.0

    /// The address.
    public let url: String
    private let transport: HTTPTransport

    /// A source.
    /// - Throws: ``RatesError`` for an address that is not one of HTTP.
    public init(url: String) throws {
        if let fault = Self.fault(url) { throw RatesError(fault) }
        self.url = url
        transport = try HTTPTransport()
    }

    /// Why a text is no address of rates; nil when it is one.
    public static func fault(_ url: String) -> String? {
        let rest = ["http://", "https://"].first { url.hasPrefix($0) }.map { url.dropFirst($0.count) } ?? ""
        guard let first = rest.first, first != "/", url.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            return "'\(url)' is no address of exchange rates: it begins with https://, such as \(ecb)"
        }
        return nil
    }

    /// Fetches the rates, once.
    /// - Parameter lastDay: as for ``ReferenceRates``.
    /// - Throws: ``RatesError`` that says why there are none.
    public func fetch(lastDay: Int32) throws -> [ExchangeRate] {
        let answer: HTTPResponse
        do {
            answer = try transport.send(
                HTTPRequest("GET", url, headers: ["Accept": "text/csv, application/xml, application/zip"]),
                timeoutSeconds: Self.timeoutSeconds, bytesMax: ReferenceRates.bytesMax)
        } catch {
            throw RatesError("\(error)")
        }
        guard answer.status == 200 else {
            let moved = answer.headers["Location"].map { ", and names \($0.prefix(200)): set rates_url to that" } ?? ""
            throw RatesError("\(url) answered \(answer.status)\(moved)")
        }
        do {
            return try ReferenceRates(parsing: answer.body, lastDay: lastDay).rates
        } catch let error as RatesError {
            throw RatesError("what \(url) answered cannot be used: \(error)")
        }
    }
}
