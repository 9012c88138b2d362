import Events
import Streaming
import Testing

@Suite struct TextHashTests {
    private static func with<Result>(_ text: String, _ body: (StringRef) -> Result) -> Result {
        var text = text
        return text.withUTF8 { bytes in
            withUnsafePointer(to: 0 as UInt8) { nothing in
                body(StringRef(bytes.baseAddress ?? nothing, bytes.count))
            }
        }
    }

    /// Texts of all lengths that loads overlap in, each differing from the next in one byte.
    private static let texts: [String] =
        ["", "a", "b"]
        + ["e", "ab", "event-", "0123456789abcd", "0123456789abcde", "01890000-0000-7000-8000-0000000"].flatMap {
            prefix in (0..<400).map { prefix + String($0) }
        }

    @Test func ofNoTwoTextsAndSeedsAreTheHashesTheSame() {
        var narrow: Set<UInt64> = []
        var wide: Set<KeyHash> = []
        for seed in UInt64(0)..<12 {
            for text in TextHashTests.texts {
                TextHashTests.with(text) { text in
                    narrow.insert(TextHash.of(text, seed: seed))
                    wide.insert(TextHash.wide(text, seed: seed))
                }
            }
        }
        #expect(narrow.count == 12 * TextHashTests.texts.count)
        #expect(Set(wide.map(\.high)).count == narrow.count)
        #expect(Set(wide.map(\.low)).count == narrow.count)
    }

    @Test func everyByteOfAnEventIsInItsContent() {
        for length in [0, 1, 3, 4, 7, 8, 16, 17, 63, 64, 65, 80, 81, 128, 129, 300] {
            var bytes = [UInt8](repeating: 0x61, count: length)
            func content() -> UInt32 { TextHashTests.with(String(decoding: bytes, as: UTF8.self), TextHash.content) }
            let before = content()
            for at in 0..<length {
                bytes[at] = 0x62
                #expect(content() != before, "byte \(at) of \(length)")
                bytes[at] = 0x61
            }
            #expect(content() == before)
        }
    }

    @Test func aStringHashesAsItsBytes() {
        for text in TextHashTests.texts {
            #expect(TextHashTests.with(text) { TextHash.nonzero($0, seed: 3) } == TextHash.nonzero(text, seed: 3))
        }
    }
}
