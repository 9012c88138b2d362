import ArgumentParser
import Foundation
import Nexmark
import Streaming

/// Nexmark, the field's benchmark of streams, on the operators of this project.
@main
struct NexmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cartograph-nexmark",
        abstract: "Run Nexmark's queries on Cartograph's stream operators.",
        subcommands: [Run.self, Generate.self])
}

/// What the events are like.
struct GeneratorOptions: ParsableArguments {
    @Option(help: "How many events.") var events = 10_000_000
    @Option(help: "Events a second of event time.") var rate = 100_000.0
    @Option(help: "Groups of so many events come in pseudo-random order.") var outOfOrder: Int64 = 1
    @Option(help: "The same events for the same number.") var seed: UInt64 = 1

    func validate() throws {
        guard events >= 1, rate > 0, outOfOrder >= 1 else {
            throw ValidationError("--events, --rate and --out-of-order must be 1 or more")
        }
    }

    var configuration: NexmarkConfiguration {
        var configuration = NexmarkConfiguration()
        configuration.firstEventRate = rate
        configuration.outOfOrderGroupSize = outOfOrder
        configuration.seed = seed
        return configuration
    }
}

/// Writes events to a file.
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write events to a file that other engines read too.",
        discussion: "Columns: \(EventFile.columns.joined(separator: ", ")).")
    @OptionGroup var options: GeneratorOptions
    @Argument(help: "The file.") var path: String

    func run() throws {
        var generator = NexmarkGenerator(options.configuration)
        var batch = EventBatch(capacity: 8_192)
        var writer = try EventFile.Writer(path)
        while generator.made < options.events {
            generator.fill(&batch, limit: options.events - Int(generator.made))
            try writer.write(batch)
        }
        try writer.close()
    }
}

/// Runs queries.
struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run queries, and print events per processor second.",
        discussion: """
            Without --file the events are made in memory, a batch at a time; "query" is the processor time of the query \
            alone. With --file they are read from a file that `generate` wrote; "all" is with reading and parsing it.
            """)
    @OptionGroup var options: GeneratorOptions
    @Option(parsing: .upToNextOption, help: "Which queries, such as q0 q5 (default: all).") var query: [String] = []
    @Option(help: "Read the events from this file.") var file: String?
    @Option(help: "Events in a batch; the watermark rises after each.") var batch = 8_192
    @Option(help: "Runs of each; the fastest counts.") var runs = 1
    @Flag(help: "One JSON object a line.") var json = false
    @Flag(help: "Show what each step held.") var state = false

    func run() throws {
        let names = try query.map {
            guard let name = QueryName(rawValue: $0) else { throw ValidationError("there is no query \($0) here") }
            return name
        }
        guard batch >= 1, runs >= 1 else { throw ValidationError("--batch and --runs must be 1 or more") }
        for name in names.isEmpty ? QueryName.allCases : names {
            var best: QueryOutcome?
            for _ in 0..<runs {
                let outcome = try once(name)
                if let known = best, known.queryNanoseconds <= outcome.queryNanoseconds { continue }
                best = outcome
            }
            if let best { try show(name, best) }
        }
    }

    private func once(_ name: QueryName) throws -> QueryOutcome {
        var batch = EventBatch(capacity: batch)
        var source =
            try file.map { EventSource.file(try EventFile.Reader($0)) }
            ?? .generator(NexmarkGenerator(options.configuration), limit: options.events)
        return try QueryRun.measure(name, &source, batch: &batch, clock: processorNanoseconds)
    }

    private func show(_ name: QueryName, _ outcome: QueryOutcome) throws {
        let query = Double(outcome.events) * 1e9 / Double(max(1, outcome.queryNanoseconds))
        let all =
            Double(outcome.events) * 1e9 / Double(max(1, outcome.queryNanoseconds + outcome.sourceNanoseconds))
        if json {
            let line: [String: Any] = [
                "query": name.rawValue, "events": outcome.events, "results": outcome.results,
                "query_events_per_cpu_s": query, "all_events_per_cpu_s": all,
                "cpu_s": Double(outcome.queryNanoseconds + outcome.sourceNanoseconds) / 1e9,
            ]
            let data = try JSONSerialization.data(withJSONObject: line, options: [.sortedKeys])
            print(String(decoding: data, as: UTF8.self))
        } else {
            let text = String(
                format: "%-4@ %12.0f events/cpu-s query %12.0f all  %10ld results  digest %016lx",
                name.rawValue as NSString, query, all, outcome.results, outcome.digest)
            print(text)
        }
        if state {
            for usage in outcome.state {
                print("     \(usage.name): \(usage.entries) entries, \(usage.bytes) of \(usage.limitBytes) bytes")
            }
        }
        fflush(nil)
    }
}

/// Processor time of this process, all threads.
func processorNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
