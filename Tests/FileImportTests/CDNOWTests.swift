import FileImport
import Foundation
import Testing

@Suite("CDNOW, the whole real history") struct CDNOWTests {
    struct Purchase: Decodable {
        struct Item: Decodable {
            let quantity: Int
        }

        let event_id: String
        let user_id: String
        let ts: String
        let currency: String
        let channel: String
        let items: [Item]
    }

    /// The digits behind `"total_amount":`, in cents.
    static func cents(_ json: String) throws -> Int {
        let start = try #require(json.range(of: "\"total_amount\":")).upperBound
        let parts = json[start...].prefix { $0 != "," }.split(separator: ".")
        #expect(parts.count == 2 && parts[1].count == 2, "amounts stay as they are written: \(json)")
        return try #require(Int(parts.joined()))
    }

    @Test(
        "its totals are right to the cent, identical lines are distinct purchases, zero-dollar rows are valid",
        .enabled(
            if: Package.hasCDNOW, "../shared/data/cdnow_master.txt is not there; put the CDNOW file beside the package")
    )
    func totals() throws {
        let result = try ImportedFile(path: Package.cdnow, mapping: Package.mappings.mapping("cdnow"))
        #expect(result.rejected.isEmpty)
        #expect(result.events.count == 69_659)
        #expect(result.chunks.last?.rows == 69_659)
        var total = 0
        var zero = 0
        var valentine = (orders: 0, cents: 0)
        var ids: Set<String> = []
        var customers: Set<String> = []
        var units = 0
        let decoder = JSONDecoder()
        for (event, json) in zip(result.events, result.json) {
            let purchase = try decoder.decode(Purchase.self, from: Data(event.json))
            let cents = try CDNOWTests.cents(json)
            total += cents
            zero += cents == 0 ? 1 : 0
            if purchase.ts.hasPrefix("1997-02-14") { valentine = (valentine.orders + 1, valentine.cents + cents) }
            ids.insert(purchase.event_id)
            customers.insert(purchase.user_id)
            units += purchase.items.reduce(0) { $0 + $1.quantity }
            #expect(purchase.currency == "USD" && purchase.channel == "website" && purchase.items.count == 1)
        }
        #expect(total == 250_031_563)
        #expect(units == 167_881)
        #expect(customers.count == 23_570)
        #expect(zero == 80)
        #expect(ids.count == 69_659)
        #expect(result.events.count - Set(result.events.map(\.sourceLines)).count == 255)
        #expect(valentine == (338, 1_187_223))
    }

    @Test(
        "a file with LF gives the same events as the original with CRLF",
        .enabled(
            if: Package.hasCDNOW, "../shared/data/cdnow_master.txt is not there; put the CDNOW file beside the package")
    )
    func lineEnds() throws {
        let original = try Data(contentsOf: URL(fileURLWithPath: Package.cdnow)).prefix(28 * 5_001)
        let mapping = try Package.mappings.mapping("cdnow")
        let crlf = try ImportedFile(original, mapping: mapping)
        let lf = try ImportedFile(original.filter { $0 != 0x0d }, mapping: mapping)
        #expect(crlf.events.count > 4_900)
        #expect(crlf.json == lf.json)
        #expect(crlf.identity != lf.identity)
    }
}
