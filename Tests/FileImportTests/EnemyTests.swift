import FileImport
import Foundation
import Testing

@Suite("Files as an enemy writes them") struct EnemyTests {
    private static let tokens: [[UInt8]] = [
        [0x22], [0x22, 0x22], [0x2c], [0x0a], [0x0d], [0x0d, 0x0a], [0], [0xff], [0xc3], [0xa9], [0xef, 0xbb, 0xbf],
        [0x7b], [0x7d],
        [0x5b], [0x5d], [0x3a], [0x5c], Array("\\ud800".utf8), Array("-".utf8), Array("1e9".utf8), Array(".".utf8),
        Array("99999999999999999999999999999999999999999".utf8), Array("C".utf8), Array("\"\n\"".utf8),
        Array(" \t".utf8), Array("12/31/9999 23:59".utf8), Array("0".utf8),
    ]

    static func mutated(_ bytes: [UInt8], _ numbers: inout SeededNumbers) -> [UInt8] {
        var result = bytes
        for _ in 0..<Int.random(in: 1...12, using: &numbers) {
            let at = Int.random(in: 0...result.count, using: &numbers)
            switch Int.random(in: 0..<5, using: &numbers) {
            case 0: result.insert(contentsOf: tokens.randomElement(using: &numbers) ?? [], at: at)
            case 1: result.removeSubrange(at..<min(result.count, at + Int.random(in: 0...40, using: &numbers)))
            case 2: if at < result.count { result[at] = UInt8.random(in: 0...255, using: &numbers) }
            case 3: result.insert(contentsOf: result[at..<min(result.count, at + 60)], at: at)
            default: result.removeSubrange(at...)
            }
            if result.isEmpty { result = [0x0a] }
        }
        return result
    }

    /// Every row is accounted for: in an event or rejected, each rejection in the words of the contract.
    static func expectBooks(_ result: ImportedFile, _ seed: Int) {
        let rows = result.events.reduce(0) { $0 + $1.rows } + result.rejected.count
        #expect(result.chunks.last?.rows == rows, "seed \(seed)")
        let words = [
            "not_json", "bad_utf8", "bad_timestamp", "bad_money", "bad_quantity", "too_large", "unknown_type",
            "empty_items",
        ]
        for reason in Set(result.reasons) {
            #expect(
                words.contains(reason) || reason.hasPrefix("missing_field:") || reason.hasPrefix("wrong_type:"),
                "seed \(seed): \(reason)")
        }
        for event in result.events {
            #expect(event.json.first == 0x7b && event.json.last == 0x7d && !event.json.contains(0x0a), "seed \(seed)")
            #expect(String(validating: event.json, as: UTF8.self) != nil, "seed \(seed)")
        }
    }

    static func attack(_ original: [UInt8], _ mapping: Mapping, seeds: Range<Int>) throws {
        for seed in seeds {
            var numbers = SeededNumbers(UInt64(seed))
            let bytes = mutated(original, &numbers)
            do {
                let result = try ImportedFile(bytes, mapping: mapping, eventsPerChunk: 7)
                expectBooks(result, seed)
                let again = try ImportedFile(bytes, mapping: mapping, eventsPerChunk: 7)
                #expect(again.json == result.json && again.rejections == result.rejections, "seed \(seed)")
            } catch let error as ImportError {
                #expect(!error.problem.contains("\n"), "seed \(seed): \(error)")
            }
        }
    }

    @Test("mutated CSV never crashes, loses no row and gives the same twice")
    func csv() throws {
        let original = try Package.fixture("online-retail.csv")
        try EnemyTests.attack(original, Package.mappings.mapping("online-retail"), seeds: 0..<400)
    }

    @Test("mutated columns never crash, lose no row and give the same twice")
    func whitespace() throws {
        let lines = (0..<40).map { " \(10_000 + $0 % 9) 199702\(10 + $0 % 19)  \($0 % 5)   \($0).\(10 + $0)" }
        let text = " customer_id  date number_of_cds  dollar_value\r\n" + lines.joined(separator: "\r\n")
        try EnemyTests.attack(Array(text.utf8), Package.mappings.mapping("cdnow"), seeds: 1_000..<1_400)
    }

    @Test("mutated JSON never crashes, loses no row and gives the same twice")
    func ndjson() throws {
        let line = NDJSONTests.line(
            "\"é\\u00e9\"",
            #"[{"sku":"a","qty":3,"price":{"amount":0.10}},{"sku":7,"qty":"2","price":{"amount":"1.05"}}]"#)
        let text = Array(repeating: line, count: 12).joined(separator: "\n")
        let mapping = try Mapping(yaml: NDJSONTests.yaml, source: "json.yaml")
        try EnemyTests.attack(Array(text.utf8), mapping, seeds: 2_000..<2_400)
    }

    @Test("mutated mappings never crash: they are read, or refused in one line")
    func mappings() throws {
        for name in ["cdnow", "online-retail"] {
            let path = "\(Package.root)/mappings/\(name).yaml"
            let original = Array(try String(contentsOfFile: path, encoding: .utf8).utf8)
            for seed in 0..<300 {
                var numbers = SeededNumbers(UInt64(seed))
                let yaml = String(decoding: EnemyTests.mutated(original, &numbers), as: UTF8.self)
                do {
                    _ = try Mapping(yaml: yaml, source: "m.yaml")
                } catch {
                    #expect(!"\(error)".contains("\n"), "seed \(seed): \(error)")
                }
            }
        }
    }
}
