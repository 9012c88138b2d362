import Glibc

/// A stretch of minutes in which a series strays to one side, while it lasts: sums since its start, and the end that
/// explains them best so far.
///
/// Where it began and where it ended are the bounds of the scan statistic's largest log-likelihood ratio for Poisson
/// counts (Kulldorff, "A spatial scan statistic", 1997, in one dimension).
struct AnomalyEpisode: BitwiseCopyable, Equatable {
    /// How much likelier (in natural logarithms) a later end must be.
    static let leastGain = 0.2

    /// Sums over a stretch.
    struct Sums: BitwiseCopyable, Equatable {
        var observed = 0.0
        var expected = 0.0
        var exposure = 0.0
        /// The relative variance of the expectation, weighted by it.
        var uncertainty = 0.0

        mutating func add(_ observed: Double, _ expected: Double, _ exposure: Double, _ variance: Double) {
            self.observed += observed
            self.expected += expected
            self.exposure += exposure
            uncertainty += variance * expected
        }

        var variance: Double { expected > 0 ? uncertainty / expected : 0 }

        static func - (a: Sums, b: Sums) -> Sums {
            Sums(
                observed: a.observed - b.observed, expected: a.expected - b.expected,
                exposure: a.exposure - b.exposure, uncertainty: a.uncertainty - b.uncertainty)
        }

        static func + (a: Sums, b: Sums) -> Sums {
            Sums(
                observed: a.observed + b.observed, expected: a.expected + b.expected,
                exposure: a.exposure + b.exposure, uncertainty: a.uncertainty + b.uncertainty)
        }
    }

    /// The first minute.
    var start: Int64
    /// Whether there is more than usual; a byte, so that any bytes can be read back.
    private var up: UInt8
    var isUp: Bool { up != 0 }
    /// The level that the expectation is held at.
    var level: Double
    /// The window, in minutes, that alarmed.
    var window: Int64
    /// When it alarmed.
    var alarmedAt: Int64
    /// −log₁₀ of the probability, at its largest.
    var score: Double
    var sums = Sums()
    /// The minute after the end that explains it best, and the sums up to there.
    var bestEnd: Int64
    var best = Sums()
    var bestRatio = -1.0

    init(
        start: Int64, isUp: Bool, level: Double, window: Int64, alarmedAt: Int64, score: Double, bestEnd: Int64
    ) {
        self.start = start
        up = isUp ? 1 : 0
        self.level = level
        self.window = window
        self.alarmedAt = alarmedAt
        self.score = score
        self.bestEnd = bestEnd
    }

    /// Takes in the next minute.
    mutating func add(minute: Int64, _ y: Double, _ mean: Double, _ exposure: Double, _ variance: Double, unit: Double)
    {
        sums.add(y, mean, exposure, variance)
        let ratio = AnomalyEpisode.likelihoodRatio(sums, isUp: isUp, unit: unit)
        // Minutes in which hardly anything was expected say nothing of whether it goes on.
        if ratio >= bestRatio + AnomalyEpisode.leastGain || bestRatio < 0 {
            bestRatio = ratio
            bestEnd = minute + 1
            best = sums
        }
    }

    /// How long nothing must have been added to it before it counts as over.
    var quietMinutes: Int64 { min(max(window, 10), 120) }

    /// The logarithm of the likelihood ratio of a changed rate to an unchanged one, in bundles; 0 to the other side.
    static func likelihoodRatio(_ sums: Sums, isUp: Bool, unit: Double) -> Double {
        let y = sums.observed / unit
        let m = sums.expected / unit
        guard m > 0, isUp ? y > m : y < m else { return 0 }
        return (y > 0 ? y * log(y / m) : 0) - (y - m)
    }
}
