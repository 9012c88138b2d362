import FileImport
import Testing

@Suite("Rows that make one event together") struct GroupingTests {
    static func yaml(_ extra: String = "") -> String {
        """
        name: orders
        format: csv
        events:
          - type: purchase
            group_by: [order, shop]
            \(extra)
            fields:
              event_id: derived
              order_id: "{order}"
              items:
                each: row
                fields:
                  product_id: "{product}"
                  quantity: {column: quantity, type: quantity}
              pieces: {sum: "{quantity}", type: integer}
              total_amount: {sum: "{quantity} * {price}", type: money}
        """
    }

    static let header = "order,shop,product,quantity,price\n"

    @Test("rows are gathered over the whole file, in the order of the groups' first rows")
    func gathering() throws {
        let text = GroupingTests.header + "1,a,x,1,0.10\n2,a,y,2,5\n1,b,z,1,1\n1,a,w,3,0.2\n2,a,y,2,5\n"
        let result = try ImportedFile(text, GroupingTests.yaml(), eventsPerChunk: 2)
        #expect(result.events.map { [$0.firstLine, $0.lastLine, $0.rows] } == [[2, 5, 2], [3, 6, 2], [4, 4, 1]])
        #expect(
            result.json.map { $0.drop { $0 != "o" }.dropFirst() }.first?.contains(
                #"[{"product_id":"x","quantity":1},{"product_id":"w","quantity":3}],"pieces":4,"total_amount":0.70"#)
                == true)
        #expect(result.json[1].contains(#""pieces":4,"total_amount":20"#))
        #expect(result.chunks.map(\.events.count) == [2, 1])
    }

    @Test("a bad row is rejected alone, a group of bad rows makes no event, an empty key names its column")
    func badRows() throws {
        let text = GroupingTests.header + "1,a,x,0,1\n1,a,y,1,1\n2,a,x,1,-\n,a,x,1,1\n3,,x,1,1\n"
        let result = try ImportedFile(text, GroupingTests.yaml())
        #expect(result.texts("order_id") == ["1"])
        #expect(
            result.rejections == ["2 bad_quantity", "4 bad_money", "5 missing_field:order_id", "6 missing_field:shop"])
    }

    @Test("a total that does not fit rejects all rows of its group")
    func badTotal() throws {
        let text = GroupingTests.header + "1,a,x,1000000,90000000\n1,a,y,1000000,90000000\n2,a,x,1,1\n"
        let result = try ImportedFile(text, GroupingTests.yaml())
        #expect(result.rejections == ["2 bad_money", "3 bad_money"])
        #expect(result.texts("order_id") == ["2"])
    }

    @Test("more rows than may be held is an error that says which bound and what to do")
    func bound() throws {
        let text = GroupingTests.header + "1,a,x,1,1\n2,a,x,1,1\n3,a,x,1,1\n"
        let path = Scratch.file(text.utf8)
        defer { Scratch.remove(path) }
        let mapping = try Mapping(yaml: GroupingTests.yaml("max_rows_held: 2"), source: "orders.yaml")
        #expect {
            try ImportedFile(path: path, mapping: mapping)
        } throws: { error in
            "\(error)"
                == "\(path): line 4: grouping by order, shop would hold more than 2 rows; raise max_rows_held in events[0] of mapping orders and import again"
        }
    }

    @Test("a group larger than one event may be is rejected as too_large, row by row, over as many chunks as it takes")
    func largeGroup() throws {
        let product = String(repeating: "p", count: 1_000)
        var text = GroupingTests.header
        for _ in 0..<6_000 { text += "1,a,\(product),1,1\n" }
        text += "2,a,x,1,1\n"
        let result = try ImportedFile(text, GroupingTests.yaml())
        #expect(result.texts("order_id") == ["2"])
        #expect(result.rejected.map(\.line) == Array(2...6_001) && Set(result.reasons) == ["too_large"])
        let bytes = result.chunks.map { $0.rejected.reduce(0) { $0 + $1.raw.count } }
        #expect(bytes.filter { $0 > 0 }.count == 2 && bytes.allSatisfy { $0 < ImportLimits.chunkBytes + 2_000 })
    }

    @Test("a group of more rows than one event may have is rejected without being built")
    func manyRows() throws {
        let rows = String(repeating: "1,a,x,1,1\n", count: ImportLimits.rowsPerEvent + 1)
        let result = try ImportedFile(GroupingTests.header + rows, GroupingTests.yaml())
        #expect(result.events.isEmpty && result.rejected.count == ImportLimits.rowsPerEvent + 1)
        #expect(Set(result.reasons) == ["too_large"])
        #expect(result.chunks.allSatisfy { $0.rejected.count <= ImportLimits.rowsPerChunk })
    }
}
