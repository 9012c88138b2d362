import Simulator
import Testing

@Suite struct SimulatedProductTests {
    @Test func theListIsOfWhatTheEventsAreAbout() throws {
        var settings = SimulationSettings(seed: 7)
        settings.products = 300
        var shop = try ShopSimulator(settings)
        let products = shop.products
        #expect(products.count == 300 && Set(products.map(\.id)).count == 300)
        #expect(Set(products.map(\.category)).count == 12)
        #expect(products == (try ShopSimulator(settings).products), "the same seed, the same list")
        settings.run = 9
        #expect(products == (try ShopSimulator(settings).products), "another run of the same shop")
        settings.seed = 8
        #expect(products != (try ShopSimulator(settings).products))

        // Every product of an event is on the list, and the page that shows a category shows its products.
        var buffer = LineBuffer(lines: 1_000)
        shop.generate(1_000, into: &buffer)
        let text = buffer.withBytes { String(decoding: $0, as: UTF8.self) }
        let ids = Set(products.map(\.id))
        let seen = text.split(separator: "\"product_id\":\"").dropFirst().map { String($0.prefix { $0 != "\"" }) }
        #expect(seen.count > 500 && seen.allSatisfy(ids.contains))
    }

    @Test func asCSVItNeedsNoQuotes() throws {
        let lines = SimulatedProduct.csv(try ShopSimulator(SimulationSettings(seed: 1)).products)
            .split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.first == "product_id,name,category,brand" && lines.last == "")
        #expect(lines.dropLast().allSatisfy { !$0.contains("\"") && $0.split(separator: ",").count == 4 })
    }
}
