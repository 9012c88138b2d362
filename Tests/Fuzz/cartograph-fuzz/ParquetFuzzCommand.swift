import ArgumentParser
import Foundation
import ParquetFuzz

/// Damaged Parquet files.
struct ParquetFuzzCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "parquet",
        abstract: "Read damaged Parquet files: their footers ourselves, their rows by the engine.",
        discussion: """
            Each must give a named error, or be read; and where both read a footer they must agree. Of a crash, the file \
            that caused it is left behind.
            """)

    @Option(name: .long, help: "Files to read.") var cases = 100_000
    @Option(name: .long, help: "The seed that the files follow from.") var seed: UInt64 = 1
    @Flag(name: .long, help: "Print the result as one JSON object.") var json = false

    func validate() throws {
        guard cases > 0 else { throw ValidationError("--cases must be at least 1.") }
    }

    func run() throws {
        let path = FileManager.default.temporaryDirectory.path + "/fuzz-\(UUID().uuidString).parquet"
        let fuzz = try ParquetFuzz(seed: seed, path: path)
        let began = ContinuousClock.now
        try runInSteps(cases, of: "files") { try fuzz.run($0) }
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        try FileManager.default.removeItem(atPath: path)
        let tally = fuzz.tally
        if json {
            try printJSON(
                Result(
                    seed: seed, cases: tally.cases, footersRead: tally.footersRead,
                    footersRefused: tally.footersRefused,
                    filesRead: tally.filesRead, filesRefused: tally.filesRefused, seconds: seconds))
            return
        }
        print("\(tally.cases) files of seed \(seed) in \(Int(seconds)) s: no finding")
        print("footers: \(tally.footersRead) read, \(tally.footersRefused) refused")
        print("rows: \(tally.filesRead) files read by the engine, \(tally.filesRefused) refused")
    }

    private struct Result: Encodable {
        let seed: UInt64
        let cases: Int
        let footersRead: Int
        let footersRefused: Int
        let filesRead: Int
        let filesRefused: Int
        let seconds: Double
    }
}
