import Iceberg
import Testing

@Suite("Avro files")
struct AvroTests {
    private static let everything = """
        {"type":"record","name":"r","fields":[
         {"name":"n","type":"null"},{"name":"b","type":"boolean"},{"name":"i","type":"int","field-id":7},
         {"name":"l","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"f","type":"float"},
         {"name":"d","type":"double"},{"name":"y","type":"bytes"},{"name":"s","type":"string"},
         {"name":"x","type":{"type":"fixed","name":"three","size":3}},{"name":"x2","type":"three"},
         {"name":"e","type":{"type":"enum","name":"suit","symbols":["a","b"]}},
         {"name":"a","type":{"type":"array","items":["null","long"]}},
         {"name":"m","type":{"type":"map","values":"string"}},
         {"name":"o","type":["null",{"type":"record","name":"inner","fields":[{"name":"z","type":"int"}]}]}]}
        """

    private static func value(_ number: Int64) -> AvroValue {
        .record([
            .null, .boolean(number % 2 == 0), .int(Int32(truncatingIfNeeded: number)), .long(number), .float(1.5),
            .double(-0.25), .bytes([0, 255]), .string("héllo \(number)"), .bytes([1, 2, 3]), .bytes([4, 5, 6]),
            .enumeration(1), .array([.null, .long(.min), .long(.max), .long(-1)]),
            .map([AvroEntry(key: "k", value: .string(""))]), number % 2 == 0 ? .null : .record([.int(.min)]),
        ])
    }

    private func encode(_ values: [AvroValue], _ schemaText: String, _ codec: AvroFile.Codec = .none) throws -> [UInt8]
    {
        let schema = try AvroSchema(json: try JSON(parsing: Array(schemaText.utf8)))
        return try AvroFile.encode(
            values, schema: schema, schemaText: Array(schemaText.utf8), metadata: [("who", Array("me".utf8))],
            codec: codec)
    }

    /// A file with a schema and one block given as they are.
    private func raw(schema: String, count: Int64, block: [UInt8], codec: String = "null") -> [UInt8] {
        var file = AvroEncoder()
        file.append([0x4F, 0x62, 0x6A, 1])
        file.write(2)
        for (key, text) in [("avro.schema", schema), ("avro.codec", codec)] {
            file.write(key)
            file.write(text)
        }
        file.write(0)
        let marker = [UInt8](repeating: 9, count: 16)
        file.append(marker)
        file.write(count)
        file.write(Int64(block.count))
        file.append(block + marker)
        return file.bytes
    }

    @Test("Values of every type come back, compressed or not", arguments: [AvroFile.Codec.none, .deflate])
    func roundtrip(_ codec: AvroFile.Codec) throws {
        let values = [0, 1, -1, 63, 64, -65, .max, .min, 1 << 35].map(Self.value)
        let bytes = try encode(values, Self.everything, codec)
        let file = try AvroFile(parsing: bytes)
        #expect(file.values == values)
        #expect(file.metadata == ["who": Array("me".utf8)])
        #expect(file.schema.fields?[2].fieldID == 7)
        #expect(try AvroFile(parsing: try encode([], Self.everything, codec)).values == [])
    }

    @Test("Integers have the variable-length zig-zag form of the specification")
    func integers() throws {
        for (number, bytes) in [(0, [0]), (-1, [1]), (1, [2]), (-64, [127]), (64, [128, 1])] as [(Int64, [UInt8])] {
            var encoder = AvroEncoder()
            encoder.write(number)
            #expect(encoder.bytes == bytes)
        }
    }

    @Test("A file cut short at any byte gives an error")
    func truncation() throws {
        let bytes = try encode([Self.value(1), Self.value(2)], Self.everything)
        // A file that ends after its header is a whole file without values.
        let header = try encode([], Self.everything).count
        for count in 0..<bytes.count where count != header {
            #expect(kind { _ = try AvroFile(parsing: Array(bytes[..<count])) } == .malformed, "\(count)")
        }
    }

