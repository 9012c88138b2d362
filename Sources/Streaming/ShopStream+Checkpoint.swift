import EventLog
import Events

extension ShopStream {
    /// The parts of a checkpoint that are not by key: the newest file has all of them.
    private enum Part: String, CaseIterable {
        case counters, anomalies
        /// Has key groups of its own. What an older version wrote as `fraud` is not read, but learned from the log.
        case fraud = "fraud-scores"
    }

    /// The parts that are by key; each shard has its own keys.
    private enum Keyed: String, CaseIterable {
        /// What a checkpoint of an older version may lack: it is then learned from the log.
        static let learned: [Keyed] = [.cube, .visits, .stock]

        case sales, funnel, sessions, orders, products, cube, stock
        /// Named by its format; the one before held all open sessions as bytes of their operator.
        case visits = "visits 3"
    }

    /// The bytes of state that is written by key groups.
    var keyedBytes: Int { state.pointee.usages.reduce(0) { $0 + $1.bytes } }

    /// Whether changes were too many to be noted, so that the next checkpoint has to hold everything.
    var needsWholeCheckpoint: Bool {
        state.pointee.funnel.needsWhole || state.pointee.orders.needsWhole || state.pointee.cube.needsWhole
            || state.pointee.sessions.needsWhole || state.pointee.stock.needsWhole
    }

    /// Writes the state as sections: of the groups `whole` everything, of the others what changed since the last time.
    ///
    /// - Parameter isFirst: whether this shard writes what all shards have alike.
    func write(to out: inout ByteWriter, whole: Range<Int>, isFirst: Bool) {
        let scope = CheckpointScope(owned: owned, whole: whole)
        if isFirst {
            out.section(Part.counters.rawValue) { $0.raw(counters) }
            out.section(Part.anomalies.rawValue) { anomalies.save(to: &$0) }
            out.section(Part.fraud.rawValue) { fraud.write(to: &$0, whole: whole) }
        }
        out.section(Keyed.sales.rawValue) { out in
            out.put(state.pointee.sales.unkept)
            out.table(state.pointee.sales.days)
            out.table(state.pointee.sales.minutes)
        }
        out.section(Keyed.funnel.rawValue) { out in
            out.put(Int64(state.pointee.funnel.days.count))
            for (day, totals) in state.pointee.funnel.days.sorted(by: { $0.key < $1.key }) {
                out.put(Int64(day))
                out.raw(totals)
            }
        }
        out.section(Keyed.sessions.rawValue) { state.pointee.funnel.write(to: &$0, scope) }
        out.section(Keyed.orders.rawValue) { state.pointee.orders.write(to: &$0, scope) }
        out.section(Keyed.products.rawValue) { out in
            out.put(Int64(state.pointee.products.day))
            out.put(Int64(state.pointee.products.table.count))
            state.pointee.products.table.forEach { _, totals in
                out.text(state.pointee.products.names[Int(totals.pointee.name)])
                out.raw(totals.pointee)
            }
        }
        out.section(Keyed.cube.rawValue) { state.pointee.cube.write(to: &$0, scope) }
        out.section(Keyed.visits.rawValue) { state.pointee.sessions.write(to: &$0, scope) }
        out.section(Keyed.stock.rawValue) { state.pointee.stock.write(to: &$0, scope) }
    }

