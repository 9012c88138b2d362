import Simulator
import Testing

@Suite("The totals are the truth")
struct TotalsTests {
    @Test("they equal a recount of the lines with another parser")
    func recount() throws {
        var shop = try ShopSimulator(SimulationSettings(seed: 31))
        var buffer = LineBuffer()
        shop.generate(30_000, into: &buffer)
        let lines = try EmittedLines(buffer)
        let totals = shop.totals

        #expect(totals.lines == 30_000 && totals.events == 30_000)
        #expect(totals.duplicates == 0 && totals.malformed == 0 && totals.late == 0)
        for kind in SimulatedKind.allCases { #expect(totals[kind] == lines.ofType(kind.name).count) }
        #expect(totals.sessions == Set(lines.objects.compactMap { $0["session_id"] as? String }).count)

        let purchases = zip(lines.objects, lines.texts).filter { $0.0["type"] as? String == "purchase" }
        func sum(_ field: String, _ channel: String? = nil) throws -> Int64 {
            try purchases.reduce(0) { sum, line in
                guard channel == nil || line.0["channel"] as? String == channel else { return sum }
                return try sum + EmittedLines.cents(field, in: line.1)[0]
            }
        }
        func units(_ channel: String? = nil) -> Int {
            purchases.reduce(0) { sum, line in
                guard channel == nil || line.0["channel"] as? String == channel else { return sum }
                let items = line.0["items"] as? [[String: Any]] ?? []
                return sum + items.reduce(0) { $0 + ($1["quantity"] as? Int ?? 0) }
            }
        }
        #expect(totals.orders == Set(purchases.compactMap { $0.0["order_id"] as? String }).count)
        #expect(totals.revenueCents == (try sum("total_amount")))
        #expect(totals.discountCents == (try sum("discount")))
        #expect(totals.shippingCents == (try sum("shipping")))
        #expect(totals.taxCents == (try sum("tax")))
        #expect(
            totals.itemsCents - totals.discountCents + totals.shippingCents + totals.taxCents == totals.revenueCents)
        #expect(totals.units == units())
        for channel in SimulatedChannel.allCases {
            let ofChannel = lines.objects.filter { $0["channel"] as? String == channel.name }
            #expect(totals[channel].events == ofChannel.count)
            #expect(totals[channel].orders == ofChannel.filter { $0["type"] as? String == "purchase" }.count)
            #expect(totals[channel].units == units(channel.name))
            #expect(totals[channel].revenueCents == (try sum("total_amount", channel.name)))
        }
    }
}
