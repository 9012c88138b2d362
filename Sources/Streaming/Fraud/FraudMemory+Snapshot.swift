/// What is remembered, as bytes and back.
extension FraudMemory {
    func save(_ writer: inout FraudWriter) {
        writer.put(newest)
        writer.put(evicted)
        writer.put(unknownOrders)
        writer.put(UInt64(nextSweep))
        writer.put(UInt64(nextTable))
        users.save(&writer)
        cards.save(&writer)
        devices.save(&writer)
        addresses.save(&writer)
        ips.save(&writer)
        products.save(&writer)
        runs.save(&writer)
        orders.save(&writer)
    }

    mutating func restore(_ reader: inout FraudReader) throws {
        newest = try reader.get(UInt32.self)
        evicted = try reader.get(Int64.self)
        unknownOrders = try reader.get(Int64.self)
        nextSweep = try reader.count(of: 0)
        nextTable = try reader.count(of: 0)
        guard nextTable < 6, nextSweep < 6 else { throw reader.damaged("there is no such table") }
        try users.restore(&reader)
        try cards.restore(&reader)
        try devices.restore(&reader)
        try addresses.restore(&reader)
        try ips.restore(&reader)
        try products.restore(&reader)
        try check(try runs.restore(&reader), reader)
        try orders.restore(&reader)
    }

    /// Whether every run hangs on one key, and every piece in use is one.
    private func check(_ read: FraudRuns.Check, _ reader: FraudReader) throws {
        var met = read
        try users.forEach { account in
            try runs.check(account.pointee.trait, &met, reader)
            try runs.check(account.pointee.addresses, &met, reader)
            try runs.check(account.pointee.ips, &met, reader)
        }
        try cards.forEach { try runs.check($0.pointee, &met, reader) }
        try devices.forEach { try runs.check($0.pointee, &met, reader) }
        try addresses.forEach { try runs.check($0.pointee, &met, reader) }
        try ips.forEach { try runs.check($0.pointee, &met, reader) }
        guard met.isComplete else { throw reader.damaged("pieces hang on nothing") }
    }
}