    @Test(
        "Lengths, counts and shapes that an enemy would write are refused",
        arguments: [
            // A string longer than the file, a negative length, a huge array of nothing, an int beyond 32 bits.
            ("\"string\"", 1, [0xFE, 0xFF, 0xFF, 0xFF, 0x0F]), ("\"bytes\"", 1, [1]),
            ("{\"type\":\"array\",\"items\":\"null\"}", 1, [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0]),
            (
                "{\"type\":\"array\",\"items\":\"null\"}", 1,
                [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0]
            ),
            ("\"int\"", 1, [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]),
            // An integer beyond 64 bits, a union branch and an enum symbol that do not exist, a boolean of 2.
            ("\"long\"", 1, [UInt8](repeating: 0xFF, count: 9) + [2]), ("[\"null\",\"int\"]", 1, [4]),
            ("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"a\"]}", 1, [2]), ("\"boolean\"", 1, [2]),
            // Not UTF-8, bytes left over, more values than bytes, a negative count, values that take no bytes.
            ("\"string\"", 1, [4, 0xC3, 0x28]), ("\"int\"", 1, [0, 0]), ("\"int\"", 3, [0, 0]), ("\"int\"", -1, []),
            ("\"null\"", Int64.max, []),
        ] as [(String, Int64, [UInt8])])
    func enemyBlocks(_ schema: String, _ count: Int64, _ block: [UInt8]) {
        #expect(kind { _ = try AvroFile(parsing: raw(schema: schema, count: count, block: block)) } == .malformed)
    }

    @Test("A small schema that stands for an enormous or endless type is refused")
    func enemySchemas() {
        var laughs = "{\"type\":\"record\",\"name\":\"a0\",\"fields\":[]}"
        for level in 1...20 {
            let fields = (0..<8).map { field in
                "{\"name\":\"f\(field)\",\"type\":" + (field == 0 ? laughs : "\"a\(level - 1)\"") + "}"
            }
            laughs = "{\"type\":\"record\",\"name\":\"a\(level)\",\"fields\":[\(fields.joined(separator: ","))]}"
        }
        let deep = (0..<40).reduce("\"int\"") { inner, _ in "{\"type\":\"array\",\"items\":\(inner)}" }
        let endless = "{\"type\":\"record\",\"name\":\"a\",\"fields\":[{\"name\":\"next\",\"type\":[\"null\",\"a\"]}]}"
        for schema in [
            laughs, deep, endless, "[]", "\"nothing\"", "{\"type\":\"fixed\",\"name\":\"f\",\"size\":-1}",
            "{\"type\":\"fixed\",\"name\":\"f\",\"size\":99999999999}", "{}", "7",
            "{\"type\":\"record\",\"name\":\"x\"}",
        ] {
            #expect(kind { _ = try AvroFile(parsing: raw(schema: schema, count: 0, block: [])) } == .malformed)
        }
    }

    @Test("A compressed block that is damaged, or that no other codec of ours reads, is refused by name")
    func compression() {
        let schema = "\"int\""
        for block in [[], [0xFF, 0xFF], [0x03]] as [[UInt8]] {
            let file = raw(schema: schema, count: 1, block: block, codec: "deflate")
            #expect(kind { _ = try AvroFile(parsing: file) } == .malformed)
        }
        let other = raw(schema: schema, count: 1, block: [0], codec: "bzip2")
        #expect(kind { _ = try AvroFile(parsing: other) } == .unsupported)
    }

    @Test("A value that does not fit its schema is not written")
    func wrongShape() throws {
        #expect(kind { _ = try encode([.string("x")], "\"int\"") } == .badRequest)
        #expect(kind { _ = try encode([.long(1)], "[\"null\",\"string\"]") } == .badRequest)
        #expect(kind { _ = try encode([.bytes([1])], "{\"type\":\"fixed\",\"name\":\"f\",\"size\":2}") } == .badRequest)
    }
}
