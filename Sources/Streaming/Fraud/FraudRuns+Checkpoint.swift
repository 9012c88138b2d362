extension FraudRuns {
    /// Checks what was put together: each piece hangs on one key.
    struct Check {
        /// By size and number: free, or met already.
        fileprivate(set) var isTaken: [[Bool]]

        /// Of which pieces are free, by size.
        init(_ isFree: [[Bool]]) { isTaken = isFree }

        /// Whether every piece was met.
        var isComplete: Bool { isTaken.allSatisfy { $0.dropFirst().allSatisfy(\.self) } }

        fileprivate mutating func meet(_ bytes: Int, _ number: UInt32, _ reader: ByteReader) throws {
            let size = FraudPieces.size(bytes)
            guard number > 0, Int(number) < isTaken[size].count, !isTaken[size][Int(number)] else {
                throw reader.damaged("runs of the fraud state do not hang together")
            }
            isTaken[size][Int(number)] = true
        }
    }

    func check(_ trait: FraudTrait, _ check: inout Check, _ reader: ByteReader) throws {
        guard trait.clock <= FraudMemory.hourMax, trait.first == .max || trait.first <= trait.clock else {
            throw reader.damaged("a clock of the fraud state is out of bounds")
        }
        let count = trait.olderCount
        // 23 older hours and 29 older days.
        guard count <= 52 else { throw reader.damaged("buckets of the fraud state are too many") }
        if count > 0 {
            try check.meet(FraudRuns.bytes(count), trait.olderRun, reader)
            let buckets = buckets(trait)
            var newer: UInt32 = 0
            for place in stride(from: count - 1, through: 0, by: -1) {
                let age = buckets[place].age(trait.clock)
                guard age > newer else { throw reader.damaged("buckets of the fraud state are not in order") }
                newer = age
            }
        }
        try self.check(trait.partnersA, &check, reader)
        try self.check(trait.partnersB, &check, reader)
    }

    func check(_ links: FraudLinks, _ check: inout Check, _ reader: ByteReader) throws {
        guard links.count <= FraudRuns.partnersMax else {
            throw reader.damaged("links of the fraud state are too many")
        }
        guard links.count > 1 else { return }
        try check.meet(FraudRuns.runBytes(links.count), links.run, reader)
    }
}
