/// How far sums over a window stray from their expectation: variance = unit · mean + relative · mean².
///
/// The unit covers events that come in bundles (clicks of one visit, money of one order), the relative part what moves
/// all of them together (weather, days that are simply better). Both are moments of the expectation's own errors, the
/// ones that alarms are judged by, so that a season which is fitted badly makes alarms rarer, never more frequent.
struct Dispersion: BitwiseCopyable, Equatable {
    /// The two parts of the variance.
    struct Estimate: BitwiseCopyable, Equatable {
        /// Variance over mean where the mean is small.
        var unit: Double
        /// Relative variance where the mean is large.
        var relative: Double

        /// The variance of a sum with this mean; `extra` is the relative variance of the expectation itself.
        @inline(__always)
        func variance(_ mean: Double, extra: Double = 0) -> Double { unit * mean + (relative + extra) * mean * mean }
    }

    /// After so many minutes an error weighs half.
    static let halfLifeMinutes = 14 * 1_440.0
    private static let keep = 1 - 0.693_147 / halfLifeMinutes
    /// Squared errors beyond so many variances are cut off, so that an anomaly does not hide the next one.
    static let cut = 16.0

    /// But never those of so many squared units: where hardly anything is expected a single bundle is no anomaly, and
    /// the unit could not grow to what bundles really hold.
    static let bundleCut = 36.0

    private var count = 0.0
    private var means = 0.0
    private var squares = 0.0
    private var scaled = 0.0
    private var residuals = 0.0

    /// How many errors it rests on, old ones counted less.
    var weight: Double { count }

    /// Learns from one window.
    mutating func learn(_ observed: Double, mean: Double, extra: Double, under estimate: Estimate) {
        guard mean > 0 else { return }
        let error = observed - mean
        let variance = estimate.variance(mean, extra: extra)
        let square = min(
            error * error, Dispersion.cut * variance + Dispersion.bundleCut * estimate.unit * estimate.unit)
        count = count * Dispersion.keep + 1
        means = means * Dispersion.keep + mean
        squares = squares * Dispersion.keep + mean * mean
        scaled = scaled * Dispersion.keep + square / mean
        residuals = residuals * Dispersion.keep + square
    }

    /// The estimate, drawn towards a prior that weighs as much as `priorWeight` errors.
    func estimate(prior: Estimate, priorWeight: Double) -> Estimate {
        guard count > 0, squares > 0 else { return prior }
        // Two moments, two unknowns: E[e²/m] = unit + relative·E[m] and E[e²] = unit·E[m] + relative·E[m²].
        let spread = count * squares / (means * means)
        var unit = prior.unit
        var relative: Double
        if spread > 1.05 {
            let determinant = count * squares - means * means
            unit = (scaled * squares - residuals * means) / determinant
            relative = (count * residuals - means * scaled) / determinant
            if unit < prior.unit * 0.5 {
                unit = prior.unit * 0.5
                relative = (residuals - unit * means) / squares
            } else if relative < 0 {
                unit = scaled / count
                relative = 0
            }
        } else {
            relative = (residuals - unit * means) / squares
        }
        relative = max(0, relative)
        let share = count / (count + priorWeight)
        return Estimate(
            unit: unit * share + prior.unit * (1 - share), relative: relative * share + prior.relative * (1 - share))
    }
}
