import Events
import Testing

/// Many people looked for at once are found where each of them would be.
struct PeopleTests {
    private static func people(_ ids: some Sequence<String>) throws -> People {
        try #require(People(ids.compactMap { PersonID($0) }))
    }

    private static func ids(_ count: Int, _ seed: UInt64) -> [String] {
        var state = seed
        return (0..<count).map { number in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return ["u-\(number)", "customer-Zoë-\(number)", "\(state >> 40)", "é\(number)"][Int(state >> 62)]
        }
    }

    @Test func theyAreFoundWhereEachOneWouldBe() throws {
        let wanted = Self.ids(500, 1)
        let people = try Self.people(wanted)
        let each = people.ids
        for id in wanted.prefix(100) + Self.ids(400, 2) {
            for text in [
                #"{"user_id":"\#(id)"}"#, #"{"user_id":"x","friend":"\#(id)"}"#, #"{"product_id":"\#(id)"}"#,
                "1,\(id),2", "\"\(id)", "see \(id)!", "x\(id)", String(id.dropLast()),
            ] {
                Array(text.utf8).withUnsafeBytes { bytes in
                    #expect(people.areIn(accepted: bytes) == each.contains { $0.isIn(accepted: bytes) }, "\(text)")
                    #expect(people.areIn(rejected: bytes) == each.contains { $0.isIn(rejected: bytes) }, "\(text)")
                }
            }
        }
    }

    @Test func theyAreFoundInsideOfOtherWords() throws {
        let people = try Self.people(["abc", "long-name-of-a-customer", "Zoë"])
        let parts = people.parts { $0.bytes.count > 3 }
        func stand(_ text: String) -> Bool { Array(text.utf8).withUnsafeBytes { parts.stand(in: $0) } }
        for place in ["", "x", "xxlong-name-of-a-custome"] {
            #expect(stand(place + "long-name-of-a-customer") && stand(place + "long-name-of-a-customery"))
            #expect(stand(place + "Zoë" + place))
        }
        // Too short to tell anything there, cut off, or written in another way.
        for text in ["", "abc", "long-name-of-a-custome", "ong-name-of-a-customer", "Zoe", "Zoe\u{308}"] {
            #expect(!stand(text), "\(text)")
        }
    }

    @Test func thereIsABoundAndNobodyIsNotEnough() {
        #expect(People([PersonID]()) == nil)
        #expect(People((0...People.limit).lazy.compactMap { PersonID("u\($0)") }) == nil)
        let twice = People([PersonID("b"), PersonID("a"), PersonID("b")].compactMap { $0 })
        #expect(twice?.ids.map(\.bytes) == [[0x61], [0x62]] && twice?.only == nil)
        #expect(People([PersonID("a"), PersonID("a")].compactMap { $0 })?.only?.bytes == [0x61])
    }
}
