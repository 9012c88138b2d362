import Events

/// The hashes that some events are looked up by, and the events' checksums, made before any is looked up, so that the memory
/// of all look-ups is fetched at once rather than one after another.
final class BatchHashes {
    /// How many events are looked at at once; a power of two.
    static let events = 256

    // Constants, whose accesses are not checked for exclusivity.
    private let ids: UnsafeMutablePointer<KeyHash>
    private let contents: UnsafeMutablePointer<UInt32>
    private let sessions: UnsafeMutablePointer<UInt64>
    private let visitors: UnsafeMutablePointer<Int64>
    private let channels: UnsafeMutablePointer<ChannelCode>
    private let products: UnsafeMutablePointer<UInt64>
    private let pages: UnsafeMutablePointer<UInt64>

    init() {
        ids = .allocate(capacity: BatchHashes.events)
        contents = .allocate(capacity: BatchHashes.events)
        sessions = .allocate(capacity: BatchHashes.events)
        visitors = .allocate(capacity: BatchHashes.events)
        channels = .allocate(capacity: BatchHashes.events)
        products = .allocate(capacity: BatchHashes.events)
        pages = .allocate(capacity: BatchHashes.events)
    }

    deinit {
        ids.deallocate()
        contents.deallocate()
        sessions.deallocate()
        visitors.deallocate()
        channels.deallocate()
        products.deallocate()
        pages.deallocate()
    }

    @inline(__always)
    private static func place(_ row: Int) -> Int { row & (BatchHashes.events - 1) }

    /// The hash of a row's event id.
    @inline(__always)
    func id(_ row: Int) -> KeyHash { ids[BatchHashes.place(row)] }

    /// The checksum of a row's event.
    @inline(__always)
    func content(_ row: Int) -> UInt32 { contents[BatchHashes.place(row)] }

    /// The hash of a row's session id; of clicks, carts and purchases.
    @inline(__always)
    func session(_ row: Int) -> UInt64 { sessions[BatchHashes.place(row)] }

    /// The key of the sessions of a row's user; of what has visits.
    @inline(__always)
    func visitor(_ row: Int) -> Int64 { visitors[BatchHashes.place(row)] }

    /// A row's channel; of what has visits.
    @inline(__always)
    func channel(_ row: Int) -> ChannelCode { channels[BatchHashes.place(row)] }

    /// The key of a row's product; of clicks.
    @inline(__always)
    func product(_ row: Int) -> UInt64 { products[BatchHashes.place(row)] }

    /// The key of a row's page; of clicks.
    @inline(__always)
    func page(_ row: Int) -> UInt64 { pages[BatchHashes.place(row)] }

    /// Makes the hashes of some rows, at most `events` from a multiple of it on.
    ///
    /// - Parameter isApplied: whether the events will be applied, and not only their ids looked up.
    func take(
        _ columns: EventBatch.Columns, _ rows: Range<Int>, _ topic: Topic,
        _ state: UnsafeMutablePointer<ShopStream.State>, isApplied: Bool
    ) {
        let eventIDs = columns.strings(.eventID)
        let seed = UInt64(topic.rawValue)
        for row in rows {
            let id = eventIDs[row]
            let hash = TextHash.wide(id, seed: seed)
            ids[BatchHashes.place(row)] = hash
            state.pointee.ids.prefetch(hash)
        }
        if isApplied, ShopStream.hasVisits(topic) { takeVisits(columns, rows, state) }
        if isApplied, topic == .purchases {
            for row in rows {
                if let order = ShopStream.orderKey(columns, row) { state.pointee.orders.prefetch(order) }
            }
        }
        if isApplied, topic == .clicks {
            let productIDs = columns.strings(.productID)
            let names = columns.strings(.page)
            for row in rows {
                let key = ProductJob.key(productIDs[row])
                products[BatchHashes.place(row)] = key
                state.pointee.products.prefetch(key)
                let page = SessionsJob.key(page: names[row])
                pages[BatchHashes.place(row)] = page
                state.pointee.sessions.prefetch(page: page)
            }
        }
        if isApplied, topic == .clicks || topic == .carts || topic == .purchases {
            let sessionIDs = columns.strings(.sessionID)
            for row in rows {
                let session = sessionIDs[row]
                let hash = KeyHash(session.start, count: session.count).high
                sessions[BatchHashes.place(row)] = hash
                state.pointee.funnel.prefetch(session: hash)
            }
        }
        for row in rows {
            contents[BatchHashes.place(row)] = TextHash.content(columns.raws[row])
        }
    }

    private func takeVisits(
        _ columns: EventBatch.Columns, _ rows: Range<Int>, _ state: UnsafeMutablePointer<ShopStream.State>
    ) {
        let users = columns.strings(.userID)
        let names = columns.strings(.channel)
        for row in rows {
            let isNamed = columns.presence[row] & EventField.channel.bit != 0
            let channel = isNamed ? ChannelCode(names[row]) : ChannelCode(nil)
            let key = SessionsJob.key(user: users[row], channel)
            channels[BatchHashes.place(row)] = channel
            visitors[BatchHashes.place(row)] = key
            state.pointee.sessions.prefetch(key)
        }
    }
}
