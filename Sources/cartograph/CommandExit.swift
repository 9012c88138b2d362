import ArgumentParser
import Foundation

/// How a command ends: 0 done, 1 failed, 2 wrong use; a failure is one line on the standard error.
enum CommandExit {
    static func end(_ error: any Error, in command: any ParsableCommand.Type) -> Never {
        let code = command.exitCode(for: error)
        if code == .success {
            // Help and version come as errors that are none.
            print(command.fullMessage(for: error))
            exit(0)
        }
        if code == .validationFailure {
            say(command.fullMessage(for: error))
            exit(2)
        }
        if let known = error as? ExitCode { exit(known.rawValue) }
        let text = "\(error)".split(separator: "\n").joined(separator: " ")
        say("cartograph: \(text)")
        exit(1)
    }

    /// Writes a line to the standard error.
    static func say(_ line: String) {
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }
}

/// A failure with its one line.
struct CommandError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
