import ArgumentParser

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
}
