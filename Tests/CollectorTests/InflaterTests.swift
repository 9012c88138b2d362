import CZstd
import Collector
import Events
import Testing

@Suite struct InflaterTests {
    private func inflated(_ bytes: [UInt8], limit: Int = 1 << 20) throws -> [UInt8] {
        let result = try Inflater.inflate(PaddedBytes(copying: bytes), limit: limit)
        return result.withBytes { Array($0) }
    }

    private let text = Array(String(repeating: "an event, and another; ", count: 5_000).utf8)

    @Test func gzipIsUndone() throws {
        #expect(try inflated(try gzipped(text)) == text)
        #expect(try inflated(try gzipped([])) == [])
        #expect(try inflated(try gzipped([7])) == [7])
    }

    private func zstandard(_ bytes: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
        let size = ZSTD_compress(&out, out.count, bytes, bytes.count, 1)
        return Array(out.prefix(size))
    }

    private func unpacked(_ bytes: [UInt8], limit: Int = 1 << 20) throws -> [UInt8] {
        try Inflater.inflate(PaddedBytes(copying: bytes), as: .zstd, limit: limit).withBytes { Array($0) }
    }

    @Test func zstdIsUndone() throws {
        #expect(try unpacked(zstandard(text)) == text)
        #expect(try unpacked(zstandard([])) == [])
        #expect(try unpacked(zstandard(text) + zstandard([1, 2])) == text + [1, 2])
    }

    @Test func zstdThatIsCutFlippedOrTooLargeIsAnError() throws {
        let whole = zstandard(text)
        for count in stride(from: 0, to: whole.count, by: 7) {
            #expect(throws: InflateError.self) { _ = try unpacked(Array(whole.prefix(count))) }
        }
        #expect(throws: InflateError.self) { _ = try unpacked(text) }
        let bomb = zstandard([UInt8](repeating: 0, count: 4 << 20))
        #expect(throws: InflateError.self) { _ = try unpacked(bomb) }
        #expect(try unpacked(bomb, limit: 4 << 20).count == 4 << 20)
    }

    @Test func severalMembersAreOneBody() throws {
        let members = try gzipped(text) + gzipped([]) + gzipped([1, 2]) + gzipped(text)
        #expect(try inflated(members) == text + [1, 2] + text)
    }

    @Test func bytesOfEverySizeComeThrough() throws {
        var bytes: [UInt8] = []
        var state: UInt32 = 1
        for _ in 0..<700_000 {
            state = state &* 1_664_525 &+ 1_013_904_223
            bytes.append(UInt8(state >> 24))
        }
        for count in [1, 262_143, 262_144, 262_145, 524_288, 700_000] {
            let part = Array(bytes.prefix(count))
            #expect(try inflated(try gzipped(part)) == part)
        }
    }

    @Test func aBombStopsAtTheLimit() throws {
        let bomb = try gzipped([UInt8](repeating: 0, count: 4 << 20))
        do {
            _ = try inflated(bomb, limit: 1 << 20)
            Issue.record("inflated")
        } catch InflateError.tooLarge(let limit) {
            #expect(limit == 1 << 20)
        }
        #expect(try inflated(bomb, limit: 4 << 20).count == 4 << 20)
        #expect(throws: InflateError.self) { _ = try inflated(bomb, limit: 4 << 20 - 1) }
        // Many members that each fit are too much together.
        let small = try gzipped([UInt8](repeating: 0, count: 100_000))
        #expect(throws: InflateError.self) {
            _ = try inflated([UInt8](repeatElement(small, count: 20).joined()), limit: 1 << 20)
        }
    }

    @Test func whatIsCutShortOrNoGzipIsMalformed() throws {
        let whole = try gzipped(text)
        for count in 0..<whole.count {
            #expect(throws: InflateError.self, "\(count) bytes") { _ = try inflated(Array(whole.prefix(count))) }
        }
        #expect(throws: InflateError.self) { _ = try inflated(whole + [0]) }
        #expect(throws: InflateError.self) { _ = try inflated(text) }
        var flipped = whole
        flipped[flipped.count - 6] ^= 1
        #expect(throws: InflateError.self, "its checksum does not hold") { _ = try inflated(flipped) }
    }

    @Test func memoryThatIsRefusedEndsIt() throws {
        let bytes = try gzipped([UInt8](repeating: 0, count: 1 << 20))
        var left = 2
        do {
            _ = try Inflater.inflate(PaddedBytes(copying: bytes), limit: 4 << 20) { _ in
                left -= 1
                return left >= 0
            }
            Issue.record("inflated")
        } catch InflateError.refused {
            #expect(left == -1)
        }
    }
}
