import Iceberg
import Testing

@Suite("Name mappings")
struct NameMappingTests {
    @Test("A mapping of a schema names every field at every level, and comes back from its JSON")
    func roundtrip() throws {
        let mapping = NameMapping(of: SchemaTests.nested)
        #expect(try NameMapping(parsing: mapping.encoded()) == mapping)
        #expect(mapping.fieldID(of: ["items", "element", "unit_price"]) == 8)
        #expect(mapping.fieldID(of: ["tags", "value", "element"]) == 11)
        #expect(mapping.fieldID(of: ["items", "unit_price"]) == nil)
        #expect(mapping.fieldID(of: []) == nil)
        #expect(mapping.names(ofFieldID: 7) == ["product_id"])
        #expect(mapping.names(ofFieldID: 99) == [])
    }

    @Test("Several names may stand for one field, a name may hold dots, and a column of a file may have no field")
    func names() throws {
        let mapping = try NameMapping(
            parsing: """
                [{"field-id":1,"names":["id","a.b"]},{"names":["gone"]},{"field-id":2,"names":[]}]
                """)
        #expect(mapping.fieldID(of: ["id"]) == 1)
        #expect(mapping.fieldID(of: ["a.b"]) == 1)
        #expect(mapping.fieldID(of: ["a", "b"]) == nil)
        #expect(mapping[["gone"]] != nil)
        #expect(mapping.fieldID(of: ["gone"]) == nil)
        #expect(mapping.names(ofFieldID: 2) == [])
    }

    @Test(
        "A mapping that leaves open which column is meant is refused",
        arguments: [
            #"[{"field-id":1,"names":["a"]},{"field-id":1,"names":["b"]}]"#,
            #"[{"field-id":1,"names":["a"]},{"field-id":2,"names":["a"]}]"#, #"[{"field-id":1,"names":["a","a"]}]"#,
            #"[{"field-id":1,"names":["a"],"fields":[{"field-id":1,"names":["x"]}]}]"#, #"[{"field-id":1}]"#,
            #"[{"field-id":"1","names":["a"]}]"#, #"[{"field-id":1,"names":[1]}]"#, "{}", "[1]", "", "[",
        ])
    func refused(_ text: String) {
        #expect(kind { _ = try NameMapping(parsing: text) } == .malformed)
    }

    @Test("The same name at two levels is two columns")
    func levels() throws {
        let text = #"[{"field-id":1,"names":["a"],"fields":[{"field-id":2,"names":["a"]}]}]"#
        let mapping = try NameMapping(parsing: text)
        #expect(mapping.fieldID(of: ["a"]) == 1)
        #expect(mapping.fieldID(of: ["a", "a"]) == 2)
    }

    @Test("A mapping follows its schema: new columns, renamed ones, and a name that goes to another column")
    func evolution() throws {
        func field(_ id: Int, _ name: String) -> NestedField {
            NestedField(id: id, name: name, required: false, type: .int)
        }
        let first = NameMapping(of: Schema(fields: [field(1, "a"), field(2, "b"), field(3, "c")]))
        // a is renamed, b dropped, d is new.
        let second = first.following(Schema(fields: [field(1, "x"), field(3, "c"), field(4, "d")]))
        #expect(second.names(ofFieldID: 1) == ["a", "x"])
        #expect(second.fieldID(of: ["b"]) == 2)
        #expect(second.fieldID(of: ["d"]) == 4)
        // A new column takes the name of a dropped one, and another the old name of a renamed one.
        let third = second.following(Schema(fields: [field(1, "x"), field(3, "c"), field(5, "b"), field(6, "a")]))
        #expect(third.fieldID(of: ["b"]) == 5)
        #expect(third.fieldID(of: ["a"]) == 6)
        #expect(third.names(ofFieldID: 1) == ["x"])
        #expect(third.names(ofFieldID: 2) == [])
        #expect(try NameMapping(parsing: third.encoded()) == third)
        let nested = NameMapping(of: Schema(fields: [])).following(SchemaTests.nested)
        #expect(nested == NameMapping(of: SchemaTests.nested))
    }

    @Test("A table says its mapping in a property")
    func property() throws {
        var metadata = try TableMetadata(
            location: "file:///t", schema: SchemaTests.nested, spec: .unpartitioned, properties: [:], nowMilliseconds: 1
        )
        #expect(try NameMapping(of: metadata) == nil)
        metadata.properties[NameMapping.property] = NameMapping(of: SchemaTests.nested).encoded()
        #expect(try NameMapping(of: metadata) == NameMapping(of: SchemaTests.nested))
        metadata.properties[NameMapping.property] = "{"
        #expect(kind { _ = try NameMapping(of: metadata) } == .malformed)
    }
}
