import Events

/// An event as the decoder read it, copied out of its batch.
struct DecodedEvent: Equatable {
    struct Item: Equatable {
        var product: String
        var quantity: Int32
        var price: Int64
    }

    var type: EventType
    var strings: [EventField: String] = [:]
    var numbers: [EventField: Int64] = [:]
    var items: [Item] = []
    var totalMismatch: Bool

    init(_ batch: EventBatch, _ row: Int) {
        type = batch.type(row)
        totalMismatch = batch.totalMismatch(row)
        for field in EventField.allCases where batch.has(field, row) {
            switch field.kind {
            case .id, .text, .word, .currency: strings[field] = batch.string(field, row)?.string
            case .integer: numbers[field] = batch.integer(field, row)
            case .money: numbers[field] = batch.money(field, row)
            case .timestamp: numbers[field] = batch.timestamp(row)
            case .items:
                items = batch.items(row).map {
                    Item(
                        product: batch.itemProduct($0).string, quantity: batch.itemQuantity($0),
                        price: batch.itemPrice($0))
                }
            case .type: break
            }
        }
    }

    func has(_ field: EventField) -> Bool {
        strings[field] != nil || numbers[field] != nil || field == .items && !items.isEmpty
    }
}

/// What the decoder said of an event.
enum Verdict: Equatable {
    case accepted(DecodedEvent)
    case rejected(String)

    var event: DecodedEvent? {
        if case .accepted(let event) = self { event } else { nil }
    }

    var reason: String? {
        if case .rejected(let reason) = self { reason } else { nil }
    }
}

/// Decodes one event; `now` nil as for events read back from the log.
func decode(_ bytes: [UInt8], now: Int64? = nil) -> Verdict {
    let padded = PaddedBytes(copying: bytes)
    let batch = EventBatch(capacity: 1)
    let decoder = now.map { EventDecoder(now: $0) } ?? EventDecoder()
    if let reason = decoder.decode(padded.bytes, into: batch) { return .rejected(reason.description) }
    return .accepted(DecodedEvent(batch, 0))
}

func decode(_ json: String, now: Int64? = nil) -> Verdict { decode(Array(json.utf8), now: now) }

/// Numbers that look random and are the same in every run.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
