import ArgumentParser
import DecoderFuzz
import Foundation

/// Differential fuzzing of the event decoder, for as long as wanted.
@main
struct FuzzCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cartograph-fuzz",
        abstract: "Decode mutated events three ways that must agree.",
        discussion: """
            The fast path, the general path alone and simdjson read the same events. Built with \
            --sanitize=address, it also sees every byte read outside of them. Exits with 1 at the first disagreement, \
            with the event's bytes as a Swift literal.
            """)

    @Option(name: .long, help: "Events to decode.") var events = 1_000_000
    @Option(name: .long, help: "The seed that the events follow from.") var seed: UInt64 = 1
    @Flag(name: .long, help: "Print the result as one JSON object.") var json = false

    private static let step = 10_000

    func validate() throws {
        guard events > 0 else { throw ValidationError("--events must be at least 1.") }
    }

    func run() throws {
        let fuzz = try DifferentialFuzz(seed: seed)
        let began = ContinuousClock.now
        let showsProgress = isatty(STDERR_FILENO) == 1
        var left = events
        do throws(DifferentialFuzz.Disagreement) {
            while left > 0 {
                try fuzz.run(min(left, FuzzCommand.step))
                left -= min(left, FuzzCommand.step)
                if showsProgress { write("\r\u{1b}[2K\(events - left) of \(events) events") }
            }
        } catch {
            if showsProgress { write("\r\u{1b}[2K") }
            write("\(error)\n")
            throw ExitCode(1)
        }
        if showsProgress { write("\r\u{1b}[2K") }
        try report(fuzz.tally, seconds: (ContinuousClock.now - began) / .seconds(1))
    }

    private func report(_ tally: DifferentialFuzz.Tally, seconds: Double) throws {
        if json {
            let result = Result(
                seed: seed, events: tally.events, accepted: tally.accepted, fast: tally.fast, rejected: tally.rejected,
                seconds: seconds)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            print(String(decoding: try encoder.encode(result), as: UTF8.self))
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

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
