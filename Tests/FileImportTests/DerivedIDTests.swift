import FileImport
import Testing

@Suite("Derived ids and chunks") struct DerivedIDTests {
    static let yaml = """
        name: shop
        format: csv
        columns: [a, b]
        header: no
        events:
          - type: click
            when: {a: {not_equals: bad}}
            fields:
              event_id: derived
              a: {column: a, default: "-"}
              b: {column: b, default: "-"}
        """

    /// Rows of few different values, so that many are identical.
    static func rows(_ count: Int, seed: UInt64) -> [String] {
        var numbers = SeededNumbers(seed)
        return (0..<count).map { _ in
            "\(Int.random(in: 0..<9, using: &numbers)),\(Int.random(in: 0..<9, using: &numbers))"
        }
    }

    @Test("identical lines stay distinct, and a second import derives the same ids", arguments: 1...20)
    func identicalLines(seed: Int) throws {
        let rows = DerivedIDTests.rows(500, seed: UInt64(seed))
        let text = rows.joined(separator: "\n")
        let first = try ImportedFile(text, DerivedIDTests.yaml)
        let ids = first.texts("event_id")
        #expect(Set(ids).count == 500)
        #expect(ids.allSatisfy { $0.count == 32 })
        #expect(try ImportedFile(text, DerivedIDTests.yaml).json == first.json)
        #expect(
            try ImportedFile(rows.joined(separator: "\r\n") + "\r\n", DerivedIDTests.yaml).texts("event_id") == ids)
        // The set of ids depends on the rows, not on their order: the third of three equal rows has the same id.
        var numbers = SeededNumbers(UInt64(seed))
        let shuffled = rows.shuffled(using: &numbers).joined(separator: "\n")
        #expect(try Set(ImportedFile(shuffled, DerivedIDTests.yaml).texts("event_id")) == Set(ids))
    }

    @Test("rows added at the end leave the ids of the others alone")
    func growth() throws {
        let rows = DerivedIDTests.rows(400, seed: 7)
        let half = try ImportedFile(rows.prefix(200).joined(separator: "\n"), DerivedIDTests.yaml)
        let whole = try ImportedFile(rows.joined(separator: "\n"), DerivedIDTests.yaml)
        #expect(Array(whole.texts("event_id").prefix(200)) == half.texts("event_id"))
    }

    @Test("an id tells cells apart, not bytes: quoting is nothing, where a cell ends is something")
    func content() throws {
        let ids = try ImportedFile("ab,c\n\"ab\",\"c\"\na,bc\n", DerivedIDTests.yaml).texts("event_id")
        let plain = try ImportedFile("ab,c\nab,c\na,bc\n", DerivedIDTests.yaml).texts("event_id")
        #expect(ids == plain)
        #expect(Set(ids).count == 3)
    }

    @Test("another name or another event type gives other ids")
    func domains() throws {
        let text = "1,2\n"
        let shop = try ImportedFile(text, DerivedIDTests.yaml).texts("event_id")
        let renamed = DerivedIDTests.yaml.replacing("name: shop", with: "name: other")
        let retyped = DerivedIDTests.yaml.replacing("type: click", with: "type: search")
        #expect(try ImportedFile(text, renamed).texts("event_id") != shop)
        #expect(try ImportedFile(text, retyped).texts("event_id") != shop)
    }

    @Test("chunks are the same in every run, bounded, numbered, and in order")
    func chunks() throws {
        let rows = (0..<1_000).map { $0 % 7 == 0 ? "bad,\($0)" : "\($0),x" }
        let text = rows.joined(separator: "\n")
        let first = try ImportedFile(text, DerivedIDTests.yaml, eventsPerChunk: 100)
        let second = try ImportedFile(text, DerivedIDTests.yaml, eventsPerChunk: 100)
        #expect(first.identity == second.identity)
        #expect(first.chunks.map { $0.events.map(\.json) } == second.chunks.map { $0.events.map(\.json) })
        #expect(first.chunks.map { $0.rejected.map(\.line) } == second.chunks.map { $0.rejected.map(\.line) })
        #expect(first.chunks.map(\.index) == Array(0..<first.chunks.count))
        #expect(first.chunks.dropLast().allSatisfy { $0.events.count == 100 })
        #expect(first.chunks.map(\.bytesRead) == first.chunks.map(\.bytesRead).sorted())
        #expect(first.chunks.last?.bytesRead == first.chunks.last?.totalBytes)
        #expect(first.events.map(\.firstLine) == first.events.map(\.firstLine).sorted())
        #expect(Set(first.reasons) == ["unknown_type"] && first.rejected.count == 143)
    }

    @Test("the identity names what the chunks depend on: bytes, meaning of the mapping, chunk size, and nothing else")
    func identity() throws {
        let base = try ImportedFile("1,2\n", DerivedIDTests.yaml).identity
        #expect(base.count == 64)
        let restyled =
            "# A comment.\n"
            + DerivedIDTests.yaml.replacing("name: shop", with: "name:   'shop'\ndescription: words")
        #expect(try ImportedFile("1,2\n", restyled).identity == base)
        #expect(try ImportedFile("1,3\n", DerivedIDTests.yaml).identity != base)
        #expect(try ImportedFile("1,2\n", DerivedIDTests.yaml, eventsPerChunk: 7).identity != base)
        let number = DerivedIDTests.yaml + "\n      c: true"
        let text = DerivedIDTests.yaml + "\n      c: 'true'"
        #expect(try ImportedFile("1,2\n", number).identity != ImportedFile("1,2\n", text).identity)
        let other = DerivedIDTests.yaml.replacing("default: \"-\"}", with: "default: \"0\"}")
        #expect(try ImportedFile("1,2\n", other).identity != base)
    }
}
