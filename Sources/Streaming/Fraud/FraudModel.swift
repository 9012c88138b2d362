/// A logistic model of fraud that learns from labels as they arrive, one at a time.
///
/// Its inputs are the features' logarithms, standardised by running means and variances (Welford, Technometrics 4(3),
/// 1962); for each feature the half octave in which its value lies, as a column of its own, so that the effect of a
/// feature may have any shape; and the rules that hold. The weights of rules begin at their points, all others at 0:
/// without labels the model says what the rules say. They are learnt by FTRL-Proximal with a learning rate for each
/// weight (McMahan et al., "Ad click prediction: a view from the trenches", KDD 2013), which pulls them to where they
/// began, not to 0. Since it minimises the logarithmic loss on the true shares of labels, what it says is a probability.
///
/// Only sums, products, quotients and square roots of IEEE numbers in a fixed order, so every machine learns the same.
struct FraudModel: ~Copyable {
    /// Columns of one feature: half octaves of 1 + its value.
    static let bins = 32
    private static let features = FraudFeature.count
    /// Where the parts of the weights begin.
    private static let shapes = features
    private static let ruleWeights = shapes + features * bins
    private static let bias = ruleWeights + FraudRules.rulesMax
    private static let weightCount = bias + 1
    /// Standardised features are cut off here.
    private static let deviationsMax: Float = 6
    /// How much of a logarithm of odds one point of a rule is, before labels say otherwise.
    static let pointWeight: Float = 0.06
    /// The logarithm of the odds of fraud of a purchase of which no rule says anything: about 1 in 150.
    static let biasBefore: Float = -5

    /// Settings of the learning.
    struct Rates {
        var alpha: Float = 0.06
        var beta: Float = 1
        var l1: Float = 0.05
        var l2: Float = 1
    }

    let rates: Rates
    /// Tells its rules from others.
    private let fingerprint: UInt64
    /// Which parts it has: what is compared in the measurements.
    let usesRules: Bool
    let usesFeatures: Bool
    private let weights: UnsafeMutableBufferPointer<Float>
    private let prior: UnsafeMutableBufferPointer<Float>
    private let z: UnsafeMutableBufferPointer<Float>
    private let n: UnsafeMutableBufferPointer<Float>
    private let means: UnsafeMutableBufferPointer<Float>
    private let variances: UnsafeMutableBufferPointer<Float>
    private let inputs: UnsafeMutableBufferPointer<Float>
    /// What each feature adds to the logarithm of the odds of the row read last.
    private let contributions: UnsafeMutableBufferPointer<Float>
    /// What it adds on average.
    private let usual: UnsafeMutableBufferPointer<Float>
    /// Rows that the means are of.
    private(set) var rows: Int64 = 0
    /// Labels learnt, and how many of them were fraud.
    private(set) var labels: Int64 = 0
    private(set) var frauds: Int64 = 0

    init(_ rules: FraudRules, rates: Rates = Rates(), usesRules: Bool = true, usesFeatures: Bool = true) {
        self.rates = rates
        fingerprint = rules.fingerprint
        self.usesRules = usesRules
        self.usesFeatures = usesFeatures
        func zeros(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
            let block = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
            block.initialize(repeating: 0)
            return block
        }
        weights = zeros(Self.weightCount)
        prior = zeros(Self.weightCount)
        z = zeros(Self.weightCount)
        n = zeros(Self.weightCount)
        means = zeros(Self.features)
        variances = zeros(Self.features)
        inputs = zeros(Self.features)
        contributions = zeros(Self.features)
        usual = zeros(Self.features)
        if usesRules {
            for (index, rule) in rules.rules.enumerated() {
                prior[Self.ruleWeights + index] = rule.points * Self.pointWeight
            }
        }
        prior[Self.bias] = Self.biasBefore
        _ = weights.update(from: prior)
    }

    deinit {
        for block in [weights, prior, z, n, means, variances, inputs, contributions, usual] { block.deallocate() }
    }

    // MARK: - What it says

    /// The logarithm of the odds that a purchase is fraud.
    ///
    /// - Parameters:
    ///   - row: its features.
    ///   - rules: the rules that hold for it, one bit each.
    mutating func logit(_ row: UnsafePointer<Float>, _ rules: UInt64) -> Float {
        var sum = weights[Self.bias]
        if usesFeatures {
            standardise(row)
            for feature in 0..<Self.features {
                let part =
                    weights[feature] * inputs[feature]
                    + weights[Self.shapes + feature * Self.bins + Self.bin(row[feature])]
                contributions[feature] = part
                sum += part
            }
        }
        if usesRules {
            var left = rules
            while left != 0 {
                sum += weights[Self.ruleWeights + left.trailingZeroBitCount]
                left &= left &- 1
            }
        }
        return sum
    }

    /// Takes the row that was read last into the running means.
    mutating func observe(_ row: UnsafePointer<Float>) {
        guard usesFeatures else { return }
        rows &+= 1
        // After 2^20 rows the old ones fade, so that the means follow the shop.
        let rate = 1 / Float(min(rows, 1 << 20))
        for feature in 0..<Self.features {
            let value = Self.logarithm(row[feature])
            let difference = value - means[feature]
            means[feature] += difference * rate
            variances[feature] += (difference * (value - means[feature]) - variances[feature]) * rate
            usual[feature] += (contributions[feature] - usual[feature]) * max(rate, 1.0 / 4_096)
        }
    }

