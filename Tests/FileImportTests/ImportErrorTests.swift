import FileImport
import Foundation
import Testing

@Suite("Files that cannot be imported") struct ImportErrorTests {
    static func problem(_ bytes: some Sequence<UInt8>, _ yaml: String = MappingTests.good) throws -> String {
        let path = Scratch.file(bytes)
        defer { Scratch.remove(path) }
        do {
            _ = try ImportedFile(path: path, mapping: Mapping(yaml: yaml, source: "shop.yaml"))
            return "no error"
        } catch let error as ImportError {
            #expect(error.path == path)
            return error.problem
        }
    }

    @Test("a file that does not fit the mapping is one clear line")
    func headers() throws {
        #expect(try ImportErrorTests.problem([]) == "is empty; a header line with column names is expected")
        #expect(
            try ImportErrorTests.problem("date;sku;price\n".utf8)
                == "has no column 'date', which mapping shop reads; its columns are: date;sku;price")
        #expect(
            try ImportErrorTests.problem("date,sku,price,sku\n".utf8)
                == "has 2 columns named 'sku', which mapping shop reads; its columns are: date, sku, price, sku")
        #expect(
            try ImportErrorTests.problem("date,\"sku\n".utf8)
                == "line 1 is not a readable header; check format, delimiter, quote and encoding in mapping shop")
        #expect(
            try ImportErrorTests.problem(
                "a,b\n".utf8,
                MappingTests.good.replacing(
                    "format: csv", with: "format: csv\nheader: yes\ncolumns: [date, sku, price]"))
                == "has 2 columns where mapping shop names 3; correct its columns or its delimiter")
        #expect(
            try ImportErrorTests.problem([0xff, 0xfe, 0x61, 0]) == "is UTF-16; save it as UTF-8 and import it again")
        #expect(try ImportErrorTests.problem("date, sku ,price\n".utf8) == "no error")
    }

    @Test("a file that is not there, a folder, and a file that changes meanwhile")
    func files() throws {
        let mapping = try Mapping(yaml: MappingTests.good, source: "shop.yaml")
        #expect {
            try ImportFile(path: "/no/such/file", mapping: mapping)
        } throws: { "\($0)".hasPrefix("/no/such/file: cannot be opened (") }
        #expect {
            try ImportFile(path: "/", mapping: mapping)
        } throws: { "\($0)".hasPrefix("/: is not a regular file") }
        let path = Scratch.file("date,sku,price\n20240101,a,1\n".utf8)
        defer { Scratch.remove(path) }
        let file = try ImportFile(path: path, mapping: mapping)
        try Data("date,sku,price\n20240101,a,2\n".utf8).write(to: URL(fileURLWithPath: path))
        #expect {
            var stream = try file.stream()
            while try stream.next() != nil {}
        } throws: { "\($0)" == "\(path): changed while it was imported; import it again" }
    }

    @Test("looking a file through reports progress and can be stopped")
    func progress() throws {
        struct Stop: Error {}
        let path = Scratch.file(("date,sku,price\n" + String(repeating: "20240101,a,1\n", count: 100_000)).utf8)
        defer { Scratch.remove(path) }
        let mapping = try Mapping(yaml: MappingTests.good, source: "shop.yaml")
        var seen: [Int64] = []
        let file = try ImportFile(path: path, mapping: mapping) { read, total in
            #expect(read <= total)
            seen.append(read)
        }
        #expect(seen.count >= 2 && seen == seen.sorted() && seen.last == file.size)
        #expect(throws: Stop.self) { try ImportFile(path: path, mapping: mapping) { _, _ in throw Stop() } }
    }
}
