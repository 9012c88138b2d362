import Simulator
import Testing

@Suite("The shop is believable")
struct ShopTests {
    @Test("mostly clicks, some carts, 2 to 4 % purchases, from early on")
    func proportions() throws {
        var shop = try ShopSimulator(SimulationSettings(seed: 21, rate: 2_000))
        var buffer = LineBuffer()
        for _ in 0..<300 {
            shop.generate(1_000, into: &buffer)
            buffer.removeAll()
        }
        func share(_ kind: SimulatedKind) -> Double { Double(shop.totals[kind]) / Double(shop.totals.events) }
        #expect((0.70...0.75).contains(share(.click)))
        #expect((0.05...0.09).contains(share(.cart)))
        #expect((0.02...0.04).contains(share(.purchase)))
        #expect((0.03...0.07).contains(share(.search)))
        #expect((0.005...0.02).contains(share(.wishlist)))
        #expect((0.06...0.13).contains(share(.orderStatus)))
        #expect((0.02...0.06).contains(share(.stock)))
        for channel in SimulatedChannel.allCases { #expect(shop.totals[channel].orders > 100) }
        #expect(shop.totals[.website].events > shop.totals[.tiki].events)
    }

    @Test("popularity follows Zipf's law: rank times count is level")
    func zipf() throws {
        var shop = try ShopSimulator(SimulationSettings(seed: 22))
        var counts: [String: Int] = [:]
        var buffer = LineBuffer()
        for _ in 0..<100 {
            shop.generate(1_000, into: &buffer)
            for line in String(decoding: buffer.bytes, as: UTF8.self).split(separator: "\n")
            where line.hasPrefix(#"{"type":"click""#) {
                if let at = line.firstRange(of: #""product_id":""#)?.upperBound {
                    counts[String(line[at...].prefix(7)), default: 0] += 1
                }
            }
            buffer.removeAll()
        }
        let sorted = counts.values.sorted(by: >)
        func level(_ ranks: ClosedRange<Int>) -> Double {
            Double(ranks.reduce(0) { $0 + $1 * sorted[$1 - 1] }) / Double(ranks.count)
        }
        let top = level(1...10)
        #expect((0.6...1.6).contains(level(20...40) / top))
        #expect((0.6...1.6).contains(level(100...200) / top))
        // 5,000 products: the first has 1 / (ln 5000 + 0.577) = 11 % of the draws.
        let share = Double(sorted[0]) / Double(counts.values.reduce(0, +))
        #expect((0.08...0.16).contains(share))
    }

    @Test("a session is one customer on one channel, in order of time, and ends with its purchase")
    func sessions() throws {
        let lines = try EmittedLines(LineBuffer.of(SimulationSettings(seed: 23), count: 30_000))
        var sessions: [String: [[String: Any]]] = [:]
        for object in lines.objects {
            if let session = object["session_id"] as? String { sessions[session, default: []].append(object) }
        }
        var bought = 0
        for events in sessions.values {
            #expect(Set(events.compactMap { $0["user_id"] as? String }).count == 1)
            #expect(Set(events.compactMap { $0["channel"] as? String }).count == 1)
            let times = events.compactMap { $0["ts"] as? String }
            #expect(times == times.sorted() && Set(times).count == times.count)
            #expect(["click", "search"].contains(events[0]["type"] as? String))

            // What was put in the cart and not taken out is what is bought.
            var cart: [String: Int] = [:]
            var looked: Set<String> = []
            for event in events {
                let product = event["product_id"] as? String ?? ""
                let quantity = event["quantity"] as? Int ?? 0
                switch (event["type"] as? String, event["action"] as? String) {
                case ("click", _):
                    looked.insert(product)
                case ("cart", "add"):
                    #expect(looked.contains(product))
                    cart[product, default: 0] += quantity
                case ("cart", "update"):
                    #expect(cart[product] != nil)
                    cart[product] = quantity
                case ("cart", "remove"):
                    #expect(cart[product] == quantity)
                    cart[product] = nil
                case ("purchase", _):
                    bought += 1
                    var items: [String: Int] = [:]
                    for item in try #require(event["items"] as? [[String: Any]]) {
                        items[try #require(item["product_id"] as? String)] = item["quantity"] as? Int
                    }
                    #expect(items == cart)
                    #expect(event["event_id"] as? String == events[events.count - 1]["event_id"] as? String)
                default:
                    break
                }
            }
        }
        #expect(bought > 300)
        #expect(sessions.count > 3 * bought)
    }

    @Test("the sessions of several customers run at the same time")
    func interleaving() throws {
        let lines = try EmittedLines(LineBuffer.of(SimulationSettings(seed: 24), count: 10_000))
        let sessions = lines.objects.compactMap { $0["session_id"] as? String }
        let neighbours = zip(sessions, sessions.dropFirst()).filter { $0 == $1 }.count
        #expect(neighbours * 20 < sessions.count)
    }

    @Test("orders go their way one state at a time, and none begins without its purchase")
    func orders() throws {
        var settings = SimulationSettings(seed: 25)
        settings.fulfilmentSpeedup = 100_000
        let lines = try EmittedLines(LineBuffer.of(settings, count: 40_000))
        let ways: [String: Set<String>] = [
            "": ["pending"], "pending": ["paid", "cancelled"], "paid": ["packed", "cancelled", "delivered"],
            "packed": ["shipped"], "shipped": ["delivered"], "delivered": ["returned"], "cancelled": [],
            "returned": [],
        ]
        var states: [String: String] = [:]
        var owners: [String: String] = [:]
        var reached: [String: Int] = [:]
        for object in lines.objects {
            switch object["type"] as? String {
            case "purchase":
                let order = try #require(object["order_id"] as? String)
                #expect(states[order] == nil)
                states[order] = ""
                owners[order] = object["user_id"] as? String
            case "order_status":
                let order = try #require(object["order_id"] as? String)
                let status = try #require(object["status"] as? String)
                let before = try #require(states[order])
                #expect(try #require(ways[before]).contains(status), "\(before) to \(status)")
                #expect(object["previous_status"] as? String ?? "" == before)
                #expect(object["user_id"] as? String == owners[order])
                states[order] = status
                reached[status, default: 0] += 1
            default:
                break
            }
        }
        #expect(Set(reached.keys) == Set(ContractTests.statuses))
        #expect(try #require(reached["delivered"]) * 2 > states.count)
    }

    @Test("the stock events of a product never sum below zero, and every sale has its own")
    func stock() throws {
        let lines = try EmittedLines(LineBuffer.of(SimulationSettings(seed: 26), count: 30_000))
        var shelves: [String: Int] = [:]
        var sold = 0
        var bought = 0
        for object in lines.objects {
            if let items = object["items"] as? [[String: Any]] {
                bought += items.reduce(0) { $0 + ($1["quantity"] as? Int ?? 0) }
            }
            guard let change = object["change"] as? Int else { continue }
            let product = try #require(object["product_id"] as? String)
            shelves[product, default: 0] += change
            #expect(try #require(shelves[product]) >= 0)
            if object["reason"] as? String == "sale" { sold -= change }
        }
        // The last purchases' own stock events may still be to come.
        #expect(sold > 500 && bought - sold >= 0 && bought - sold <= 36)
    }
}