    /// Puts together a state from the files of a checkpoint, however many shards wrote them: takes the keys that this
    /// shard owns.
    ///
    /// - Returns: how many shards wrote it.
    func restore(_ run: CheckpointStore.Run) throws -> Int {
        let newest = run.files[run.files.count - 1]
        var restored: Set<String> = []
        var shards = 0
        var sections = newest.sections
        try sections.sections { name, section in
            restored.insert(name)
            switch name {
            case Part.counters.rawValue: counters = try section.raw(Counters.self)
            case Part.anomalies.rawValue: try anomalies.restore(section.rest, "the checkpoint")
            case Keyed.sales.rawValue: try restoreSales(&section)
            case Keyed.funnel.rawValue: try restoreFunnel(&section)
            case Keyed.products.rawValue: try restoreProducts(&section)
            case Keyed.sessions.rawValue: shards += 1
            default: break
            }
        }
        for name in [Part.counters.rawValue] + Keyed.allCases.filter({ !Keyed.learned.contains($0) }).map(\.rawValue)
        where !restored.contains(name) {
            throw CheckpointError(description: "the checkpoint has no part \(name)")
        }
        if restored.contains(Part.fraud.rawValue) { try restoreFraud(run) }
        lacksJobs = !Keyed.learned.allSatisfy { restored.contains($0.rawValue) }
        for shard in 0..<shards {
            var funnel = FunnelJob()
            var orders = GenerationTable<IDKey, Known>("order ids", empty: Known(), generation: ShopStream.idGeneration)
            for file in run.files {
                func isKept(_ group: Int) -> Bool { run.base[group] <= file.sequence }
                try restore(.sessions, of: shard, in: file) { section in
                    try funnel.restore(from: &section) { owned.contains($0) && isKept($0) }
                }
                // Whether an order is repeated is for every shard to know.
                try restore(.orders, of: shard, in: file) { try orders.restore(from: &$0, isKept) }
                try restore(.visits, of: shard, in: file) { section in
                    try state.pointee.sessions.restore(
                        from: &section, isNewest: file.sequence == newest.sequence, isKept)
                }
                try restore(.stock, of: shard, in: file) { section in
                    try state.pointee.stock.restore(
                        from: &section, { owned.contains($0) && isKept($0) }, names: isKept)
                }
                try restore(.cube, of: shard, in: file) { section in
                    try state.pointee.cube.restore(from: &section) { owned.contains($0) && isKept($0) }
                }
            }
            state.pointee.funnel.merge(funnel)
            state.pointee.orders.merge(orders)
        }
        state.pointee.cube.finishRestoring()
        return shards
    }

    private func restoreFraud(_ run: CheckpointStore.Run) throws {
        for (index, file) in run.files.enumerated() {
            var sections = file.sections
            try sections.sections { name, section in
                guard name == Part.fraud.rawValue else { return }
                try fraud.restore(from: &section, isNewest: index == run.files.count - 1) {
                    run.base[$0] <= file.sequence
                }
            }
        }
    }

    /// Reads the section of a shard in a file: the keys of several shards may have been forgotten at different times.
    private func restore(
        _ part: Keyed, of shard: Int, in file: CheckpointFile, _ body: (inout ByteReader) throws -> Void
    ) throws {
        var sections = file.sections
        var met = 0
        try sections.sections { name, section in
            guard name == part.rawValue else { return }
            if met == shard { try body(&section) }
            met += 1
        }
    }

    private func restoreSales(_ section: inout ByteReader) throws {
        state.pointee.sales.restoreUnkept(state.pointee.sales.unkept + (try section.raw(Int64.self)))
        try section.rows { key, totals in
            if owns(key) { state.pointee.sales.restoreDay(key, totals) }
        }
        try section.rows { key, totals in
            if owns(key) { state.pointee.sales.restoreMinute(key, totals) }
        }
    }

    private func restoreFunnel(_ section: inout ByteReader) throws {
        for _ in 0..<(try section.count()) {
            let day = Int32(truncatingIfNeeded: try section.raw(Int64.self))
            let totals = try section.raw(FunnelTotals.self)
            // Each shard counted its own sessions; the sums of a day go on in one of them.
            if owned.contains(KeyGroup.of(Int64(day))) { state.pointee.funnel.add(day: day, totals) }
        }
    }

    private func restoreProducts(_ section: inout ByteReader) throws {
        let day = Int32(truncatingIfNeeded: try section.raw(Int64.self))
        for _ in 0..<(try section.count()) {
            let id = try section.text()
            let totals = try section.raw(ProductTotals.self)
            if owns(ProductJob.key(id)) { state.pointee.products.restore(day: day, id, totals) }
        }
    }

    /// Whether a key is this shard's.
    @inline(__always)
    func owns(_ key: UInt64) -> Bool {
        owned.count == KeyGroup.count || owned.contains(KeyGroup.of(Int64(bitPattern: key)))
    }
}
