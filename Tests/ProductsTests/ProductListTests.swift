import FileImport
import Foundation
import Products
import Testing

@Suite struct ProductListTests {
    /// The list in a file with this content.
    static func list(_ text: String, _ columns: [ProductField: String] = [:]) throws -> ProductList {
        let path = NSTemporaryDirectory() + "products-" + UUID().uuidString + ".csv"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try ProductList(file: path, columns: columns)
    }

    private func reason(_ text: String, _ columns: [ProductField: String] = [:]) -> String {
        do {
            _ = try Self.list(text, columns)
            return ""
        } catch { return "\(error)" }
    }

    @Test func theHeaderSaysWhichColumnIsWhat() throws {
        let list = try Self.list(
            "Brand,price,Product ID,CATEGORY,Name\nAcme,1,a,Shoes > Running,\"Fast, red\"\n,2,b, ,\n")
        #expect(
            list.products == [
                Product(id: "a", name: "Fast, red", category: "Shoes > Running", brand: "Acme"),
                Product(id: "b", name: nil, category: nil, brand: nil),
            ])
        #expect(list.fields == Set(ProductField.allCases))
        #expect(list.ignored == ["price"])
        // A product feed in tabs.
        let feed = try Self.list("id\ttitle\tproduct_type\na\tShoe\tshoes\n")
        #expect(feed.products == [Product(id: "a", name: "Shoe", category: "shoes", brand: nil)])
        #expect(feed.fields == [.id, .name, .category])
        // Its own spelling comes before another's.
        #expect(try Self.list("id,product_id,name\n1,a,x\n").products[0].id == "a")
        // A shop's export, told by hand.
        let export = try Self.list(
            "ID,SKU,Name,Categories\n7,a,Shoe,Shoes\n", [.id: "SKU", .category: "Categories"])
        #expect(export.products == [Product(id: "a", name: "Shoe", category: "Shoes", brand: nil)])
    }

    @Test func wrongLinesAreNamedAndNothingIsTaken() {
        let text = """
            product_id,category
            a,x
            ,x
            b,x,y
            \(String(repeating: "i", count: 129)),x
            c,\(String(repeating: "k", count: 513))
            d,"two
            lines"
            a,x
            a,z

            """
        let said = reason(text)
        #expect(said.contains("nothing was taken in, since 6 lines are wrong: line 3: it has no product_id; line 4: "))
        #expect(said.contains("line 5: its product_id has more than 128 bytes"))
        #expect(said.contains("line 6: its category has more than 512 bytes"))
        #expect(said.contains("line 7: its category holds a line end"))
        #expect(said.contains("line 10: a stands on line 2 already"), "the same once more on line 9 is no fault")
        let many = "product_id,name\n" + String(repeating: ",x\n", count: 14)
        #expect(reason(many).contains("line 11: it has no product_id; and 4 more"))
    }

    @Test func aFileThatIsNoListIsRefused() {
        #expect(reason("sku,name\na,b\n").contains("none of its columns is product_id or id"))
        #expect(reason("product_id,price\na,1\n").contains("none of its columns is a name, category or brand"))
        #expect(reason("product_id,name,Name\na,b,c\n").contains("it has 2 columns named"))
        #expect(reason("product_id,name\n", [.category: "Type"]).contains("it has no column 'Type'"))
        #expect(reason("product_id,name\n").contains("it holds no product"))
    }

    @Test func moreProductsThanTheBoundAreRefused() {
        var text = "product_id,name\n"
        for number in 0...ProductList.productsMax { text += "\(number),x\n" }
        #expect(reason(text).contains("it has more than 1000000 products"))
    }
}
