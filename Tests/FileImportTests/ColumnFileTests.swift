import FileImport
import Foundation
import Testing

@Suite struct ColumnFileTests {
    /// Reads a file with this content: its columns, and each row or the reason why it is none.
    private func read(_ bytes: [UInt8], pick: [Int]? = nil) throws -> (columns: [String], rows: [String]) {
        let path = NSTemporaryDirectory() + "columns-" + UUID().uuidString + ".csv"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        var file = try ColumnFile(path: path)
        file.pick(pick ?? Array(file.columns.indices))
        var rows: [String] = []
        while let step = try file.next() {
            switch step {
            case .row(let fields): rows.append("\(file.line): \(fields.joined(separator: "|"))")
            case .rejected(let reason): rows.append("\(file.line) rejected: \(reason)")
            }
        }
        return (file.columns, rows)
    }

    private func read(_ text: String, pick: [Int]? = nil) throws -> (columns: [String], rows: [String]) {
        try read(Array(text.utf8), pick: pick)
    }

    @Test func rowsHaveThePickedColumnsInTheOrderAskedFor() throws {
        let file = try read(
            "\u{FEFF} id ,name,extra\r\n a , \"x, \"\"y\"\"\" ,1\r\n\r\nb,\"two\nlines\",2", pick: [1, 0])
        #expect(file.columns == ["id", "name", "extra"])
        // A quote that does not open a field is a sign like others.
        #expect(file.rows.last == "4: two\nlines|b")
        #expect(file.rows.count == 2)
    }

    @Test func columnsAreSetApartByWhateverMakesMostOfTheHeader() throws {
        #expect(try read("id;name, and more;c\n1;a, b;3\n").rows == ["2: 1|a, b|3"])
        #expect(try read("id\tname\tc\n1\ta,b;\t3\n").rows == ["2: 1|a,b;|3"])
        #expect(try read("id\n1\n").rows == ["2: 1"])
    }

    @Test func aLineThatIsNoRowCostsItselfAlone() throws {
        let rows = try read(Array("id,name\n1\n2,b\n3,".utf8) + [0xff, 0x0a] + Array("4,\"x\n5,e\n".utf8)).rows
        #expect(rows.count == 5)
        #expect(rows[0].hasPrefix("2 rejected: it has not 2 columns"))
        #expect(rows[1] == "3: 2|b")
        #expect(rows[2].hasPrefix("4 rejected: it is not UTF-8"))
        #expect(rows[3].hasPrefix("5 rejected: it has not 2 columns"))
        #expect(rows[4] == "6: 5|e")
        let long = try read("id,name\n1,\(String(repeating: "x", count: ImportLimits.fieldBytes + 1))\n2,b\n").rows
        #expect(long[0].hasPrefix("2 rejected: it has more than") && long[1] == "3: 2|b")
    }

    @Test func whatIsNoFileOfColumnsIsRefused() throws {
        func reason(_ bytes: [UInt8]) -> String {
            do {
                _ = try read(bytes)
                return ""
            } catch { return "\(error)" }
        }
        #expect(reason([]).contains("is empty"))
        #expect(reason([0xff, 0xfe, 0x69, 0x00]).contains("UTF-16"))
        #expect(reason(Array("\"id,name\n1,2\n".utf8)).contains("line 1 is not a readable header; save it as CSV"))
        #expect(throws: ImportError.self) { try ColumnFile(path: "/nowhere/products.csv") }
        #expect(throws: ImportError.self) { try ColumnFile(path: "/dev/zero") }
    }
}
