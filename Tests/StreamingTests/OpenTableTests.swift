import Streaming
import Testing

@Suite struct OpenTableTests {
    @Test func agreesWithADictionaryOverRandomKeys() {
        var random = SplitMix(seed: 7)
        var table = OpenTable<Int64>(empty: 0)
        var expected: [UInt64: Int64] = [:]
        for _ in 0..<200_000 {
            // Few enough keys that most are met again, and neighbours collide.
            let key = random.next() % 30_000 + 1
            table.value(key).pointee += 1
            expected[key, default: 0] += 1
        }
        #expect(table.count == expected.count)
        var found: [UInt64: Int64] = [:]
        table.forEach { found[$0] = $1.pointee }
        #expect(found == expected)
        #expect(table.find(40_000) == nil)
    }

    @Test func filteringKeepsExactlyWhatItIsToldTo() {
        var table = OpenTable<Int64>(empty: 0)
        for key in 1...10_000 { table.value(UInt64(key)).pointee = Int64(key) }
        table.filter { key, value in key % 3 == 0 && value > 30 }
        #expect(table.count == 3_323)
        #expect(table.find(33)?.pointee == 33)
        #expect(table.find(30) == nil)
        #expect(table.find(34) == nil)
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): chance that a seed repeats.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func shuffled<T>(_ values: [T]) -> [T] {
        var values = values
        for i in stride(from: values.count - 1, to: 0, by: -1) { values.swapAt(i, below(i + 1)) }
        return values
    }
}
