import ArgumentParser
import DecoderFuzz

/// Differential fuzzing of the event decoder.
struct DecoderFuzzCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decoder",
        abstract: "Decode mutated events three ways that must agree.",
        discussion: "The fast path, the general path alone and simdjson read the same events.")

    @Option(name: .long, help: "Events to decode.") var events = 1_000_000
    @Option(name: .long, help: "The seed that the events follow from.") var seed: UInt64 = 1
    @Flag(name: .long, help: "Print the result as one JSON object.") var json = false

    func validate() throws {
        guard events > 0 else { throw ValidationError("--events must be at least 1.") }
    }

    func run() throws {
        let fuzz = try DifferentialFuzz(seed: seed)
        let began = ContinuousClock.now
        try runInSteps(events, of: "events") { try fuzz.run($0) }
        try report(fuzz.tally, seconds: (ContinuousClock.now - began) / .seconds(1))
    }

    private func report(_ tally: DifferentialFuzz.Tally, seconds: Double) throws {
        if json {
            try printJSON(
                Result(
                    seed: seed, events: tally.events, accepted: tally.accepted, fast: tally.fast,
                    rejected: tally.rejected, seconds: seconds))
            return
        }
        print("\(tally.events) events of seed \(seed) in \(Int(seconds)) s: no disagreement")
        print("accepted \(tally.accepted), \(tally.fast) of them by the fast path")
        for (reason, count) in tally.rejected.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            print("rejected \(count) \(reason)")
        }
    }

    private struct Result: Encodable {
        let seed: UInt64
        let events: Int
        let accepted: Int
        let fast: Int
        let rejected: [String: Int]
        let seconds: Double
    }
}
