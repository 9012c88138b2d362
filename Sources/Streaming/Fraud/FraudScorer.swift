public import Events

/// What the pass says of one purchase, as plain numbers; `FraudScorer.reasons(_:)` puts them in words.
public struct FraudVerdict: BitwiseCopyable, Sendable {
    /// One thing that raised the score.
    public struct Part: BitwiseCopyable, Sendable {
        /// What it adds to the logarithm of the odds; 0 where there is none.
        public var weight: Float = 0
        /// The feature's place; from `FraudFeature.count` on, the rule's.
        var source: UInt16 = 0
    }

    /// From 0 to 100: the probability of fraud in per cent, once labels were learnt.
    public var score: UInt8 = 0
    /// The same as a probability.
    public var probability: Float = 0
    /// The rules that hold, one bit each in the order of the file.
    public var rules: UInt64 = 0
    /// The parts that raised the score most, the largest first.
    public var parts: (Part, Part, Part, Part) = (Part(), Part(), Part(), Part())

    /// Parts that are told.
    public static let partsMax = 4

    @inline(__always)
    mutating func offer(_ weight: Float, _ source: Int) {
        guard weight > parts.3.weight else { return }
        let part = Part(weight: weight, source: UInt16(truncatingIfNeeded: source))
        if weight > parts.0.weight {
            parts = (part, parts.0, parts.1, parts.2)
        } else if weight > parts.1.weight {
            parts = (parts.0, part, parts.1, parts.2)
        } else if weight > parts.2.weight {
            parts = (parts.0, parts.1, part, parts.2)
        } else {
            parts.3 = part
        }
    }
}

/// Why a score is what it is, in words.
public struct FraudReason: Sendable, Equatable {
    /// The rule's or the feature's name.
    public let name: String
    /// Whether it is a rule.
    public let isRule: Bool
    /// What it adds to the logarithm of the odds.
    public let weight: Float
    /// The sentence.
    public let text: String
}

/// Scores every purchase for fraud in the pass that counts it, and learns from labels.
///
/// Owned by one thread. Give it each purchase and each order state once, in the log's order: it looks for no
/// duplicates. What it says is a function of what it was given in that order, labels included.
public final class FraudScorer {
    /// What the scorer keeps, for gauges.
    public struct Gauges: Sendable, Equatable {
        /// Users, cards, devices, addresses, IP addresses and products.
        public var keys = 0
        /// Bytes of all it keeps.
        public var bytes = 0
        /// Those of them that are of orders, with their features for when their labels come.
        public var orderBytes = 0
        /// Keys forgotten for want of room.
        public var evicted: Int64 = 0
        /// Counts that came more than 30 days after the newest event of their key.
        public var tooLate: Int64 = 0
        /// Order states whose purchase is not remembered.
        public var unknownOrders: Int64 = 0
        /// Purchases scored.
        public var purchases: Int64 = 0
        /// Labels learnt.
        public var labels: Int64 = 0
        /// Those among them that were fraud.
        public var frauds: Int64 = 0
        /// Labels whose purchase is not remembered.
        public var unknownLabels: Int64 = 0

        /// Of a scorer that has seen nothing.
        public init() {}

        init(
            keys: Int, bytes: Int, orderBytes: Int, evicted: Int64, tooLate: Int64, unknownOrders: Int64,
            purchases: Int64, labels: Int64, frauds: Int64, unknownLabels: Int64
        ) {
            (self.keys, self.bytes, self.orderBytes, self.evicted) = (keys, bytes, orderBytes, evicted)
            (self.tooLate, self.unknownOrders, self.purchases) = (tooLate, unknownOrders, purchases)
            (self.labels, self.frauds, self.unknownLabels) = (labels, frauds, unknownLabels)
        }
    }

