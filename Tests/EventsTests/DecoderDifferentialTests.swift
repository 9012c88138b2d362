import DecoderFuzz
import Testing

/// A short run of `cartograph-fuzz`.
@Suite struct DecoderDifferentialTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func theFastPathTheGeneralPathAndSimdjsonAgree(_ seed: UInt64) throws {
        let fuzz = try DifferentialFuzz(seed: seed)
        try fuzz.run(100_000)
        // A run in which nearly nothing was accepted, or nothing by the fast path, would say little.
        #expect(fuzz.tally.events == 100_000)
        #expect(fuzz.tally.accepted > 25_000)
        #expect(fuzz.tally.fast > 15_000)
        #expect(fuzz.tally.rejected.count > 40)
    }
}
