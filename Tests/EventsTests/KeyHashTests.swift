import Events
import Testing

@Suite struct KeyHashTests {
    /// Ids as short as shops have them, under the small numbers that kinds of ids are told apart by.
    @Test func theSameHashIsOfTheSameTextAndSeed() {
        let texts = (0..<26).flatMap { letter in
            (0..<40).map { String(decoding: [0x61 + UInt8(letter)], as: UTF8.self) + String($0) }
        }
        let hashes = (0..<12).flatMap { seed in texts.map { KeyHash($0, seed: seed) } }
        #expect(Set(hashes.map(\.high)).count == hashes.count)
        #expect(Set(hashes.map(\.low)).count == hashes.count)
    }

    /// Partitions of logs that exist were chosen by it.
    @Test func theHashWithoutASeedStays() {
        #expect(KeyHash("u-1") == KeyHash(high: 0xd86b_5fb5_2701_e702, low: 0x8db6_2710_661c_1e3c))
        #expect(KeyHash("customer-000001").partition(of: 16) == 14)
    }
}
