import Foundation
import ParquetFuzz
import Testing

@Suite("Damaged Parquet files")
struct ParquetFuzzTests {
    @Test("Footers give a named error or what the engine reads; rows an error or rows", arguments: [1, 2] as [UInt64])
    func damaged(_ seed: UInt64) throws {
        let path = FileManager.default.temporaryDirectory.path + "/parquet-fuzz-\(UUID().uuidString).parquet"
        let fuzz = try ParquetFuzz(seed: seed, path: path)
        do {
            try fuzz.run(1_500)
        } catch {
            Issue.record("\(error)")
            return
        }
        try FileManager.default.removeItem(atPath: path)
        // Both must happen often, or the run checks less than it says.
        let tally = fuzz.tally
        for count in [tally.footersRead, tally.footersRefused, tally.filesRead, tally.filesRefused] {
            #expect(count > 100, "\(tally)")
        }
    }
}
