import Events
import Foundation
import Testing

@Suite struct DecoderFuzzTests {
    /// Pieces that a mutation writes into an event: JSON's own marks, and what is nearly JSON.
    private static let pieces: [[UInt8]] =
        [
            "\"", "\\", "{", "}", "[", "]", ",", ":", "null", "true", "0", "-", "1.5", "1e3", "\\u0041",
            "\\ud83d\\ude00", "\\ud800",
            "é", "\u{1}", " ", "\n", "\"user_id\":", "\"items\":[", "\"ts\":0", "\"type\":\"cart\"", ",\"x\":{}",
            "99999999999999999999",
        ].map { Array($0.utf8) } + [[0xff], [0xc3], [0], [0xed, 0xa0, 0x80]]

    private static func mutated(_ bytes: [UInt8], _ random: inout Seeded) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            let piece = pieces[Int.random(in: 0..<pieces.count, using: &random)]
            switch Int.random(in: 0..<7, using: &random) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.remove(at: at)
            case 3: bytes.insert(contentsOf: piece, at: at)
            case 4: bytes.replaceSubrange(at..<min(bytes.count, at + piece.count), with: piece)
            case 5: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...20, using: &random)))
            default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 20)], at: at)
            }
        }
        return bytes
    }

    /// What a JSON parser that knows nothing of the decoder says; nil when it finds no object.
    private static func oracle(_ bytes: [UInt8]) -> [String: Any]? {
        try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
    }

    @Test(arguments: 0..<7) func mutatedEventsAreJudgedAsAnotherParserReadsThem(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        let sample = Sample(EventType.allCases[Int(seed)], all: true).with("page", #""é\u20ac\/\ud83d\ude00""#)
        let original = Array(sample.text.utf8)
        let batch = EventBatch(capacity: 1)
        let again = EventBatch(capacity: 1)
        let decoder = EventDecoder()
        var accepted = 0
        for round in 0..<30_000 {
            let bytes = Self.mutated(original, &random)
            let padded = PaddedBytes(copying: bytes)
            batch.removeAll()
            again.removeAll()
            let reason = decoder.decode(padded.bytes, into: batch)
            // Every tenth of the others is enough to see that nothing valid is turned away as no JSON.
            guard reason == nil || round % 10 == 0 else { continue }
            let text = String(decoding: bytes, as: UTF8.self)
            let object = Self.oracle(bytes)
            if let reason {
                // The other parser lets a comma stand before a closing bracket, which JSON does not.
                if reason.word == .notJSON, text.firstMatch(of: /,\s*[}\]]/) == nil {
                    #expect(object == nil, "JSON turned away: \(text)")
                }
                continue
            }
            accepted += 1
            let event = DecodedEvent(batch, 0)
            try #require(decoder.decode(padded.bytes, into: again) == nil)
            #expect(DecodedEvent(again, 0) == event)
            let read = try #require(object, "no JSON, and accepted: \(text)")
            try Self.compare(event, read, text)
        }
        #expect(accepted > 500, "too few mutations left a valid event to say anything")
    }

    private static func compare(_ event: DecodedEvent, _ object: [String: Any], _ text: String) throws {
        // Which of two equal keys counts is pinned elsewhere; the other parser takes the first or the last as it likes.
        func isRepeated(_ name: String) -> Bool { text.components(separatedBy: "\"\(name)\"").count > 2 }
        guard !isRepeated("type"), !text.contains("\\u0041") else { return }
        #expect(object["type"] as? String == event.type.name, "\(text)")
        let schema = EventSchema.of(event.type)
        for field in schema.required where !isRepeated(field.name) {
            #expect(object[field.name] != nil && event.has(field), "\(field.name) in \(text)")
        }
        for field in schema.columns where !isRepeated(field.name) {
            switch field.kind {
            case .id, .text, .word, .currency:
                let other = object[field.name] as? String
                #expect(other == event.strings[field] || field.kind == .id && other == "", "\(field.name) in \(text)")
            case .integer:
                #expect(
                    (object[field.name] as? NSNumber)?.int64Value == event.numbers[field], "\(field.name) in \(text)")
            case .items:
                let other = object[field.name] as? [[String: Any]]
                #expect(other?.count == event.items.count, "\(text)")
            case .money, .timestamp, .type: break
            }
        }
    }

    @Test func randomBytesNeverCrash() {
        var random = Seeded(state: 99)
        let batch = EventBatch(capacity: 1)
        let decoder = EventDecoder()
        for _ in 0..<50_000 {
            var bytes = (0..<Int.random(in: 1...60, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            bytes[0] = 0x7b
            let padded = PaddedBytes(copying: bytes)
            batch.removeAll()
            #expect(decoder.decode(padded.bytes, into: batch) != nil)
        }
    }
}
