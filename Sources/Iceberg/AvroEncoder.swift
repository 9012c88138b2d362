/// Writes Avro's binary encoding.
package struct AvroEncoder {
    /// What was written so far.
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Writes a value in the given shape.
    /// - Throws: ``IcebergError`` `.badRequest` when the value has another shape.
    package mutating func write(_ value: AvroValue, as schema: AvroSchema) throws {
        switch (schema, value) {
        case (.null, .null): break
        case (.boolean, .boolean(let boolean)): bytes.append(boolean ? 1 : 0)
        case (.int, .int(let number)): write(Int64(number))
        case (.long, .long(let number)): write(number)
        case (.long, .int(let number)): write(Int64(number))
        case (.float, .float(let number)): bytes.append(contentsOf: SingleValue.littleEndian(number.bitPattern))
        case (.double, .double(let number)): bytes.append(contentsOf: SingleValue.littleEndian(number.bitPattern))
        case (.bytes, .bytes(let content)):
            write(Int64(content.count))
            bytes.append(contentsOf: content)
        case (.fixed(let size), .bytes(let content)) where content.count == size: bytes.append(contentsOf: content)
        case (.string, .string(let text)): write(text)
        case (.enumeration(let count), .enumeration(let index)) where (0..<count).contains(index): write(Int64(index))
        case (.array(let items), .array(let elements)):
            if !elements.isEmpty { write(Int64(elements.count)) }
            for element in elements { try write(element, as: items) }
            bytes.append(0)
        case (.map(let values), .map(let entries)):
            if !entries.isEmpty { write(Int64(entries.count)) }
            for entry in entries {
                write(entry.key)
                try write(entry.value, as: values)
            }
            bytes.append(0)
        case (.record(let fields), .record(let values)) where fields.count == values.count:
            for (field, value) in zip(fields, values) { try write(value, as: field.schema) }
        case (.union(let branches), _):
            // An int may be written as a long, but not where the union has ints of its own.
            let exact = branches.firstIndex { $0.holds(value, exactly: true) }
            guard let index = exact ?? branches.firstIndex(where: { $0.holds(value, exactly: false) }) else {
                fallthrough
            }
            write(Int64(index))
            try write(value, as: branches[index])
        default: throw IcebergError(.badRequest, "an Avro value does not have the shape its schema asks for")
        }
    }

    /// A variable-length, zig-zag coded integer.
    package mutating func write(_ number: Int64) {
        var coded = UInt64(bitPattern: number << 1 ^ number >> 63)
        while coded >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: coded) | 0x80)
            coded >>= 7
        }
        bytes.append(UInt8(coded))
    }

    /// A string with its length.
    package mutating func write(_ text: String) {
        write(Int64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    /// Bytes as they are.
    package mutating func append(_ content: [UInt8]) {
        bytes.append(contentsOf: content)
    }
}

extension AvroSchema {
    /// Whether the value belongs to this branch of a union.
    fileprivate func holds(_ value: AvroValue, exactly: Bool) -> Bool {
        switch (self, value) {
        case (.long, .int): !exactly
        case (.null, .null), (.boolean, .boolean), (.int, .int), (.long, .long), (.float, .float),
            (.double, .double), (.bytes, .bytes), (.string, .string), (.enumeration, .enumeration), (.array, .array),
            (.map, .map), (.record, .record):
            true
        case (.fixed(let size), .bytes(let bytes)): bytes.count == size
        default: false
        }
    }
}
