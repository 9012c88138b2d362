import Glibc

/// How improbable a count is under a negative binomial: a Poisson count whose rate itself varies.
///
/// With mean m and dispersion d the variance is m + d·m² (Hilbe, "Negative Binomial Regression", NB2). The tails are
/// regularised incomplete beta functions, taken by Lentz's continued fraction in logarithms, so that they neither
/// vanish nor need a table; counts need not be whole.
enum CountTail {
    /// The smallest dispersion: from here on it is a Poisson count.
    static let dispersionFloor = 1e-6
    /// The most terms of a continued fraction.
    static let terms = 20_000

    /// −log₁₀ of the probability of at least `count`.
    static func upper(_ count: Double, mean: Double, dispersion: Double) -> Double {
        guard count > 0, mean > 0 else { return 0 }
        let r = 1 / max(dispersion, dispersionFloor)
        return -logBeta(count, r, x: mean / (mean + r), y: r / (mean + r)) / M_LN10
    }

    /// −log₁₀ of the probability of at most `count`.
    static func lower(_ count: Double, mean: Double, dispersion: Double) -> Double {
        guard count >= 0, mean > 0 else { return 0 }
        let r = 1 / max(dispersion, dispersionFloor)
        return -logBeta(r, count + 1, x: r / (mean + r), y: mean / (mean + r)) / M_LN10
    }

    /// The natural logarithm of the regularised incomplete beta function I_x(a, b), where y is 1 − x.
    private static func logBeta(_ a: Double, _ b: Double, x: Double, y: Double) -> Double {
        guard x > 0 else { return -.infinity }
        guard y > 0 else { return 0 }
        let front = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y)
        if x < (a + 1) / (a + b + 2) { return min(0, front + log(fraction(a, b, x)) - log(a)) }
        let rest = exp(front + log(fraction(b, a, y)) - log(b))
        return rest < 1 ? log1p(-rest) : -.infinity
    }

    /// The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method.
    private static func fraction(_ a: Double, _ b: Double, _ x: Double) -> Double {
        let tiny = 1e-300
        func away(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
        var c = 1.0
        var d = 1 / away(1 - (a + b) * x / (a + 1))
        var h = d
        for m in 1...terms {
            let m = Double(m)
            let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            d = 1 / away(1 + even * d)
            c = away(1 + even / c)
            h *= d * c
            let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            d = 1 / away(1 + odd * d)
            c = away(1 + odd / c)
            let step = d * c
            h *= step
            if abs(step - 1) < 1e-12 { break }
        }
        return h
    }
}
