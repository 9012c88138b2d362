/// Small files whose footers ask for more depth, memory or time than anybody should give them. Every run begins with
/// them: each must be refused, and at once.
enum ParquetBombs {
    struct Bomb {
        let name: String
        let bytes: [UInt8]
    }

    static let all: [Bomb] = footers.map { Bomb(name: $0.name, bytes: ParquetParts(footer: $0.footer).file) } + lengths

    // Field headers of Thrift's compact protocol: the step to the field's number, then its type.
    private static let int32: UInt8 = 5
    private static let int64: UInt8 = 6
    private static let binary: UInt8 = 8
    private static let list: UInt8 = 9
    private static let map: UInt8 = 11
    private static let structure: UInt8 = 12

    private static func field(_ step: UInt8, _ kind: UInt8) -> UInt8 { step << 4 | kind }

    private static func number(_ value: UInt64) -> [UInt8] {
        var (bytes, rest): ([UInt8], UInt64) = ([], value)
        while rest > 0x7F {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    private static func zigzag(_ value: Int64) -> [UInt8] { number(UInt64(bitPattern: value << 1 ^ value >> 63)) }

    private static func listHeader(_ count: UInt64, of kind: UInt8) -> [UInt8] {
        count < 15 ? [UInt8(count) << 4 | kind] : [0xF0 | kind] + number(count)
    }

    /// One node of a schema: a leaf of 32 bits, or a group of so many.
    private static func node(_ name: String, children: Int64? = nil) -> [UInt8] {
        let text = [field(children == nil ? 3 : 4, binary)] + number(UInt64(name.utf8.count)) + Array(name.utf8)
        let type = children == nil ? [field(1, int32)] + zigzag(1) : []
        return type + text + (children.map { [field(1, int32)] + zigzag($0) } ?? []) + [0]
    }

    /// A footer of one version, these nodes and so many rows.
    private static func footer(_ nodes: [[UInt8]], count: UInt64? = nil, rows: Int64 = 0) -> [UInt8] {
        [field(1, int32)] + zigzag(1) + [field(1, list)] + listHeader(count ?? UInt64(nodes.count), of: structure)
            + nodes.flatMap { $0 } + [field(1, int64)] + zigzag(rows) + [field(1, list)] + listHeader(0, of: structure)
            + [0]
    }

    private static let footers: [(name: String, footer: [UInt8])] = {
        let leaf = node("x")
        let root = node("root", children: 1)
        let deep = 200_000
        func before(_ unknown: [UInt8]) -> [UInt8] { unknown + footer([root, leaf]) }
        return [
            ("groups in groups", footer([root] + Array(repeating: node("g", children: 1), count: deep) + [leaf])),
            ("more children than nodes", footer([node("root", children: 100_000), leaf])),
            ("a negative number of children", footer([node("root", children: -1), leaf])),
            ("two billion children", footer([node("root", children: Int64(Int32.max)), leaf])),
            ("nodes that nobody has", footer([root, leaf, leaf])),
            ("no nodes", footer([])),
            ("a leaf as the root", footer([leaf])),
            ("a million nodes in a few bytes", footer([root, leaf], count: 1_000_000)),
            ("2^62 nodes", footer([root, leaf], count: 1 << 62)),
            ("negative rows", footer([root, leaf], rows: -1)),
            ("structs in structs", before(Array(repeating: field(10, structure), count: deep))),
            ("lists in lists", before([field(10, list)] + Array(repeating: 0x19, count: deep))),
            ("a list of 2^62 booleans", before([field(10, list)] + listHeader(1 << 62, of: 1))),
            ("a map of 2^62 entries", before([field(10, map)] + number(1 << 62) + [0x55])),
            ("a text of 2^63 bytes", before([field(10, binary)] + number(1 << 63))),
            ("a number without an end", before([field(10, int64)] + Array(repeating: 0xFF, count: 40))),
            ("a type that does not exist", before([field(10, 15)])),
            (
                "a name that is not UTF-8",
                footer([root, [field(1, int32)] + zigzag(1) + [field(3, binary), 2, 0xC0, 0x80, 0]])
            ),
        ]
    }()

    /// Files whose last bytes claim a footer that is not there.
    private static let lengths: [Bomb] = [0, 1, 5, 0x7FFF_FFFF, 0xFFFF_FFFF].map { (length: UInt32) in
        let claim = (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
        return Bomb(
            name: "a footer of \(length) bytes", bytes: ParquetParts.magic + claim + ParquetParts.magic)
    }
}
