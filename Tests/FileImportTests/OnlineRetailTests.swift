import FileImport
import Foundation
import Testing

@Suite("UCI Online Retail layout") struct OnlineRetailTests {
    let mapping: Mapping
    let original: [UInt8]

    init() throws {
        mapping = try Package.mappings.mapping("online-retail")
        original = try Package.fixture("online-retail.csv")
    }

    private func expectFixture(_ result: ImportedFile) throws {
        #expect(try result.json == Package.lines("online-retail.events.ndjson"))
        #expect(try result.rejections == Package.lines("online-retail.rejected.txt"))
    }

    @Test("the fixture gives exactly the events and rejections beside it")
    func fixture() throws {
        let result = try ImportedFile(original, mapping: mapping)
        try expectFixture(result)
        #expect(result.events.reduce(0) { $0 + $1.rows } + result.rejected.count == 40)
        #expect(result.chunks.last?.rows == 40)
    }

    @Test("CRLF, ISO-8859-1, a byte-order mark and a missing last line end change nothing, ids included")
    func disguises() throws {
        let crlf = original.flatMap { $0 == 0x0a ? [0x0d, 0x0a] : [$0] }
        try expectFixture(try ImportedFile(crlf, mapping: mapping))
        let text = String(decoding: original, as: UTF8.self)
        let latin1 = try #require(text.data(using: .isoLatin1))
        #expect(latin1.count < original.count)
        try expectFixture(try ImportedFile(latin1, mapping: mapping))
        try expectFixture(try ImportedFile([0xef, 0xbb, 0xbf] + original, mapping: mapping))
        try expectFixture(try ImportedFile(original.dropLast(), mapping: mapping))
    }

    @Test("an event keeps the lines it was made of, also when they lie apart")
    func sources() throws {
        let result = try ImportedFile(original, mapping: mapping)
        let first = try #require(result.events.first)
        #expect((first.firstLine, first.lastLine, first.rows) == (2, 6, 4))
        let lines = String(decoding: original, as: UTF8.self).split(separator: "\n")
        #expect(
            String(decoding: first.sourceLines, as: UTF8.self)
                == [lines[1], lines[2], lines[3], lines[5]].joined(separator: "\n"))
        let lantern = try #require(result.events.first { $0.rows == 1 && $0.lastLine > $0.firstLine })
        #expect(String(decoding: lantern.sourceLines, as: UTF8.self) == lines[6...7].joined(separator: "\n"))
    }

    @Test("a rejected line keeps its bytes as they were")
    func rejectedBytes() throws {
        let latin1: [UInt8] = Array("5,A,caf".utf8) + [0xe9] + Array(",one,12/2/2010 9:16,1.25,7,France".utf8)
        let lineEnd: [UInt8] = [0x0d, 0x0a]
        var file = Array(original.prefix { $0 != 0x0a })
        file += lineEnd + latin1 + lineEnd
        let result = try ImportedFile(file, mapping: mapping)
        #expect(result.rejected.map(\.raw) == [latin1])
        #expect(result.reasons == ["bad_quantity"])
    }

    @Test("with the default for guests no line is lost for want of a customer")
    func guests() throws {
        let yaml = try String(contentsOfFile: "\(Package.root)/mappings/online-retail.yaml", encoding: .utf8)
        let plain = "user_id: \"{CustomerID}\"                # for guests"
        #expect(yaml.contains(plain))
        let guests = yaml.replacingOccurrences(
            of: plain, with: "user_id: {column: CustomerID, default: \"guest-{InvoiceNo}\"} # was")
        let result = try ImportedFile(original, mapping: Mapping(yaml: guests, source: "guests.yaml"))
        #expect(result.texts("user_id").contains("guest-536544"))
        #expect(
            result.reasons.filter { $0 == "missing_field:user_id" }.count == 1, "the cancellation's rule is unchanged")
    }
}
