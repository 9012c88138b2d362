import FileImport
import Testing

@Suite("Rows of delimited files") struct CSVTests {
    /// A mapping of two columns that are shown as they were read.
    static func yaml(_ layout: String = "format: csv") -> String {
        """
        name: pairs
        \(layout)
        columns: [a, b]
        header: no
        events:
          - type: click
            fields:
              a: {column: a, default: "-"}
              b: {column: b, default: "-"}
        """
    }

    static func pairs(_ text: String, _ layout: String = "format: csv") throws -> [String] {
        let result = try ImportedFile(text, yaml(layout))
        var shown: [(line: Int, text: String)] = []
        for event in result.events {
            let json = String(decoding: event.json, as: UTF8.self)
            shown.append((event.firstLine, String(json.dropFirst("{\"type\":\"click\",".count).dropLast())))
        }
        for row in result.rejected { shown.append((row.line, "!\(row.reason)")) }
        return shown.sorted { $0.line < $1.line }.map { "\($0.line) \($0.text)" }
    }

    @Test(
        "fields are read as RFC 4180 and the files in the wild write them",
        arguments: [
            ("x,y\n", [#"1 "a":"x","b":"y""#]),
            ("x,y", [#"1 "a":"x","b":"y""#]),
            ("x,y\r", [#"1 "a":"x","b":"y""#]),
            ("x,y\r\nz,w\r\n", [#"1 "a":"x","b":"y""#, #"2 "a":"z","b":"w""#]),
            ("\n\r\nx,y\n\n", [#"3 "a":"x","b":"y""#]),
            (",\n", [#"1 "a":"-","b":"-""#]),
            ("x,", [#"1 "a":"x","b":"-""#]),
            (#""x,1","y""2""""# + "\n", [#"1 "a":"x,1","b":"y\"2\"""#]),
            (#""","x""# + "\n", [#"1 "a":"-","b":"x""#]),
            (#"""",x"# + "\n", ["1 !wrong_type:row"]),
            ("\"x\r\ny\",z\nu,v\n", [#"1 "a":"x\ny","b":"z""#, #"3 "a":"u","b":"v""#]),
            ("\"\",\"\"\n", [#"1 "a":"-","b":"-""#]),
            (#"5" disc,y"# + "\n", [#"1 "a":"5\" disc","b":"y""#]),
            (" x , y \n", [#"1 "a":"x","b":"y""#]),
            ("x\n", ["1 !wrong_type:row"]),
            ("x,y,z\nu,v\n", ["1 !wrong_type:row", #"2 "a":"u","b":"v""#]),
            ("\"x\"z,y\nu,v\n", ["1 !wrong_type:row", #"2 "a":"u","b":"v""#]),
            ("\"x,y\nu,v\n", ["1 !wrong_type:row", #"2 "a":"u","b":"v""#]),
            ("x,\"y", ["1 !wrong_type:row"]),
            ("x,y\nu,\"v\"\"", [#"1 "a":"x","b":"y""#, "2 !wrong_type:row"]),
            ("\u{1},\u{7f}\t\\", [#"1 "a":"\u0001","b":""# + "\u{7f}\\t\\\\\""]),
            ("\r\r\n", ["1 !wrong_type:row"]),
        ])
    func fields(text: String, expected: [String]) throws {
        #expect(try CSVTests.pairs(text) == expected)
    }

    @Test("another delimiter, another quote or none")
    func dialects() throws {
        #expect(try CSVTests.pairs("x\ty\n", "format: csv\ndelimiter: tab") == [#"1 "a":"x","b":"y""#])
        #expect(try CSVTests.pairs("'x;1';y\n", "format: csv\ndelimiter: ;\nquote: \"'\"") == [#"1 "a":"x;1","b":"y""#])
        #expect(try CSVTests.pairs("\"x|y\n", "format: csv\ndelimiter: '|'\nquote: none") == [#"1 "a":"\"x","b":"y""#])
        #expect(
            try CSVTests.pairs("  x \t y\r\n \t\r\nz\n", "format: whitespace") == [
                #"1 "a":"x","b":"y""#, "3 !wrong_type:row",
            ])
    }

    @Test("text that is not UTF-8 is rejected, or read as ISO-8859-1 where the mapping says so")
    func encodings() throws {
        let bytes: [UInt8] = [0xe9, 0x2c, 0x79, 0x0a] + Array("é,z\n".utf8)
        func read(_ encoding: String) throws -> (events: [String], rejections: [String]) {
            let mapping = try Mapping(yaml: CSVTests.yaml("format: csv\nencoding: \(encoding)"), source: "e.yaml")
            let result = try ImportedFile(bytes, mapping: mapping)
            return (result.texts("a"), result.rejections)
        }
        #expect(try read("utf8") == (["é"], ["1 bad_utf8"]))
        #expect(try read("latin1") == (["é", "Ã©"], []))
        #expect(try read("auto") == (["é", "é"], []))
        // Halves of one character in two fields are no text, though they would be if they were joined.
        let mapping = try Mapping(yaml: CSVTests.yaml(), source: "e.yaml")
        #expect(try ImportedFile([0xc3, 0x2c, 0xa9, 0x0a], mapping: mapping).reasons == ["bad_utf8"])
    }

    @Test("a row beyond its bounds is rejected, and the rows around it are not")
    func bounds() throws {
        let long = String(repeating: "x", count: ImportLimits.rowBytes + 10)
        let result = try ImportedFile("a,b\n\(long),y\nc,d\n", CSVTests.yaml())
        #expect(result.rejections == ["2 too_large"])
        #expect(result.rejected.first?.raw.count == ImportLimits.rejectedBytes)
        #expect(result.texts("a") == ["a", "c"])
        let field = String(repeating: "x", count: ImportLimits.fieldBytes + 1)
        #expect(try CSVTests.pairs("\(field),y\nc,d\n") == ["1 !too_large", #"2 "a":"c","b":"d""#])
        let lines = String(repeating: "x\n", count: ImportLimits.rowLines + 5)
        let open = try ImportedFile("a,\"\(lines)\nc,d\n", CSVTests.yaml())
        #expect(open.texts("a") == ["c"])
        #expect(open.rejected.count == ImportLimits.rowLines + 5 && Set(open.reasons) == ["wrong_type:row"])
        let columns = String(repeating: ",", count: ImportLimits.columns * 4)
        #expect(try CSVTests.pairs("\(columns)\nc,d\n") == ["1 !wrong_type:row", #"2 "a":"c","b":"d""#])
    }

    @Test("rows across the blocks of a large file are whole")
    func blocks() throws {
        var text = ""
        for index in 0..<40_000 { text += "\(index),\"v \(index)\nw\"\r\n" }
        let result = try ImportedFile(text, CSVTests.yaml())
        #expect(result.rejected.isEmpty)
        #expect(result.texts("a") == (0..<40_000).map(String.init))
        #expect(result.events.last?.lastLine == 80_000)
        #expect(result.chunks.last?.bytesRead == Int64(text.utf8.count))
    }
}
