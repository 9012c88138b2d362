import Iceberg

/// The columns of an Iceberg schema as a Parquet file has them: a tree of elements, whose leaves hold the values.
struct ParquetSchema {
    /// A column of values.
    struct Leaf {
        /// Its names, from the root.
        let path: [String]
        /// Its id in the table.
        let fieldID: Int
        let type: IcebergType
        /// How deep a value is defined: the optional and repeated fields above it and itself.
        let definitionMax: UInt8
        /// How many repeated fields it lies in.
        let repetitionMax: UInt8

        /// How its values are kept.
        var physical: Physical {
            switch type {
            case .boolean: .boolean
            case .int, .date: .int32
            case .float: .float
            case .double: .double
            case .decimal(let precision, _): precision <= 9 ? .int32 : precision <= 18 ? .int64 : .fixed(16)
            case .uuid: .fixed(16)
            case .fixed(let count): .fixed(count)
            case .string, .binary: .bytes
            default: .int64
            }
        }
    }

    /// How values are kept.
    enum Physical: Equatable {
        case boolean, int32, int64, float, double, bytes
        case fixed(Int)

        /// Parquet's number for the type.
        var number: Int {
            switch self {
            case .boolean: 0
            case .int32: 1
            case .int64: 2
            case .float: 4
            case .double: 5
            case .bytes: 6
            case .fixed: 7
            }
        }
    }

    /// One node of the tree, in the order of a file's footer.
    private struct Element {
        var name: String
        var repetition: Int?
        var children: Int?
        var fieldID: Int?
        var leaf: Leaf?
        var isList = false
    }

    private(set) var leaves: [Leaf] = []
    private var elements: [Element] = []

    /// - Throws: `LakeTableError` for types that are not written: maps.
    init(_ fields: [NestedField]) throws {
        elements.append(Element(name: "table", children: fields.count))
        for field in fields { try add(field, under: [], definition: 0, repetition: 0) }
    }

    private mutating func add(
        _ field: NestedField, under path: [String], definition: UInt8, repetition: UInt8
    ) throws {
        let path = path + [field.name]
        let definition = definition + (field.required ? 0 : 1)
        let optional = field.required ? 0 : 1
        switch field.type {
        case .struct(let type):
            elements.append(
                Element(name: field.name, repetition: optional, children: type.fields.count, fieldID: field.id))
            for inner in type.fields { try add(inner, under: path, definition: definition, repetition: repetition) }
        case .list(let type):
            elements.append(
                Element(name: field.name, repetition: optional, children: 1, fieldID: field.id, isList: true))
            elements.append(Element(name: "list", repetition: 2, children: 1))
            let element = NestedField(
                id: type.elementID, name: "element", required: type.elementRequired, type: type.element)
            try add(element, under: path + ["list"], definition: definition + 1, repetition: repetition + 1)
        case .map: throw LakeTableError("the column \(path.joined(separator: ".")) is a map, which is not written")
        default:
            let leaf = Leaf(
                path: path, fieldID: field.id, type: field.type, definitionMax: definition, repetitionMax: repetition)
            leaves.append(leaf)
            elements.append(Element(name: field.name, repetition: optional, fieldID: field.id, leaf: leaf))
        }
    }

    /// Writes the list of elements as field 2 of a file's footer.
    func write(to thrift: inout ThriftWriter) {
        thrift.field(2, structures: elements) { thrift, element in
            if let leaf = element.leaf {
                thrift.field(1, int32: leaf.physical.number)
                if case .fixed(let count) = leaf.physical { thrift.field(2, int32: count) }
            }
            if let repetition = element.repetition { thrift.field(3, int32: repetition) }
            thrift.field(4, text: element.name)
            if let children = element.children { thrift.field(5, int32: children) }
            if element.isList { thrift.field(6, int32: 3) }
            if let leaf = element.leaf { Self.writeConvertedType(leaf.type, &thrift) }
            if let id = element.fieldID { thrift.field(9, int32: id) }
            if element.isList {
                thrift.field(10) { $0.field(3) { _ in } }
            } else if let leaf = element.leaf {
                Self.writeLogicalType(leaf.type, &thrift)
            }
        }
    }

    /// Fields 6 to 8: what older readers know a type by.
    private static func writeConvertedType(_ type: IcebergType, _ thrift: inout ThriftWriter) {
        switch type {
        case .string: thrift.field(6, int32: 0)
        case .decimal(let precision, let scale):
            thrift.field(6, int32: 5)
            thrift.field(7, int32: scale)
            thrift.field(8, int32: precision)
        case .date: thrift.field(6, int32: 6)
        case .time: thrift.field(6, int32: 8)
        case .timestamptz: thrift.field(6, int32: 10)
        default: break
        }
    }

    /// Field 10.
    private static func writeLogicalType(_ type: IcebergType, _ thrift: inout ThriftWriter) {
        func microseconds(_ thrift: inout ThriftWriter, utc: Bool) {
            thrift.field(1, bool: utc)
            thrift.field(2) { $0.field(2) { _ in } }
        }
        switch type {
        case .string: thrift.field(10) { $0.field(1) { _ in } }
        case .decimal(let precision, let scale):
            thrift.field(10) {
                $0.field(5) {
                    $0.field(1, int32: scale)
                    $0.field(2, int32: precision)
                }
            }
        case .date: thrift.field(10) { $0.field(6) { _ in } }
        case .time: thrift.field(10) { $0.field(7) { microseconds(&$0, utc: false) } }
        case .timestamp: thrift.field(10) { $0.field(8) { microseconds(&$0, utc: false) } }
        case .timestamptz: thrift.field(10) { $0.field(8) { microseconds(&$0, utc: true) } }
        case .uuid: thrift.field(10) { $0.field(14) { _ in } }
        default: break
        }
    }
}
