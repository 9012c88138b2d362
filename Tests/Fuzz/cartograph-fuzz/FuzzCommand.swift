import ArgumentParser
import Foundation

/// Fuzzing for as long as wanted.
@main
struct FuzzCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cartograph-fuzz",
        abstract: "Feed damaged input to the parsers that read what others write.",
        discussion: """
            Built with --sanitize=address, it also sees every byte read outside of the input. Exits with 1 at the first \
            finding, with the input's bytes as a Swift literal.
            """,
        subcommands: [DecoderFuzzCommand.self, IcebergFuzzCommand.self, ParquetFuzzCommand.self, LifeCommand.self],
        defaultSubcommand: DecoderFuzzCommand.self)
}

/// Runs `count` cases in steps, with a line of progress on a terminal.
///
/// - Throws: `ExitCode(1)` when a step fails, after its finding was printed.
func runInSteps(_ count: Int, of unit: String, _ step: (Int) throws -> Void) throws {
    let stepCount = 10_000
    let showsProgress = isatty(STDERR_FILENO) == 1
    var left = count
    do {
        while left > 0 {
            try step(min(left, stepCount))
            left -= min(left, stepCount)
            if showsProgress { writeError("\r\u{1b}[2K\(count - left) of \(count) \(unit)") }
        }
    } catch {
        if showsProgress { writeError("\r\u{1b}[2K") }
        writeError("\(error)\n")
        throw ExitCode(1)
    }
    if showsProgress { writeError("\r\u{1b}[2K") }
}

/// One JSON object, with its names in order.
func printJSON(_ result: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    print(String(decoding: try encoder.encode(result), as: UTF8.self))
}

private func writeError(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
