import Events
import Streaming
import Testing

@Suite struct DuplicateFilterTests {
    @Test func tellsNewDuplicateAndConflictApart() {
        var filter = DuplicateFilter(generation: 1_000)
        let id = KeyHash("event-1")
        #expect(filter.check(id, content: 7) == .new)
        #expect(filter.check(id, content: 7) == .duplicate)
        #expect(filter.check(id, content: 8) == .conflict)
        #expect(filter.check(KeyHash("event-2"), content: 7) == .new)
    }

    @Test func remembersAtLeastOneGenerationAndForgetsAfterTwo() {
        var filter = DuplicateFilter(generation: 1_000)
        for n in 0..<1_500 { #expect(filter.check(KeyHash("e\(n)"), content: 0) == .new) }
        #expect(filter.rotations == 1)
        // The last 1,000 are always known, in whichever generation they are.
        for n in 500..<1_500 { #expect(filter.check(KeyHash("e\(n)"), content: 0) == .duplicate) }
        for n in 1_500..<3_200 { _ = filter.check(KeyHash("e\(n)"), content: 0) }
        #expect(filter.rotations == 3)
        #expect(filter.check(KeyHash("e0"), content: 0) == .new)
        #expect(filter.count <= 2_000)
    }
}
