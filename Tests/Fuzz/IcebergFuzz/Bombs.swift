import Iceberg

/// Small files that ask for more depth, memory or time than anybody should give them. Every run begins with them: each
/// must be refused, and at once.
enum Bombs {
    struct Bomb {
        let name: String
        let format: IcebergFormat
        let bytes: [UInt8]
    }

    /// Levels and counts that no reader goes along with.
    private static let deep = 200_000
    private static let many: Int64 = 1 << 40

    /// All of them, around files that are right otherwise.
    static func all(metadata: [UInt8], manifest: AvroParts) -> [Bomb] {
        nested(metadata) + counted(manifest) + compressed(manifest) + changed(manifest)
    }

    // MARK: Depth

    private static func nested(_ metadata: [UInt8]) -> [Bomb] {
        let text = String(decoding: metadata, as: UTF8.self)
        func repeated(_ text: String) -> String { String(repeating: text, count: deep) }
        let list = #"{"type":"list","element-id":1,"element-required":false,"element":"#
        let array = #"{"type":"array","items":"#
        let struct_ = #"{"type":"struct","fields":[{"id":1,"name":"x","required":false,"type":"#
        let deepSchema = #"{"type":"struct","schema-id":0,"fields":[{"id":1,"name":"x","required":false,"type":"#
        func withSchema(_ type: String) -> [UInt8] {
            let schemas = text.firstRange(of: #""schemas":["#)?.upperBound ?? text.startIndex
            return Array((text[..<schemas] + deepSchema + type + "}]}," + text[schemas...]).utf8)
        }
        var doubling = #"{"type":"record","name":"r0","fields":[{"name":"n","type":"null"}]}"#
        for level in 1...60 {
            doubling =
                #"{"type":"record","name":"r\#(level)","fields":[{"name":"a","type":\#(doubling)},"#
                + #"{"name":"b","type":"r\#(level - 1)"}]}"#
        }
        // The same without nesting: each is a field of its own, made of the one before.
        let rows = (1...60).map { level in
            #"{"name":"f\#(level)","type":{"type":"record","name":"r\#(level)","fields":[{"name":"a","type":"r\#(level - 1)"},"#
                + #"{"name":"b","type":"r\#(level - 1)"}]}}"#
        }
        let side =
            #"{"type":"record","name":"all","fields":[{"name":"f0","type":{"type":"record","name":"r0","fields":"#
            + #"[{"name":"n","type":"null"}]}},"# + rows.joined(separator: ",") + "]}"
        func few(_ text: String) -> String { String(repeating: text, count: 40) }
        return [
            Bomb(
                name: "lists in lists", format: .metadata, bytes: withSchema(repeated(list) + "\"int\"" + repeated("}"))
            ),
            Bomb(
                name: "structs in structs", format: .metadata,
                bytes: withSchema(repeated(struct_) + "\"int\"" + repeated("}]}"))),
            Bomb(
                name: "brackets", format: .metadata,
                bytes: Array(text.dropLast().utf8) + Array(",\"x\":\(repeated("["))\(repeated("]"))}".utf8)),
            Bomb(name: "brackets without an end", format: .metadata, bytes: Array(repeated("[{\"a\":").utf8)),
            Bomb(
                name: "a long number", format: .metadata,
                bytes: Array(text.dropLast().utf8) + Array(",\"x\":\(repeated("9"))}".utf8)),
            Bomb(
                name: "mappings in mappings", format: .nameMapping,
                bytes: Array((repeated(#"[{"names":["a"],"fields":"#) + "[]" + repeated("}]")).utf8)),
            file("arrays in arrays", schema: repeated(array) + "\"null\"" + repeated("}"), content: [], count: 0),
            file("unions in unions", schema: repeated("[") + "\"null\"" + repeated("]"), content: [], count: 0),
            // Within what JSON may be nested.
            file(
                "forty arrays in arrays", schema: few(array) + "\"null\"" + few("}"), content: [], count: 0),
            // 60 records of two each: more types than there are atoms in a person.
            file("records that double", schema: doubling, content: [], count: 1),
            file("records that double side by side", schema: side, content: [], count: 0),
            file(
                "a record of itself", schema: #"{"type":"record","name":"r","fields":[{"name":"r","type":"r"}]}"#,
                content: [], count: 1),
        ]
    }

    // MARK: Counts

    private static func counted(_ manifest: AvroParts) -> [Bomb] {
        func record(_ type: String) -> String {
            #"{"type":"record","name":"r","fields":[{"name":"x","type":\#(type)}]}"#
        }
        func long(_ number: Int64) -> [UInt8] {
            var encoder = AvroEncoder()
            encoder.write(number)
            return encoder.bytes
        }
        var bombs: [Bomb] = []
        for count in [many, .max, -many, .min] {
            let nulls = long(count) + (count < 0 ? long(0) : []) + [0]
            bombs += [
                file("\(count) nulls", schema: record(#"{"type":"array","items":"null"}"#), content: nulls, count: 1),
                file(
                    "\(count) records of nothing",
                    schema: record(#"{"type":"array","items":{"type":"record","name":"e","fields":[]}}"#),
                    content: nulls, count: 1),
                file("\(count) entries", schema: record(#"{"type":"map","values":"null"}"#), content: nulls, count: 1),
                file("a text of \(count) bytes", schema: record("\"string\""), content: long(count), count: 1),
                file("\(count) bytes", schema: record("\"bytes\""), content: long(count) + [1, 2], count: 1),
                file("union branch \(count)", schema: record(#"["null","int"]"#), content: long(count), count: 1),
                file(
                    "symbol \(count)", schema: record(#"{"type":"enum","name":"e","symbols":["a"]}"#),
                    content: long(count), count: 1),
                file(
                    "\(count) values without bytes", schema: #"{"type":"record","name":"r","fields":[]}"#,
                    content: [], count: count),
            ]
        }
        // More than 64 bits, in as many bytes as 64 bits take and in more.
        for bytes in [[UInt8](repeating: 0xFF, count: 9) + [2], [UInt8](repeating: 0x80, count: 10) + [1]] {
            bombs.append(
                file("an integer of \(bytes.count) bytes", schema: record("\"long\""), content: bytes, count: 1))
        }
        // Many blocks, each within what is left.
        let blocks = Array(repeatElement(long(4_000), count: 20_000).joined()) + [0]
        bombs.append(
            file("blocks of nulls", schema: record(#"{"type":"array","items":"null"}"#), content: blocks, count: 1))
        bombs.append(
            file(
                "a large fixed", schema: record(#"{"type":"fixed","name":"f","size":1099511627776}"#), content: [],
                count: 1))
        var parts = manifest
        parts.count = many
        bombs.append(Bomb(name: "a manifest of \(many) entries", format: .manifest, bytes: parts.file("null")))
        parts.count = -1
        bombs.append(Bomb(name: "a manifest of -1 entries", format: .manifest, bytes: parts.file("null")))
        return bombs
    }

    // MARK: Compression

    private static func compressed(_ manifest: AvroParts) -> [Bomb] {
        // Each claims 2^32 - 1 or 2^62 bytes and has next to none.
        let snappy: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0, 0x41, 0, 0, 0, 0]
        let zstandard: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0]
        // A copy of what is not there yet.
        let early: [UInt8] = [0x08, 3 << 2 | 2, 0xFF, 0xFF, 0, 0, 0, 0]
        return [
            Bomb(name: "snappy of 4 GiB", format: .manifest, bytes: manifest.file("snappy", storing: snappy)),
            Bomb(
                name: "snappy from before its beginning", format: .manifest,
                bytes: manifest.file("snappy", storing: early)),
            Bomb(name: "zstandard of 4 EiB", format: .manifest, bytes: manifest.file("zstandard", storing: zstandard)),
            Bomb(name: "deflate without an end", format: .manifest, bytes: manifest.file("deflate", storing: [0xED])),
        ]
    }

    // MARK: What nobody would notice by its shape

    private static func changed(_ manifest: AvroParts) -> [Bomb] {
        func flipped(_ bytes: [UInt8]) -> [UInt8] { bytes.dropLast() + [bytes[bytes.count - 1] ^ 1] }
        let snappy = Compression.snappy(manifest.content)
        // Two literal bytes, which say that they are three.
        let short = [3] + Compression.snappy([1, 2]).dropFirst()
        let vector = try? manifest.with(manifest.values?.all.map { $0.with("PUFFIN", insteadOf: "PARQUET") } ?? [])
        return [
            Bomb(name: "a block with another marker", format: .manifest, bytes: flipped(manifest.file("null"))),
            Bomb(
                name: "snappy with another checksum", format: .manifest,
                bytes: manifest.file("snappy", storing: flipped(snappy))),
            file(
                "snappy of another length", codec: "snappy",
                schema: #"{"type":"record","name":"r","fields":[{"name":"x","type":"int"}]}"#,
                storing: short),
            Bomb(name: "a deletion vector", format: .manifest, bytes: vector?.file("null") ?? manifest.file("null")),
        ]
    }

    /// A file of two values whose block is stored as these bytes.
    private static func file(_ name: String, codec: String, schema: String, storing stored: [UInt8]) -> Bomb {
        let parts = AvroParts(schema: Array(schema.utf8), metadata: [], count: 2, content: [])
        return Bomb(name: name, format: .avro, bytes: parts.file(codec, storing: stored))
    }

    private static func file(_ name: String, schema: String, content: [UInt8], count: Int64) -> Bomb {
        Bomb(
            name: name, format: .avro,
            bytes: AvroParts(schema: Array(schema.utf8), metadata: [], count: count, content: content).file("null"))
    }
}

extension AvroValue {
    /// The same with another text in the place of every one that is `text`.
    fileprivate func with(_ other: String, insteadOf text: String) -> AvroValue {
        switch self {
        case .string(text): .string(other)
        case .record(let values): .record(values.map { $0.with(other, insteadOf: text) })
        default: self
        }
    }
}
