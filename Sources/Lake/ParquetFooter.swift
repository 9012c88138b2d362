import Iceberg
package import Storage

/// What a Parquet file says of itself, as far as deciding how to read it takes: its columns with their field ids, and
/// how many rows it has.
package struct ParquetFooter: Sendable {
    /// Rows in the file.
    package let rowCount: Int64
    /// Its columns, in order.
    package let columns: [FileColumn]
}

/// A column of a Parquet file, or a part of one. Lists and maps are what they mean, without the groups that spell them.
package struct FileColumn: Sendable, Hashable {
    /// What it is made of.
    package indirect enum Shape: Sendable, Hashable {
        /// Values.
        case primitive(PhysicalType)
        /// Named parts.
        case structure([FileColumn])
        /// Elements.
        case list(FileColumn)
        /// Keys and values.
        case map(key: FileColumn, value: FileColumn)
    }

    /// Its name in the file.
    package var name: String
    /// The table's id of the field, where the writer put it in.
    package var fieldID: Int?
    /// What it is made of.
    package var shape: Shape

    /// How values lie in the file.
    package enum PhysicalType: Int, Sendable, Hashable {
        case boolean = 0
        case int32, int64, int96, float, double, bytes, fixedBytes

        /// Whether values of the type may be written so, after the specification and its promotions.
        func holds(_ type: IcebergType) -> Bool {
            switch type {
            case .boolean: self == .boolean
            case .int, .date: self == .int32
            case .long: self == .int64 || self == .int32
            case .float: self == .float
            case .double: self == .double || self == .float
            case .decimal: [.int32, .int64, .bytes, .fixedBytes].contains(self)
            case .time: self == .int64 || self == .int32
            // Imported files of older writers have 96 bits.
            case .timestamp, .timestamptz: self == .int64 || self == .int96
            case .string: self == .bytes
            case .binary, .uuid, .fixed: self == .bytes || self == .fixedBytes
            case .struct, .list, .map: false
            }
        }
    }

    /// Whether it, or a part of it, has a field id.
    package var hasFieldIDs: Bool {
        if fieldID != nil { return true }
        switch shape {
        case .primitive: return false
        case .structure(let parts): return parts.contains(where: \.hasFieldIDs)
        case .list(let element): return element.hasFieldIDs
        case .map(let key, let value): return key.hasFieldIDs || value.hasFieldIDs
        }
    }
}

extension ParquetFooter {
    /// Largest footer that is read, in bytes.
    static let bytesMax: Int64 = 64 << 20
    /// Most columns and parts of columns.
    static let elementsMax = 100_000
    /// How much of a file's end is read at first: the whole footer of most small files.
    private static let tailBytes: Int64 = 16 << 10
    private static let magic = Array("PAR1".utf8)

    /// Reads the footer of a file.
    /// - Parameter size: of the file, in bytes.
    /// - Throws: ``LakeTableError`` that names the file when it is no whole Parquet file, `StorageError` when it cannot be
    ///   read.
    package init(of location: String, size: Int64, from storage: any ObjectStorage) throws {
        func failure(_ reason: String) -> LakeTableError {
            LakeTableError("\(location) \(reason): restore it from a copy, or read the table as it was before (--at)")
        }
        guard size >= 12 else { throw failure("is no Parquet file: it has \(size) bytes") }
        let tail = try storage.read(location, range: max(0, size - Self.tailBytes)..<size)
        guard tail.suffix(4) == Self.magic[...] else {
            throw failure("does not end as a Parquet file does (it was cut short, damaged or encrypted)")
        }
        let length = tail.dropLast(4).suffix(4).reversed().reduce(0) { $0 << 8 | Int64($1) }
        guard length > 0, length <= size - 12, length <= Self.bytesMax else {
            throw failure("has a damaged footer: it claims \(length) bytes")
        }
        let footer =
            length + 8 <= Int64(tail.count)
            ? Array(tail[(tail.count - 8 - Int(length))..<(tail.count - 8)])
            : try storage.read(location, range: (size - 8 - length)..<(size - 8))
        do {
            try self.init(parsing: footer)
        } catch is ThriftCompact.Failure {
            throw failure("has a damaged footer")
        }
    }