    /// A part smaller than this is no reason worth telling.
    static let reasonWeight: Float = 0.15
    /// The rules.
    public let rules: FraudRules
    private let currency: CurrencyCode
    var memory: FraudMemory
    var model: FraudModel
    /// The purchase that is looked at: in one place, since it is large.
    private let now: UnsafeMutablePointer<FraudPurchase>
    /// The features of the purchase that was scored last.
    private let row: UnsafeMutablePointer<Float>
    /// Those of a purchase whose label is learnt.
    private let labelled: UnsafeMutablePointer<Float>
    private let keysAhead: UnsafeMutablePointer<FraudPurchase.Keys>
    private let ordersAhead: UnsafeMutablePointer<UInt64>
    /// Purchases scored.
    private(set) var purchases: Int64 = 0
    private var unknownLabels: Int64 = 0

    /// What the score is made of: for measurements that compare.
    public enum Parts: String, CaseIterable, Sendable { case rules, model, combined }

    /// A scorer that has seen nothing.
    ///
    /// - Parameters:
    ///   - rules: the rules.
    ///   - currency: the shop's; amounts in another one count as 0.
    ///   - limits: how much it remembers.
    ///   - parts: what the score is made of.
    public init(
        rules: FraudRules, currency: CurrencyCode, limits: FraudLimits = FraudLimits(), parts: Parts = .combined
    ) {
        self.rules = rules
        self.currency = currency
        memory = FraudMemory(limits)
        model = FraudModel(rules, usesRules: parts != .model, usesFeatures: parts != .rules)
        row = FraudScorer.row()
        labelled = FraudScorer.row()
        keysAhead = .allocate(capacity: FraudScorer.ahead)
        ordersAhead = .allocate(capacity: FraudScorer.ahead)
        now = .allocate(capacity: 1)
        now.initialize(to: FraudPurchase())
    }

    deinit {
        now.deallocate()
        UnsafeMutableRawPointer(row).deallocate()
        UnsafeMutableRawPointer(labelled).deallocate()
        keysAhead.deallocate()
        ordersAhead.deallocate()
    }

    private static func row() -> UnsafeMutablePointer<Float> {
        let raw = UnsafeMutableRawPointer.allocate(byteCount: FraudFeature.count * 4, alignment: 64)
        return raw.initializeMemory(as: Float.self, repeating: 0, count: FraudFeature.count)
    }

