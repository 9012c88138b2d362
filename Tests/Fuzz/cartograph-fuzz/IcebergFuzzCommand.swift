import ArgumentParser
import IcebergFuzz

/// Damaged files of Iceberg tables.
struct IcebergFuzzCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "iceberg",
        abstract: "Read damaged metadata, manifests and Avro files of Iceberg tables.",
        discussion: "Each must give a named error, or be read, written and read again as the same.")

    @Option(name: .long, help: "Files to read.") var cases = 1_000_000
    @Option(name: .long, help: "The seed that the files follow from.") var seed: UInt64 = 1
    @Flag(name: .long, help: "Print the result as one JSON object.") var json = false

    func validate() throws {
        guard cases > 0 else { throw ValidationError("--cases must be at least 1.") }
    }

    func run() throws {
        let fuzz = try IcebergFuzz(seed: seed)
        let began = ContinuousClock.now
        try runInSteps(cases, of: "files") { try fuzz.run($0) }
        try report(fuzz.tally, seconds: (ContinuousClock.now - began) / .seconds(1))
    }

    private func report(_ tally: IcebergFuzz.Tally, seconds: Double) throws {
        if json {
            try printJSON(
                Result(
                    seed: seed, cases: tally.cases, accepted: tally.accepted, refused: tally.refused,
                    seconds: seconds))
            return
        }
        print("\(tally.cases) files of seed \(seed) in \(Int(seconds)) s: no finding")
        for format in Set(tally.accepted.keys).union(tally.refused.keys).sorted() {
            print("\(format): \(tally.accepted[format] ?? 0) read, \(tally.refused[format] ?? 0) refused")
        }
    }

    private struct Result: Encodable {
        let seed: UInt64
        let cases: Int
        let accepted: [String: Int]
        let refused: [String: Int]
        let seconds: Double
    }
}