    /// Reads a footer: Parquet's `FileMetaData`.
    init(parsing bytes: [UInt8]) throws {
        var reader = ThriftCompact(bytes)
        var elements: [Element]?
        var rows: Int?
        try reader.fields(depth: 0) { reader, id, kind in
            switch (id, kind) {
            case (2, .list): elements = try Self.elements(&reader)
            case (3, .int64): rows = try reader.integer(64)
            default: try reader.skip(kind, depth: 1)
            }
            // The row groups, which take most of the footer, come after both.
            return elements == nil || rows == nil
        }
        guard let elements, let rows, rows >= 0, let root = elements.first, let children = root.childCount else {
            throw ThriftCompact.Failure.malformed
        }
        var next = 1
        columns = try (0..<children).map { _ in try Self.column(elements, &next, depth: 1) }
        guard next == elements.count else { throw ThriftCompact.Failure.malformed }
        rowCount = Int64(rows)
    }

    /// A node of the schema as it is written: all nodes in one list, parents first.
    private struct Element {
        var name = ""
        var physicalType: FileColumn.PhysicalType?
        var childCount: Int?
        var fieldID: Int?
        var isRepeated = false
        var isList = false
        var isMap = false
    }

    private static func elements(_ reader: inout ThriftCompact) throws -> [Element] {
        let (kind, count) = try reader.listHeader()
        guard kind == .structure, count <= elementsMax else { throw ThriftCompact.Failure.malformed }
        return try (0..<count).map { _ in
            var element = Element()
            try reader.fields(depth: 1) { reader, id, kind in
                switch (id, kind) {
                case (1, .int32): element.physicalType = .init(rawValue: try reader.integer(32))
                case (3, .int32): element.isRepeated = try reader.integer(32) == 2
                case (4, .binary): element.name = try reader.string()
                case (5, .int32):
                    let count = try reader.integer(32)
                    guard (0...elementsMax).contains(count) else { throw ThriftCompact.Failure.malformed }
                    // Some writers say that a leaf has none.
                    element.childCount = count == 0 ? nil : count
                case (6, .int32):
                    let converted = try reader.integer(32)
                    if converted == 1 || converted == 2 { element.isMap = true }
                    if converted == 3 { element.isList = true }
                case (9, .int32): element.fieldID = try reader.integer(32)
                case (10, .structure):
                    // A union: the field that is set says which logical type it is.
                    try reader.fields(depth: 2) { reader, id, kind in
                        if id == 2 { element.isMap = true }
                        if id == 3 { element.isList = true }
                        try reader.skip(kind, depth: 3)
                        return true
                    }
                default: try reader.skip(kind, depth: 2)
                }
                return true
            }
            return element
        }
    }

    private static func column(_ elements: [Element], _ next: inout Int, depth: Int) throws -> FileColumn {
        guard next < elements.count, depth < ThriftCompact.depthMax else { throw ThriftCompact.Failure.malformed }
        let element = elements[next]
        next += 1
        var parts: [FileColumn] = []
        let first = next
        for _ in 0..<(element.childCount ?? 0) { parts.append(try column(elements, &next, depth: depth + 1)) }
        var column = FileColumn(name: element.name, fieldID: element.fieldID, shape: .structure(parts))
        if element.childCount == nil {
            guard let type = element.physicalType else { throw ThriftCompact.Failure.malformed }
            column.shape = .primitive(type)
        } else if element.isList, parts.count == 1, elements[first].isRepeated {
            column.shape = .list(listElement(parts[0], of: element, isGroup: elements[first].childCount != nil))
        } else if element.isMap, parts.count == 1, case .structure(let pair) = parts[0].shape, pair.count == 2 {
            column.shape = .map(key: pair[0], value: pair[1])
        }
        // A field that repeats outside of a list's own spelling is a list of what it is, without nulls.
        if element.isRepeated, depth == 1 { column.shape = .list(column) }
        return column
    }

    /// The element of a list, after Parquet's rules for lists of older writers: the repeated group is the element itself
    /// when it has several parts, or the name `array` or `…_tuple`; else its only part is.
    private static func listElement(_ repeated: FileColumn, of list: Element, isGroup: Bool) -> FileColumn {
        guard isGroup, case .structure(let parts) = repeated.shape, parts.count == 1, repeated.name != "array",
            repeated.name != list.name + "_tuple"
        else { return repeated }
        return parts[0]
    }
}
