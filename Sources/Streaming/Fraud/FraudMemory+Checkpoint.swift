/// What is remembered, as bytes and back.
extension FraudMemory {
    /// Writes the pieces of the groups `whole`, and of the others what was touched since the last time.
    ///
    /// - Parameter isLast: whether what is written counts as not touched from now on.
    func write(to out: inout ByteWriter, whole: Range<Int>, isLast: Bool) {
        out.raw(newest)
        out.put(evicted)
        out.put(unknownOrders)
        out.put(runs.tooLate)
        out.raw(UInt32(nextSweep))
        out.raw(UInt32(nextTable))
        users.write(to: &out, whole: whole, isLast: isLast)
        cards.write(to: &out, whole: whole, isLast: isLast)
        devices.write(to: &out, whole: whole, isLast: isLast)
        addresses.write(to: &out, whole: whole, isLast: isLast)
        ips.write(to: &out, whole: whole, isLast: isLast)
        products.write(to: &out, whole: whole, isLast: isLast)
        runs.pieces.write(to: &out, whole: whole, isLast: isLast)
        orders.write(to: &out, whole: whole, isLast: isLast)
    }

    /// Takes all that is there as touched: what no checkpoint holds yet.
    func touchAll() {
        users.touchAll()
        cards.touchAll()
        devices.touchAll()
        addresses.touchAll()
        ips.touchAll()
        products.touchAll()
        runs.pieces.touchAll()
        orders.touchAll()
    }

    /// Applies what `write` wrote; what is put together from several, from the oldest to the newest, and then `finish`.
    ///
    /// - Parameter isKept: whether a group's pieces count.
    mutating func restore(from reader: inout ByteReader, _ isKept: (Int) -> Bool) throws {
        newest = try reader.raw(UInt32.self)
        evicted = try reader.raw(Int64.self)
        unknownOrders = try reader.raw(Int64.self)
        runs.tooLate = try reader.raw(Int64.self)
        nextSweep = Int(try reader.raw(UInt32.self))
        nextTable = Int(try reader.raw(UInt32.self))
        guard newest <= FraudMemory.hourMax else {
            throw reader.damaged("the clock of the fraud state is out of bounds")
        }
        guard nextTable < 6, nextSweep < 6 else { throw reader.damaged("the fraud state has no such table") }
        try users.restore(from: &reader, isKept)
        try cards.restore(from: &reader, isKept)
        try devices.restore(from: &reader, isKept)
        try addresses.restore(from: &reader, isKept)
        try ips.restore(from: &reader, isKept)
        try products.restore(from: &reader, isKept)
        try runs.pieces.restore(from: &reader, &covered, isKept)
        try orders.restore(from: &reader, isKept)
    }

    /// Checks what was put together: every run hangs on one key, and every piece in use is one.
    ///
    /// - Parameter reader: says where it came from.
    mutating func finish(_ reader: ByteReader) throws {
        try users.finish(reader)
        try cards.finish(reader)
        try devices.finish(reader)
        try addresses.finish(reader)
        try ips.finish(reader)
        try products.finish(reader)
        var met = FraudRuns.Check(try runs.pieces.finish(reader, covered))
        covered = []
        try users.forEach { account in
            let since = account.pointee.since
            guard since == .max || since <= account.pointee.clock else {
                throw reader.damaged("a customer of the fraud state begins in the future")
            }
            try runs.check(account.pointee.trait, &met, reader)
            try runs.check(account.pointee.addresses, &met, reader)
            try runs.check(account.pointee.ips, &met, reader)
        }
        try cards.forEach { try runs.check($0.pointee, &met, reader) }
        try devices.forEach { try runs.check($0.pointee, &met, reader) }
        try addresses.forEach { try runs.check($0.pointee, &met, reader) }
        try ips.forEach { try runs.check($0.pointee, &met, reader) }
        guard met.isComplete else { throw reader.damaged("pieces of the fraud state hang on nothing") }
        try orders.finish(reader)
    }
}
