/// Writes Thrift structures in the compact protocol, which is how Parquet describes its pages and files.
struct ThriftWriter {
    private(set) var bytes: [UInt8] = []
    private var lastField: [Int] = [0]

    /// The protocol's numbers for types.
    private enum Kind: UInt8 {
        case yes = 1
        case no = 2
        case int32 = 5
        case int64 = 6
        case binary = 8
        case list = 9
        case structure = 12
    }

    /// A structure: `body` writes its fields, in the order of their numbers.
    mutating func structure(_ body: (inout ThriftWriter) -> Void) {
        lastField.append(0)
        body(&self)
        lastField.removeLast()
        bytes.append(0)
    }

    mutating func field(_ number: Int, _ body: (inout ThriftWriter) -> Void) {
        begin(number, .structure)
        structure(body)
    }

    mutating func field(_ number: Int, int32 value: Int) {
        begin(number, .int32)
        varint(Self.zigzag(Int64(value)))
    }

    mutating func field(_ number: Int, int64 value: Int) {
        begin(number, .int64)
        varint(Self.zigzag(Int64(value)))
    }

    mutating func field(_ number: Int, bool value: Bool) { begin(number, value ? .yes : .no) }

    mutating func field(_ number: Int, binary value: some Collection<UInt8>) {
        begin(number, .binary)
        binary(value)
    }

    mutating func field(_ number: Int, text: String) { field(number, binary: text.utf8) }

    mutating func field<Element>(
        _ number: Int, structures elements: [Element], _ body: (inout ThriftWriter, Element) -> Void
    ) {
        begin(number, .list)
        list(of: .structure, elements.count)
        for element in elements { structure { body(&$0, element) } }
    }

    mutating func field(_ number: Int, texts: [String]) {
        begin(number, .list)
        list(of: .binary, texts.count)
        for text in texts { binary(text.utf8) }
    }

    mutating func field(_ number: Int, int32s values: [Int]) {
        begin(number, .list)
        list(of: .int32, values.count)
        for value in values { varint(Self.zigzag(Int64(value))) }
    }

    private mutating func begin(_ number: Int, _ kind: Kind) {
        let delta = number - lastField[lastField.count - 1]
        precondition((1...15).contains(delta), "fields of a structure come in order")
        bytes.append(UInt8(delta) << 4 | kind.rawValue)
        lastField[lastField.count - 1] = number
    }

    private mutating func list(of kind: Kind, _ count: Int) {
        if count < 15 {
            bytes.append(UInt8(count) << 4 | kind.rawValue)
        } else {
            bytes.append(0xf0 | kind.rawValue)
            varint(UInt64(count))
        }
    }

    private mutating func binary(_ value: some Collection<UInt8>) {
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value << 1 ^ value >> 63) }
}
