import Testing
import Warehouse

@Suite struct AddressTests {
    @Test(arguments: [
        ("postgres://u@h:5/db", "postgres://u@h:5/db"), ("postgres://u:pw@h/db", "postgres://u@h/db"),
        ("postgresql://u:p%40w@h/db?sslmode=require&password=x", "postgresql://u@h/db?sslmode=require"),
        ("postgres://u:a@b@h/db", "postgres://u@h/db"), ("postgres:///db?PASSWORD=x&sslpassword=y", "postgres:///db"),
        ("postgres://@h", "postgres://@h"), ("postgres://u:@h", "postgres://u@h"),
    ])
    func passwordsAreNotShown(text: String, shown: String) throws {
        #expect(try WarehouseAddress(text).description == shown)
    }

    @Test(arguments: ["", "mysql://u:pw@h/db", "u:pw@h", "dbname=x password=pw", "postgres:/u:pw@h"])
    func whatIsNoAddressIsRefusedAndNotRepeated(text: String) {
        let error = #expect(throws: WarehouseError.self) { try WarehouseAddress(text) }
        #expect(error?.kind == .address)
        #expect(error?.description.contains("pw") == false)
    }
}
