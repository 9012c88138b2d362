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
    /// The largest value that is told from larger ones: in the last half octave.
    private static let binnedMax: Float = 65_534
    /// Where the parts of the weights begin.
    private static let shapes = features
    private static let ruleWeights = shapes + features * bins
    private static let bias = ruleWeights + FraudRules.rulesMax
    private static let weightCount = bias + 1
    /// Standardised features are cut off here.
    private static let deviationsMax: Float = 6
    /// Standard deviations are at least this.
    private static let deviationMin: Float = 0.05
    /// The scales are worked out anew with each row at first, and then once in so many.
    private static let rowsPerScale: Int64 = 64
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
    /// One over the standard deviations, as of `scaledRows`.
    private let scales: UnsafeMutableBufferPointer<Float>
    /// The logarithms of the row read last.
    private let logarithms: UnsafeMutableBufferPointer<Float>
    /// The half octaves in which its features lie.
    private let bins: UnsafeMutableBufferPointer<UInt32>
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
            // Aligned for the vectors as which the blocks are read.
            let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: (count + 15) / 16 * 64, alignment: 64)
            return UnsafeMutableBufferPointer(rebasing: raw.initializeMemory(as: Float.self, repeating: 0)[..<count])
        }
        weights = zeros(Self.weightCount)
        prior = zeros(Self.weightCount)
        z = zeros(Self.weightCount)
        n = zeros(Self.weightCount)
        means = zeros(Self.features)
        variances = zeros(Self.features)
        scales = zeros(Self.features)
        logarithms = zeros(Self.features)
        let rawBins = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.features * 4, alignment: 64)
        bins = rawBins.initializeMemory(as: UInt32.self, repeating: 0)
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
        // A feature that never differed says nothing.
        scales.update(repeating: 1 / Self.deviationMin)
    }

    deinit {
        for block in [weights, prior, z, n, means, variances, scales, logarithms, inputs, contributions, usual] {
            block.deallocate()
        }
        bins.deallocate()
    }

    // MARK: - What it says

    /// The logarithm of the odds that a purchase is fraud.
    ///
    /// - Parameters:
    ///   - row: its features.
    ///   - rules: the rules that hold for it, one bit each.
    mutating func logit(_ row: UnsafePointer<Float>, _ rules: UInt64) -> Float {
        var sum = weights[Self.bias]
        if usesFeatures { sum += features(row) }
        if usesRules {
            var left = rules
            while left != 0 {
                sum += weights[Self.ruleWeights + left.trailingZeroBitCount]
                left &= left &- 1
            }
        }
        return sum
    }

    /// Eight numbers at a time.
    private typealias Eight = SIMD8<Float>

    @inline(__always)
    private static func eight(_ block: UnsafeMutableBufferPointer<Float>) -> UnsafeMutablePointer<Eight> {
        UnsafeMutableRawPointer(block.baseAddress.unsafelyUnwrapped).assumingMemoryBound(to: Eight.self)
    }

    /// What the features add to the logarithm of the odds, one by one and together, always summed in the same order.
    private func features(_ row: UnsafePointer<Float>) -> Float {
        let row8 = UnsafeRawPointer(row)
        let (means8, scales8, weights8) = (Self.eight(means), Self.eight(scales), Self.eight(weights))
        let (logarithms8, inputs8) = (Self.eight(logarithms), Self.eight(inputs))
        let contributions8 = Self.eight(contributions)
        let shapes = weights.baseAddress.unsafelyUnwrapped + Self.shapes
        let bins8 = UnsafeMutableRawPointer(bins.baseAddress.unsafelyUnwrapped)
            .assumingMemoryBound(to: SIMD8<UInt32>.self)
        for group in 0..<(Self.features / 8) {
            let values = row8.loadUnaligned(fromByteOffset: group &* 32, as: Eight.self)
            let logarithm = Self.logarithm(values)
            logarithms8[group] = logarithm
            var input = (logarithm - means8[group]) * scales8[group]
            input.replace(with: Self.deviationsMax, where: input .> Self.deviationsMax)
            input.replace(with: -Self.deviationsMax, where: input .< -Self.deviationsMax)
            inputs8[group] = input
            bins8[group] = Self.bins(values)
        }
        var sums = Eight()
        for group in 0..<(Self.features / 8) {
            let bin = bins.baseAddress.unsafelyUnwrapped + group &* 8
            let shape = shapes + group &* (8 &* Self.bins)
            // Put together in registers: a vector that is read back from eight small writes waits for them.
            let gathered = Eight(
                shape[Int(bin[0])], shape[32 &+ Int(bin[1])], shape[64 &+ Int(bin[2])], shape[96 &+ Int(bin[3])],
                shape[128 &+ Int(bin[4])], shape[160 &+ Int(bin[5])], shape[192 &+ Int(bin[6])],
                shape[224 &+ Int(bin[7])])
            let part = weights8[group] * inputs8[group] + gathered
            contributions8[group] = part
            sums += part
        }
        let four = sums.lowHalf + sums.highHalf
        let two = four.lowHalf + four.highHalf
        return two.x + two.y
    }

    /// Takes the row that was read last into the running means.
    mutating func observe() {
        guard usesFeatures else { return }
        rows &+= 1
        // After 2^20 rows the old ones fade, so that the means follow the shop.
        let rate = 1 / Float(min(rows, 1 << 20))
        let usualRate = max(rate, 1.0 / 4_096)
        let (means8, variances8, usual8) = (Self.eight(means), Self.eight(variances), Self.eight(usual))
        let (logarithms8, contributions8) = (Self.eight(logarithms), Self.eight(contributions))
        for group in 0..<(Self.features / 8) {
            let value = logarithms8[group]
            let difference = value - means8[group]
            means8[group] += difference * rate
            variances8[group] += (difference * (value - means8[group]) - variances8[group]) * rate
            usual8[group] += (contributions8[group] - usual8[group]) * usualRate
        }
        if rows < 4 * Self.rowsPerScale || rows % Self.rowsPerScale == 0 { rescale() }
    }

    private func rescale() {
        for feature in 0..<Self.features {
            scales[feature] = 1 / max(variances[feature].squareRoot(), Self.deviationMin)
        }
    }

    /// Offers the reasons: what the features of the row read last add beyond what they add on average.
    @inline(__always)
    func offer(to verdict: inout FraudVerdict, above least: Float) {
        let (contributions8, usual8) = (Self.eight(contributions), Self.eight(usual))
        for group in 0..<(Self.features / 8) {
            let parts = contributions8[group] - usual8[group]
            guard any(parts .> least) else { continue }
            for place in 0..<8 where parts[place] > least { verdict.offer(parts[place], group &* 8 &+ place) }
        }
    }

    /// What a rule adds.
    @inline(__always)
    func contribution(ofRule rule: Int) -> Float { weights[Self.ruleWeights + rule] }

    /// The half octaves of 1 + value.
    @inline(__always)
    private static func bins(_ values: Eight) -> SIMD8<UInt32> {
        // Bounded while they are numbers: comparisons of whole vectors of integers are made one by one.
        let bounded = values.replacing(with: 0, where: values .< 0)
            .replacing(with: binnedMax, where: values .> binnedMax)
        return (unsafeBitCast(1 + bounded, to: SIMD8<UInt32>.self) &>> 22) &- (127 << 1)
    }

    /// About log₂(1 + |value|) with the sign of the value: the exponent, and the fraction bent by a parabola that is
    /// exact at both ends of each octave (Mitchell, IRE Transactions EC-11(4), 1962, with one term more).
    @inline(__always)
    private static func logarithm(_ values: Eight) -> Eight {
        let signs = unsafeBitCast(values, to: SIMD8<UInt32>.self) & 0x8000_0000
        let magnitudes = unsafeBitCast(unsafeBitCast(values, to: SIMD8<UInt32>.self) & 0x7fff_ffff, to: Eight.self)
        let bits = unsafeBitCast(1 + magnitudes, to: SIMD8<UInt32>.self)
        let exponents = Eight(SIMD8<Int32>(truncatingIfNeeded: bits &>> 23) &- 127)
        let fractions = unsafeBitCast(bits & 0x7f_ffff | 0x3f80_0000, to: Eight.self) - 1
        let result = exponents + fractions * (1.3465553 - 0.3465553 * fractions)
        return unsafeBitCast(unsafeBitCast(result, to: SIMD8<UInt32>.self) | signs, to: Eight.self)
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
                update(Self.shapes + feature * Self.bins + Int(bins[feature]), error)
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

    // MARK: - Checkpoints

    private var blocks: [UnsafeMutableBufferPointer<Float>] { [weights, z, n, means, variances, scales, usual] }

    func write(to out: inout ByteWriter) {
        out.raw(fingerprint)
        out.put(rows)
        out.put(labels)
        out.put(frauds)
        for block in blocks { out.append(UnsafeRawBufferPointer(block)) }
    }

    /// Takes over what was learnt. Where the rules are others now, what was learnt of rules is left behind.
    ///
    /// - Returns: whether the rules are the same.
    mutating func restore(from reader: inout ByteReader) throws -> Bool {
        let isSameRules = try reader.raw(UInt64.self) == fingerprint
        rows = try reader.raw(Int64.self)
        labels = try reader.raw(Int64.self)
        frauds = try reader.raw(Int64.self)
        guard rows >= 0, labels >= 0, (0...labels).contains(frauds) else {
            throw reader.damaged("counts of the fraud model are negative")
        }
        for block in blocks {
            try reader.copy(into: UnsafeMutableRawBufferPointer(block))
            guard block.allSatisfy(\.isFinite) else { throw reader.damaged("a number of the fraud model is none") }
        }
        guard n.allSatisfy({ $0 >= 0 }), variances.allSatisfy({ $0 >= 0 }), scales.allSatisfy({ $0 > 0 }) else {
            throw reader.damaged("a sum of squares of the fraud model is negative")
        }
        guard !isSameRules else { return true }
        for index in Self.ruleWeights..<Self.bias { (weights[index], z[index], n[index]) = (prior[index], 0, 0) }
        return false
    }
}
