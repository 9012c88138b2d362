import Foundation
import Synchronization

/// A shell command that takes lines and gives back as many.
struct LineCommand {
    /// The most bytes that it may write.
    private static let outputBytes = 64 << 20

    private let command: String

    init(_ command: String) { self.command = command }

    /// Runs it once over all lines. Throws when it fails, or writes another number of lines.
    func run(_ lines: [[UInt8]]) throws -> [[UInt8]] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.standardError
        // A command that reads only part of its input must not end this one.
        signal(SIGPIPE, SIG_IGN)
        try process.run()
        let feeding = Thread {
            // What it does not read it does not answer either, and that is noticed below.
            for line in lines {
                do { try input.fileHandleForWriting.write(contentsOf: Data(line + [0x0a])) } catch { break }
            }
            try? input.fileHandleForWriting.close()
        }
        feeding.start()
        var written = Data()
        while let piece = try output.fileHandleForReading.read(upToCount: 1 << 16), !piece.isEmpty {
            written.append(piece)
            guard written.count <= LineCommand.outputBytes else {
                process.terminate()
                process.waitUntilExit()
                throw CommandError("`\(command)` wrote over \(LineCommand.outputBytes) bytes: nothing was let in")
            }
        }
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw CommandError(
                "`\(command)` failed (\(process.terminationReason == .exit ? "exit" : "signal") "
                    + "\(process.terminationStatus)): the events that it got stay in the quarantine")
        }
        if written.last == 0x0a { written.removeLast() }
        let found =
            written.isEmpty && lines.count != 1
            ? [] : written.split(separator: 0x0a, omittingEmptySubsequences: false).map { Array($0) }
        guard found.count == lines.count else {
            throw CommandError(
                "`\(command)` wrote \(found.count) lines for \(lines.count): it must write one for each, an empty one for "
                    + "those to leave alone (jq needs -c)")
        }
        return found
    }
}
