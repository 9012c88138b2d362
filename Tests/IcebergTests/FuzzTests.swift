import IcebergFuzz
import Testing

@Suite("Damaged files")
struct FuzzTests {
    @Test(
        "Damaged files of every format give a named error, or are read, written and read as the same",
        arguments: [1, 2] as [UInt64])
    func mutations(_ seed: UInt64) throws {
        let fuzz = try IcebergFuzz(seed: seed)
        do {
            try fuzz.run(6_000)
        } catch {
            Issue.record("\(error)")
            return
        }
        // Both must happen often for every format, or the run checks less than it says.
        let formats = ["metadata", "manifest", "deletes", "manifest list", "avro", "name mapping", "single value"]
        for format in formats {
            #expect(fuzz.tally.accepted[format, default: 0] > 50, "\(fuzz.tally)")
            #expect(fuzz.tally.refused[format, default: 0] > 100, "\(fuzz.tally)")
        }
    }
}
