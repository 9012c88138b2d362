package import Streaming

/// Somebody who sells or bids.
package struct Person: Row {
    package var id: Int64
    package var name: TextRef
    package var emailAddress: TextRef
    package var creditCard: TextRef
    package var city: TextRef
    package var state: TextRef
    /// Milliseconds since 1970, like all times here.
    package var dateTime: Int64
    package var extra: TextRef

    package mutating func forEachText(_ body: (inout TextRef) -> Void) {
        body(&name)
        body(&emailAddress)
        body(&creditCard)
        body(&city)
        body(&state)
        body(&extra)
    }
}

/// Something for sale.
package struct Auction: Row {
    package var id: Int64
    package var itemName: TextRef
    package var description: TextRef
    /// Cents, like all prices here.
    package var initialBid: Int64
    package var reserve: Int64
    package var dateTime: Int64
    package var expires: Int64
    package var seller: Int64
    package var category: Int64
    package var extra: TextRef

    @inline(__always)
    package mutating func forEachText(_ body: (inout TextRef) -> Void) {
        body(&itemName)
        body(&description)
        body(&extra)
    }
}

/// An offer.
package struct Bid: Row {
    package var auction: Int64
    package var bidder: Int64
    package var price: Int64
    package var dateTime: Int64
    package var channel: TextRef
    package var url: TextRef
    package var extra: TextRef

    @inline(__always)
    package mutating func forEachText(_ body: (inout TextRef) -> Void) {
        body(&channel)
        body(&url)
        body(&extra)
    }
}

/// An event of the auction house.
package enum NexmarkEvent: BitwiseCopyable {
    case person(Person)
    case auction(Auction)
    case bid(Bid)
}

/// Events in memory, in the order of their arrival, with their texts. Filled again and again.
package struct EventBatch: ~Copyable {
    /// An event, when it says that it happened, and when it arrived in the generator's time.
    package struct Entry: BitwiseCopyable {
        package var event: NexmarkEvent
        package var time: Int64
        package var arrival: Int64
    }

    static let chunkBytes = 1 << 20

    /// The events.
    package private(set) var entries: UnsafeMutablePointer<Entry>
    /// How many.
    package private(set) var count = 0
    /// How many there is room for.
    package let capacity: Int
    private var chunks: [UnsafeMutablePointer<UInt8>] = []
    private var chunk = 0
    private var used = 0

    /// An empty batch.
    package init(capacity: Int) {
        self.capacity = capacity
        entries = .allocate(capacity: capacity)
    }

    deinit {
        entries.deallocate()
        for chunk in chunks { chunk.deallocate() }
    }

    /// Makes it empty; texts of its events are gone.
    package mutating func removeAll() {
        count = 0
        chunk = 0
        used = 0
    }

    package var isFull: Bool { count == capacity }

    /// Adds an event whose texts stay valid by other means, or are from `text`.
    @inline(__always)
    package mutating func append(_ event: NexmarkEvent, time: Int64, arrival: Int64) {
        precondition(count < capacity)
        (entries + count).initialize(to: Entry(event: event, time: time, arrival: arrival))
        count &+= 1
    }

    /// Room for a text of at most `count` bytes, which is not kept until `text` takes of it.
    mutating func room(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        precondition(count <= EventBatch.chunkBytes)
        if chunks.isEmpty { chunks.append(.allocate(capacity: EventBatch.chunkBytes)) }
        if used + count > EventBatch.chunkBytes {
            chunk += 1
            used = 0
            if chunk == chunks.count { chunks.append(.allocate(capacity: EventBatch.chunkBytes)) }
        }
        return chunks[chunk] + used
    }

    /// The text of the first bytes of the room.
    mutating func text(_ count: Int) -> TextRef {
        let text = TextRef(chunks[chunk] + used, count)
        used += count
        return text
    }
}