    /// The features of the purchase that was scored last, in the order of `FraudFeature.names`; until the next one.
    public var features: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: row, count: FraudFeature.count) }

    // MARK: - Events

    /// Scores a purchase and takes it in.
    public func purchase(_ batch: EventBatch, _ columns: EventBatch.Columns, _ index: Int) -> FraudVerdict {
        read(columns, index, batch.items(index))
        row.update(repeating: 0, count: FraudFeature.count)
        memory.add(now.pointee, row)
        let verdict = verdict()
        if now.pointee.order != 0 { memory.orders.add(now.pointee.order, now.pointee.keys, verdict.rules, row) }
        model.observe()
        purchases &+= 1
        return verdict
    }

    /// How many purchases are fetched ahead at once.
    static let ahead = 32

    /// Fetches what purchases to come need ahead.
    ///
    /// - Parameter rows: at most `ahead`.
    func prefetch(_ columns: EventBatch.Columns, _ rows: Range<Int>) {
        for row in rows {
            keysAhead[row &- rows.lowerBound] = FraudScorer.keys(columns, row)
            ordersAhead[row &- rows.lowerBound] = FraudScorer.key(columns, row, .orderID, 6)
        }
        memory.prefetch(UnsafeBufferPointer(start: keysAhead, count: rows.count), orders: ordersAhead)
    }

    /// Takes in what became of an order.
    public func orderStatus(_ columns: EventBatch.Columns, _ index: Int) {
        let status = columns.strings(.status)[index]
        // Of the contract's words only these two have nine letters and end so, and eight.
        let outcome: FraudMemory.Outcome
        switch (status.count, status.start[0]) {
        case (9, 0x63): outcome = .cancelled
        case (8, 0x72): outcome = .returned
        default: return
        }
        let order = columns.strings(.orderID)[index]
        memory.add(outcome, order: FraudScorer.key(order, 6), instant: columns.timestamps[index])
    }

    /// Learns the truth about a purchase, by its order's id. One without an order id has no name to be called by.
    ///
    /// - Returns: whether the purchase was still remembered, and its truth not known yet.
    @discardableResult
    public func learn(orderID: String, isFraud: Bool) -> Bool {
        learn(order: FraudScorer.hash(order: orderID), isFraud: isFraud)
    }

    /// By which an order is known.
    static func hash(order: String) -> UInt64 {
        KeyHash(order, seed: 6).nonzero
    }

    func learn(order: UInt64, isFraud: Bool) -> Bool {
        guard let known = memory.orders.label(order) else {
            unknownLabels &+= 1
            return false
        }
        FraudDigest.read(known.pointee.features, into: labelled)
        model.learn(labelled, known.pointee.rules, isFraud: isFraud)
        return true
    }

    private func verdict() -> FraudVerdict {
        var verdict = FraudVerdict()
        verdict.rules = rules.holding(row)
        verdict.probability = FraudModel.sigmoid(model.logit(row, verdict.rules))
        verdict.score = UInt8(max(0, min(100, (verdict.probability * 100).rounded())))
        if model.usesFeatures { model.offer(to: &verdict, above: FraudScorer.reasonWeight) }
        if model.usesRules {
            var left = verdict.rules
            while left != 0 {
                let rule = left.trailingZeroBitCount
                let weight = model.contribution(ofRule: rule)
                if weight > FraudScorer.reasonWeight { verdict.offer(weight, FraudFeature.count + rule) }
                left &= left &- 1
            }
        }
        return verdict
    }

    /// A verdict on the purchase that was scored last in words, the strongest reason first.
    public func reasons(_ verdict: FraudVerdict) -> [FraudReason] {
        [verdict.parts.0, verdict.parts.1, verdict.parts.2, verdict.parts.3].filter { $0.weight > 0 }.map { part in
            let source = Int(part.source)
            if source >= FraudFeature.count {
                let rule = rules.rules[source - FraudFeature.count]
                return FraudReason(name: rule.name, isRule: true, weight: part.weight, text: rule.words(row))
            }
            let feature = FraudFeature(source)
            return FraudReason(
                name: feature.name, isRule: false, weight: part.weight, text: feature.words(row[source]))
        }
    }

    // MARK: - The parts of a purchase

    @inline(__always)
    private static func key(_ text: StringRef, _ seed: UInt64) -> UInt64 {
        // 0 stands for none.
        KeyHash(text.start, count: text.count, seed: seed).nonzero
    }

    /// The keys of a purchase.
    @inline(__always)
    private static func keys(_ columns: EventBatch.Columns, _ index: Int) -> FraudPurchase.Keys {
        (
            key(columns.strings(.userID)[index], 1), key(columns, index, .card, 2), key(columns, index, .deviceID, 3),
            key(columns, index, .address, 4), key(columns, index, .ip, 5)
        )
    }

    @inline(__always)
    private static func key(
        _ columns: EventBatch.Columns, _ index: Int, _ field: EventField, _ seed: UInt64
    ) -> UInt64 {
        guard columns.presence[index] & field.bit != 0 else { return 0 }
        let text = columns.strings(field)[index]
        return text.count == 0 ? 0 : key(text, seed)
    }

    @inline(__always)
    private func read(_ columns: EventBatch.Columns, _ index: Int, _ items: Range<Int>) {
        let purchase = now
        purchase.pointee.keys = FraudScorer.keys(columns, index)
        purchase.pointee.order = FraudScorer.key(columns, index, .orderID, 6)
        let country = FraudScorer.key(columns, index, .country, 7)
        purchase.pointee.country = country == 0 ? 0 : max(1, country >> 48)
        purchase.pointee.instant = columns.timestamps[index]
        purchase.pointee.isOtherCurrency = CurrencyCode(columns.strings(.currency)[index]) != currency
        purchase.pointee.isInStore = false
        if columns.presence[index] & EventField.channel.bit != 0 {
            let channel = columns.strings(.channel)[index]
            purchase.pointee.isInStore = channel.count == 5 && channel.start[1] == 0x74
        }
        purchase.pointee.amount = purchase.pointee.isOtherCurrency ? 0 : columns.moneys(.totalAmount)[index]
        purchase.pointee.lines = items.count
        (purchase.pointee.units, purchase.pointee.priceMax, purchase.pointee.productCount) = (0, 0, 0)
        for item in items {
            purchase.pointee.units &+= Int64(columns.itemQuantities[item])
            if !purchase.pointee.isOtherCurrency {
                purchase.pointee.priceMax = max(purchase.pointee.priceMax, columns.itemPrices[item])
            }
            guard purchase.pointee.productCount < FraudMemory.productsMax else { continue }
            let key = FraudScorer.key(columns.itemProducts[item], 8)
            if !(0..<purchase.pointee.productCount).contains(where: { purchase.pointee.products[$0] == key }) {
                purchase.pointee.products[purchase.pointee.productCount] = key
                purchase.pointee.productCount &+= 1
            }
        }
    }

    // MARK: - What it keeps

    /// What it keeps now.
    public var gauges: Gauges {
        Gauges(
            keys: memory.keyCount, bytes: memory.byteCount, orderBytes: memory.orders.byteCount,
            evicted: memory.evicted, tooLate: memory.runs.tooLate, unknownOrders: memory.unknownOrders,
            purchases: purchases,
            labels: model.labels, frauds: model.frauds, unknownLabels: unknownLabels)
    }

    /// Writes what it keeps of keys and orders: of the groups `whole` all, of the others what changed since the last time.
    ///
    /// - Parameter isLast: whether what is written counts as not changed from now on.
    func writeKeys(to out: inout ByteWriter, whole: Range<Int>, isLast: Bool) {
        memory.write(to: &out, whole: whole, isLast: isLast)
    }

    /// Writes what it has learnt, and its counts.
    func writeModel(to out: inout ByteWriter) {
        out.put(purchases)
        out.put(unknownLabels)
        model.write(to: &out)
    }

    /// Applies what `writeKeys` wrote; what is put together from several, from the oldest to the newest.
    func restoreKeys(from reader: inout ByteReader, _ isKept: (Int) -> Bool) throws {
        try memory.restore(from: &reader, isKept)
    }

    /// Goes on from what `writeModel` wrote, and the keys that were put together.
    func restoreModel(from reader: inout ByteReader) throws {
        try memory.finish(reader)
        purchases = try reader.raw(Int64.self)
        unknownLabels = try reader.raw(Int64.self)
        if try !model.restore(from: &reader) { memory.orders.judge(rules) }
    }

    /// What a rule adds to the logarithm of the odds.
    package func ruleWeight(_ rule: Int) -> Float { model.contribution(ofRule: rule) }

    /// All it knows, as bytes; with groups, of keys and orders only those of the groups, and what changed since the last
    /// time that groups were named.
    package func saved(whole: Range<Int>? = nil) -> [UInt8] {
        var out = ByteWriter()
        writeKeys(to: &out, whole: whole ?? KeyGroup.all, isLast: whole != nil)
        writeModel(to: &out)
        return out.bytes
    }

    /// Writes what a checkpoint takes of it into memory that is used again, as `CheckpointWriter` does: for measurements.
    ///
    /// - Returns: how many bytes.
    package func checkpoint(whole: Range<Int>, reusing spare: inout CheckpointMemory) -> Int {
        spare.write { out in
            writeKeys(to: &out, whole: whole, isLast: true)
            writeModel(to: &out)
        }
    }

    /// Goes on from what was saved, in one piece or in several, the oldest first. The scorer must be new, and have the
    /// limits of the one that saved it.
    ///
    /// - Parameter isKept: whether a group's keys count in the file of a number.
    /// - Throws: `CheckpointError` when the bytes are damaged or do not fit the limits. The scorer must then not be used.
    package func restore(_ saved: [[UInt8]], _ isKept: (Int, Int) -> Bool = { _, _ in true }) throws {
        for (file, bytes) in saved.enumerated() {
            var reader = ByteReader(bytes, "memory")
            try restoreKeys(from: &reader) { isKept(file, $0) }
            guard file == saved.count - 1 else { continue }
            try restoreModel(from: &reader)
            guard reader.isAtEnd else { throw reader.damaged("bytes are left over in the fraud state") }
        }
        memory.touchAll()
    }
}
