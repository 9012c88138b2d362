/// What is remembered, as bytes and back.
extension FraudMemory {
    func save(_ writer: inout FraudWriter) {
        writer.put(newest)
        writer.put(evicted)
        writer.put(unknownOrders)
        writer.put(lists.tooLate)
        writer.put(UInt64(nextTable))
        users.save(&writer)
        cards.save(&writer)
        devices.save(&writer)
        addresses.save(&writer)
        ips.save(&writer)
        products.save(&writer)
        lists.buckets.save(&writer)
        lists.links.save(&writer)
        FraudMemory.save(youngOrders, &writer)
        FraudMemory.save(oldOrders, &writer)
    }

    private static func save(_ orders: borrowing OpenTable<OrderKeys>, _ writer: inout FraudWriter) {
        var inner = FraudWriter()
        orders.forEach { key, value in
            inner.put(key)
            inner.put(value.pointee)
        }
        writer.put(UInt64(orders.count))
        for byte in inner.bytes { writer.put(byte) }
    }

    mutating func restore(_ reader: inout FraudReader) throws {
        newest = try reader.get(UInt32.self)
        evicted = try reader.get(Int64.self)
        unknownOrders = try reader.get(Int64.self)
        lists.tooLate = try reader.get(Int64.self)
        nextTable = try reader.count(of: 0)
        guard nextTable < 6 else { throw reader.damaged("there is no such table") }
        try users.restore(&reader)
        try cards.restore(&reader)
        try devices.restore(&reader)
        try addresses.restore(&reader)
        try ips.restore(&reader)
        try products.restore(&reader)
        try lists.buckets.restore(&reader)
        try lists.links.restore(&reader)
        youngOrders = try FraudMemory.orders(&reader)
        oldOrders = try FraudMemory.orders(&reader)
        try check(reader)
    }

    private static func orders(_ reader: inout FraudReader) throws -> OpenTable<OrderKeys> {
        var orders = OpenTable(empty: OrderKeys())
        for _ in 0..<(try reader.count(of: 8 + MemoryLayout<OrderKeys>.size)) {
            let key = try reader.get(UInt64.self)
            guard key != 0 else { throw reader.damaged("a key is zero") }
            orders.value(key).pointee = try reader.get(OrderKeys.self)
        }
        return orders
    }

    /// Whether every list hangs on one key and ends, and every node in use is in one.
    private func check(_ reader: FraudReader) throws {
        var met = FraudLists.Check(
            buckets: [Bool](repeating: false, count: lists.buckets.numbers),
            links: [Bool](repeating: false, count: lists.links.numbers))
        func check(_ trait: FraudTrait) throws {
            try lists.check(buckets: trait.buckets, &met, reader)
            try lists.check(links: trait.partnersA, &met, reader)
            try lists.check(links: trait.partnersB, &met, reader)
        }
        try users.forEach { _, account in
            try check(account.pointee.trait)
            try lists.check(links: account.pointee.addresses, &met, reader)
            try lists.check(links: account.pointee.ips, &met, reader)
        }
        try cards.forEach { try check($1.pointee) }
        try devices.forEach { try check($1.pointee) }
        try addresses.forEach { try check($1.pointee) }
        try ips.forEach { try check($1.pointee) }
        try products.forEach { try check($1.pointee.trait) }
        guard met.buckets.lazy.filter({ $0 }).count == lists.buckets.count,
            met.links.lazy.filter({ $0 }).count == lists.links.count
        else { throw reader.damaged("nodes hang on nothing") }
    }
}
