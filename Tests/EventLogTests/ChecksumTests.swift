import CBytes
import Testing

@Suite struct ChecksumTests {
    /// CRC-32C bit by bit, as its definition reads.
    private static func reference(_ bytes: UnsafeRawBufferPointer, from sum: UInt32 = 0) -> UInt32 {
        var remainder = ~sum
        for byte in bytes {
            remainder ^= UInt32(byte)
            for _ in 0..<8 { remainder = remainder >> 1 ^ (remainder & 1 == 1 ? 0x82f6_3b78 : 0) }
        }
        return ~remainder
    }

    private static func sum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        Array(bytes).withUnsafeBytes { cbytes_crc32c(0, $0.baseAddress, $0.count) }
    }

    /// RFC 3720, appendix B.4.
    @Test func theVectorsOfTheStandardHold() {
        #expect(Self.sum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
        #expect(Self.sum([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
        #expect(Self.sum(0...31) == 0x46dd_794e)
        #expect(Self.sum((0...31).reversed()) == 0x113f_db5c)
        let command: [UInt8] = [
            0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18,
            0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        ]
        #expect(Self.sum(command) == 0xd996_3a56)
        #expect(Self.sum(Array("123456789".utf8)) == 0xe306_9283)
        #expect(Self.sum([]) == 0)
    }

    @Test func itIsTheReferenceAtEveryLengthAndAlignment() {
        var random = SeededGenerator(seed: 1)
        let bytes = random.bytes(40_064)
        // Around the lanes' lengths, where the ways of summing change, and anywhere between.
        var lengths = Array(0...130) + [4_095, 4_096, 4_097, 8_192, 24_575, 24_576, 24_577, 36_864, 40_000]
        lengths += (12_270...12_310) + (0..<60).map { _ in Int.random(in: 0...40_000, using: &random) }
        bytes.withUnsafeBytes { bytes in
            for length in lengths {
                let start = Int.random(in: 0..<64, using: &random)
                let part = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length)])
                #expect(cbytes_crc32c(0, part.baseAddress, length) == Self.reference(part), "\(length) at \(start)")
            }
        }
    }

    @Test func aSumGoesOnFromAnyPlace() {
        var random = SeededGenerator(seed: 2)
        let bytes = random.bytes(40_000)
        bytes.withUnsafeBytes { bytes in
            let whole = Self.reference(bytes)
            for _ in 0..<300 {
                var sum: UInt32 = 0
                var at = 0
                while at < bytes.count {
                    let most = random.chance(2) ? 20_000 : 40
                    let count = min(bytes.count - at, Int.random(in: 0...most, using: &random))
                    sum = cbytes_crc32c(sum, bytes.baseAddress.map { $0 + at }, count)
                    at += count
                }
                #expect(sum == whole)
            }
            let first = UnsafeRawBufferPointer(rebasing: bytes[..<13_000])
            let rest = UnsafeRawBufferPointer(rebasing: bytes[13_000...])
            #expect(Self.reference(rest, from: Self.reference(first)) == whole)
        }
    }
}