    /// What a feature adds to the logarithm of the odds of the row read last, beyond what it adds on average.
    @inline(__always)
    func contribution(_ feature: Int) -> Float { contributions[feature] - usual[feature] }

    /// What a rule adds.
    @inline(__always)
    func contribution(ofRule rule: Int) -> Float { weights[Self.ruleWeights + rule] }

    private mutating func standardise(_ row: UnsafePointer<Float>) {
        for feature in 0..<Self.features {
            // A feature that never differed says nothing.
            let deviation = variances[feature].squareRoot()
            let scaled = (Self.logarithm(row[feature]) - means[feature]) / max(deviation, 0.05)
            inputs[feature] = min(max(scaled, -Self.deviationsMax), Self.deviationsMax)
        }
    }

    /// The half octave of 1 + value.
    @inline(__always)
    private static func bin(_ value: Float) -> Int {
        let bits = (1 + max(0, value)).bitPattern >> 22
        return min(Int(bits &- (127 << 1)), bins - 1)
    }

    /// About log₂(1 + |value|) with the sign of the value: the exponent, and the fraction bent by a parabola that is
    /// exact at both ends of each octave (Mitchell, IRE Transactions EC-11(4), 1962, with one term more).
    @inline(__always)
    private static func logarithm(_ value: Float) -> Float {
        let bits = (1 + value.magnitude).bitPattern
        let exponent = Float(Int32(bits >> 23) &- 127)
        let fraction = Float(bitPattern: bits & 0x7f_ffff | 0x3f80_0000) - 1
        let result = exponent + fraction * (1.3465553 - 0.3465553 * fraction)
        return value < 0 ? -result : result
    }

    /// 1 / (1 + e^−x), by a fixed series so that every machine finds the same.
    static func sigmoid(_ logit: Float) -> Float {
        let x = Double(max(-30, min(30, logit)))
        // e^x = (e^(x/1024))^1024, whose series needs four terms.
        let small = x / 1_024
        var power = 1 + small * (1 + small / 2 * (1 + small / 3 * (1 + small / 4)))
        for _ in 0..<10 { power *= power }
        return Float(power / (1 + power))
    }

    // MARK: - What it learns

    /// Learns from one purchase whose truth has come out.
    mutating func learn(_ row: UnsafePointer<Float>, _ rules: UInt64, isFraud: Bool) {
        let probability = Self.sigmoid(logit(row, rules))
        let error = probability - (isFraud ? 1 : 0)
        labels &+= 1
        if isFraud { frauds &+= 1 }
        update(Self.bias, error)
        if usesFeatures {
            for feature in 0..<Self.features {
                update(feature, error * inputs[feature])
                update(Self.shapes + feature * Self.bins + Self.bin(row[feature]), error)
            }
        }
        guard usesRules else { return }
        var left = rules
        while left != 0 {
            update(Self.ruleWeights + left.trailingZeroBitCount, error)
            left &= left &- 1
        }
    }

    /// One step of FTRL-Proximal (algorithm 1 of the paper) for one weight's distance from where it began.
    @inline(__always)
    private mutating func update(_ index: Int, _ gradient: Float) {
        let distance = weights[index] - prior[index]
        let squares = n[index] + gradient * gradient
        let sigma = (squares.squareRoot() - n[index].squareRoot()) / rates.alpha
        z[index] += gradient - sigma * distance
        n[index] = squares
        let pull = z[index]
        if pull.magnitude <= rates.l1 {
            weights[index] = prior[index]
        } else {
            let sign: Float = pull < 0 ? -1 : 1
            weights[index] =
                prior[index]
                - (pull - sign * rates.l1) / ((rates.beta + squares.squareRoot()) / rates.alpha + rates.l2)
        }
    }

    // MARK: - Snapshots

    func save(_ writer: inout FraudWriter) {
        writer.put(fingerprint)
        writer.put(rows)
        writer.put(labels)
        writer.put(frauds)
        for block in [weights, z, n, means, variances, usual] { writer.put(UnsafeBufferPointer(block)) }
    }

    /// Takes over what was learnt. Where the rules are others now, what was learnt of rules is left behind.
    mutating func restore(_ reader: inout FraudReader) throws {
        let isSameRules = try reader.get(UInt64.self) == fingerprint
        rows = try reader.get(Int64.self)
        labels = try reader.get(Int64.self)
        frauds = try reader.get(Int64.self)
        guard rows >= 0, labels >= 0, (0...labels).contains(frauds) else { throw reader.damaged("counts are negative") }
        try reader.get(weights)
        for block in [z, n, means, variances, usual] { try reader.get(block) }
        guard n.allSatisfy({ $0 >= 0 }), variances.allSatisfy({ $0 >= 0 }) else {
            throw reader.damaged("a sum of squares is negative")
        }
        guard !isSameRules else { return }
        for index in Self.ruleWeights..<Self.bias { (weights[index], z[index], n[index]) = (prior[index], 0, 0) }
    }
}
