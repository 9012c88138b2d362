import Events
import Glibc
import Testing

@Suite struct DecoderMemoryTests {
    /// Places bytes so that the padding behind them ends exactly where memory that must not be touched begins.
    private func beforeAGuardPage(_ bytes: [UInt8], _ body: (UnsafePointer<UInt8>) throws -> Void) throws {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let room = (bytes.count + EventLimits.padding + page - 1) / page * page
        let mapped = mmap(nil, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        let block = try #require(mapped != MAP_FAILED ? mapped : nil)
        defer { munmap(block, room + page) }
        try #require(mprotect(block + room, page, PROT_NONE) == 0)
        let start = block + (room - EventLimits.padding - bytes.count)
        bytes.withUnsafeBytes { if let base = $0.baseAddress { start.copyMemory(from: base, byteCount: $0.count) } }
        try body(UnsafePointer(start.assumingMemoryBound(to: UInt8.self)))
    }

    @Test(arguments: EventType.allCases)
    func nothingBehindThePaddingIsRead(_ type: EventType) throws {
        let text = Array(Sample(type, all: true).text.utf8)
        let decoder = EventDecoder()
        let batch = EventBatch(capacity: 1)
        // Cut everywhere, so that every step of the decoder comes to stand at the very end once.
        for count in 1...text.count {
            try beforeAGuardPage(Array(text[0..<count])) { start in
                batch.removeAll()
                let reason = decoder.decode(start, count: count, into: batch)
                #expect((reason == nil) == (count == text.count))
            }
        }
    }

    @Test func aStringThatDoesNotEndDoesNotSwallowItsNeighbour() {
        let good = Sample(.click).text
        let decoder = EventDecoder()
        let batch = EventBatch(capacity: 3)
        for cut in 1..<good.utf8.count {
            let first = Array(good.utf8.prefix(cut))
            let bytes = PaddedBytes(copying: first + Array(good.utf8))
            batch.removeAll()
            #expect(decoder.decode(bytes.start, count: cut, into: batch)?.description == "not_json")
            #expect(decoder.decode(bytes.start + cut, count: good.utf8.count, into: batch) == nil)
            #expect(DecodedEvent(batch, 0) == decode(good).event)
        }
    }

    @Test func numbersAndLiteralsDoNotReadOnIntoTheirNeighbour() {
        let decoder = EventDecoder()
        let batch = EventBatch(capacity: 1)
        let bytes = PaddedBytes(copying: Array(#"{"type":"cart","quantity":12}"#.utf8))
        let cut = bytes.count - 2
        #expect(decoder.decode(bytes.start, count: cut, into: batch)?.description == "not_json")
        let literal = PaddedBytes(copying: Array(#"{"a":true}"#.utf8))
        #expect(decoder.decode(literal.start, count: 8, into: batch)?.description == "not_json")
    }

    @Test func itemsBeyondTheFirstRoomAreKept() throws {
        let item = #"{"product_id":"p","quantity":1,"unit_price":"0.0001"}"#
        let count = EventLimits.items
        let text = Sample(.purchase).with("items", "[" + repeatElement(item, count: count).joined(separator: ",") + "]")
            .with("total_amount", "1").text
        let bytes = PaddedBytes(copying: Array(text.utf8))
        let batch = EventBatch(capacity: 4)
        for row in 0..<4 {
            #expect(EventDecoder().decode(bytes.bytes, into: batch) == nil)
            #expect(batch.items(row) == (row * count)..<((row + 1) * count))
            #expect(!batch.totalMismatch(row))
        }
        #expect(batch.itemCount == 4 * count)
        #expect((0..<batch.itemCount).allSatisfy { batch.itemPrice($0) == 1 && batch.itemProduct($0).string == "p" })
        batch.removeAll()
        #expect(batch.count == 0 && batch.itemCount == 0)
    }
}
