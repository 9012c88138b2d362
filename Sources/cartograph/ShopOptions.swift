import ArgumentParser
import Foundation
import Logging

/// Which shop a command is about, and how it speaks: what every command takes.
struct ShopOptions: ParsableArguments {
    @Option(name: .long, help: "The configuration file (default: cartograph.yaml, where there is one).")
    var config: String?

    @Option(name: .long, help: "The data folder (default: ./data).")
    var data: String?

    @Option(name: .long, help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: String = "notice"

    @Flag(name: .long, help: "Print JSON for machines.")
    var json = false

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError(
                "--log-level '\(logLevel)' is none of trace, debug, info, notice, warning, error, critical")
        }
    }

    /// The configuration: defaults, then the file, then the environment, then these options.
    func settings() throws -> Settings {
        var settings = try Settings.load(file: config)
        if let data { settings.data = data }
        return settings
    }

    /// Takes one line about something that a person should know while work goes on.
    func reporter() -> @Sendable (String) -> Void {
        let logger = logger("cartograph")
        return { logger.warning("\($0)") }
    }

    /// Takes one line about something that must not be.
    func alarm() -> @Sendable (String) -> Void {
        let logger = logger("cartograph")
        return { logger.error("\($0)") }
    }

    /// A logger that writes to the standard error.
    func logger(_ label: String) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .notice
        return logger
    }
}
