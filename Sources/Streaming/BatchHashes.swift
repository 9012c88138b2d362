import CBytes
import Events

/// The hashes of the ids and sessions of some events and the events' checksums, made before any is looked up, so that the
/// memory of all look-ups is fetched at once rather than one after another.
final class BatchHashes {
    /// How many events are looked at at once; a power of two.
    static let events = 256

    // Constants, whose accesses are not checked for exclusivity.
    private let ids: UnsafeMutablePointer<KeyHash>
    private let contents: UnsafeMutablePointer<UInt32>
    private let sessions: UnsafeMutablePointer<UInt64>

    init() {
        ids = .allocate(capacity: BatchHashes.events)
        contents = .allocate(capacity: BatchHashes.events)
        sessions = .allocate(capacity: BatchHashes.events)
    }

    deinit {
        ids.deallocate()
        contents.deallocate()
        sessions.deallocate()
    }

    /// The hash of a row's event id.
    @inline(__always)
    func id(_ row: Int) -> KeyHash { ids[row & (BatchHashes.events - 1)] }

    /// The checksum of a row's event.
    @inline(__always)
    func content(_ row: Int) -> UInt32 { contents[row & (BatchHashes.events - 1)] }

    /// The hash of a row's session id; of clicks, carts and purchases.
    @inline(__always)
    func session(_ row: Int) -> UInt64 { sessions[row & (BatchHashes.events - 1)] }

    /// Makes the hashes of some rows, at most `events` from a multiple of it on.
    func take(
        _ columns: EventBatch.Columns, _ rows: Range<Int>, _ topic: Topic,
        _ state: UnsafeMutablePointer<ShopStream.State>, areSessionsUsed: Bool
    ) {
        let eventIDs = columns.strings(.eventID)
        let seed = UInt64(topic.rawValue)
        for row in rows {
            let id = eventIDs[row]
            let hash = KeyHash(id.start, count: id.count, seed: seed)
            ids[row & (BatchHashes.events - 1)] = hash
            state.pointee.ids.prefetch(hash)
        }
        if areSessionsUsed, topic == .clicks || topic == .carts || topic == .purchases {
            let sessionIDs = columns.strings(.sessionID)
            for row in rows {
                let session = sessionIDs[row]
                let hash = KeyHash(session.start, count: session.count).high
                sessions[row & (BatchHashes.events - 1)] = hash
                state.pointee.funnel.prefetch(session: hash)
            }
        }
        for row in rows {
            let raw = columns.raws[row]
            contents[row & (BatchHashes.events - 1)] = cbytes_crc32c(0, raw.start, raw.count)
        }
    }
}
