import ArgumentParser
import Foundation

/// A length of time on the command line, such as `90s`, `5m`, `2h` or `1d`.
struct DurationText: ExpressibleByArgument, Sendable {
    let seconds: Double

    init(seconds: Double) { self.seconds = seconds }

    init?(argument: String) {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let last = argument.last else { return nil }
        let factor = units[last]
        guard let value = Double(factor == nil ? argument : String(argument.dropLast())), value > 0, value <= 1e7 else {
            return nil
        }
        seconds = value * (factor ?? 1)
    }

    /// As help pages show it.
    var defaultValueDescription: String {
        let units: [(Double, String)] = [(86_400, "d"), (3_600, "h"), (60, "m")]
        let (length, name) = units.first { seconds.truncatingRemainder(dividingBy: $0.0) == 0 } ?? (1, "s")
        return String(format: "%g", seconds / length) + name
    }
}
