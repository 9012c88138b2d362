/// The Avro schemas of manifests and manifest lists, with the field ids the specification gives them.
package struct ManifestSchema: Sendable {
    /// As it goes into a file's header.
    package let text: [UInt8]
    /// The shape to encode by.
    package let avro: AvroSchema

    private init(_ build: (inout JSONWriter) throws -> Void) throws {
        var writer = JSONWriter()
        try build(&writer)
        text = writer.bytes
        avro = try AvroSchema(json: try JSON(parsing: text))
    }

    /// Entries of a manifest whose files have partition values of these types.
    package static func entries(partition: [(field: PartitionField, type: IcebergType)]) throws -> ManifestSchema {
        try ManifestSchema { writer in
            try writer.record("manifest_entry") { writer in
                writer.field(0, "status", "int")
                writer.optional(1, "snapshot_id", "long")
                writer.optional(3, "sequence_number", "long")
                writer.optional(4, "file_sequence_number", "long")
                try writer.field(2, "data_file") { writer in
                    try writer.record("r2") { writer in try writer.dataFile(partition) }
                }
            }
        }
    }

    /// Manifests of a manifest list.
    package static func manifests() throws -> ManifestSchema {
        try ManifestSchema { writer in
            writer.record("manifest_file") { writer in
                writer.field(500, "manifest_path", "string")
                writer.field(501, "manifest_length", "long")
                writer.field(502, "partition_spec_id", "int")
                writer.field(517, "content", "int")
                writer.field(515, "sequence_number", "long")
                writer.field(516, "min_sequence_number", "long")
                writer.field(503, "added_snapshot_id", "long")
                writer.field(504, "added_files_count", "int")
                writer.field(505, "existing_files_count", "int")
                writer.field(506, "deleted_files_count", "int")
                writer.field(512, "added_rows_count", "long")
                writer.field(513, "existing_rows_count", "long")
                writer.field(514, "deleted_rows_count", "long")
                writer.optional(507, "partitions") { writer in
                    writer.list(elementID: 508) { writer in
                        writer.record("r508") { writer in
                            writer.field(509, "contains_null", "boolean")
                            writer.optional(518, "contains_nan", "boolean")
                            writer.optional(510, "lower_bound", "bytes")
                            writer.optional(511, "upper_bound", "bytes")
                        }
                    }
                }
                writer.optional(519, "key_metadata", "bytes")
            }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func dataFile(_ partition: [(field: PartitionField, type: IcebergType)]) throws {
        field(134, "content", "int")
        field(100, "file_path", "string")
        field(101, "file_format", "string")
        try field(102, "partition") { writer in
            try writer.record("r102") { writer in
                for (field, type) in partition {
                    try writer.optional(field.fieldID, field.name) { writer in try writer.partitionType(type, field) }
                }
            }
        }
        field(103, "record_count", "long")
        field(104, "file_size_in_bytes", "long")
        countMap(108, "column_sizes", key: 117, value: 118, "long")
        countMap(109, "value_counts", key: 119, value: 120, "long")
        countMap(110, "null_value_counts", key: 121, value: 122, "long")
        countMap(137, "nan_value_counts", key: 138, value: 139, "long")
        countMap(125, "lower_bounds", key: 126, value: 127, "bytes")
        countMap(128, "upper_bounds", key: 129, value: 130, "bytes")
        optional(131, "key_metadata", "bytes")
        optional(132, "split_offsets") { writer in writer.list(elementID: 133) { writer in writer.value("long") } }
        optional(135, "equality_ids") { writer in writer.list(elementID: 136) { writer in writer.value("int") } }
        optional(140, "sort_order_id", "int")
        optional(143, "referenced_data_file", "string")
    }

    fileprivate mutating func record(_ name: String, _ fields: (inout JSONWriter) throws -> Void) rethrows {
        try object { writer in
            writer.member("type", "record")
            writer.member("name", name)
            writer.key("fields")
            try writer.array(fields)
        }
    }

    fileprivate mutating func list(elementID: Int, _ items: (inout JSONWriter) throws -> Void) rethrows {
        try object { writer in
            writer.member("type", "array")
            writer.member("element-id", elementID)
            writer.key("items")
            try items(&writer)
        }
    }

    fileprivate mutating func field(_ id: Int, _ name: String, _ type: String) {
        field(id, name) { writer in writer.value(type) }
    }

    fileprivate mutating func field(
        _ id: Int, _ name: String, _ type: (inout JSONWriter) throws -> Void
    ) rethrows {
        try object { writer in
            writer.member("name", name)
            writer.key("type")
            try type(&writer)
            writer.member("field-id", id)
        }
    }

    fileprivate mutating func optional(_ id: Int, _ name: String, _ type: String) {
        optional(id, name) { writer in writer.value(type) }
    }

    fileprivate mutating func optional(
        _ id: Int, _ name: String, _ type: (inout JSONWriter) throws -> Void
    ) rethrows {
        let avroName = Self.avroName(name)
        try object { writer in
            writer.member("name", avroName)
            writer.key("type")
            try writer.array { writer in
                writer.value("null")
                try type(&writer)
            }
            writer.member("default", .null)
            writer.member("field-id", id)
            if avroName != name { writer.member("iceberg-field-name", name) }
        }
    }

    /// A map with integer keys: an array of key-value records, as Avro's own maps only have string keys.
    fileprivate mutating func countMap(_ id: Int, _ name: String, key: Int, value: Int, _ type: String) {
        optional(id, name) { writer in
            writer.object { writer in
                writer.member("type", "array")
                writer.member("logicalType", "map")
                writer.key("items")
                writer.record("k\(key)_v\(value)") { writer in
                    writer.field(key, "key", "int")
                    writer.field(value, "value", type)
                }
            }
        }
    }

    fileprivate mutating func partitionType(_ type: IcebergType, _ field: PartitionField) throws {
        switch type {
        case .boolean, .int, .long, .float, .double, .string: value(type.description)
        case .binary: value("bytes")
        case .date: logical("int", "date")
        case .time: logical("long", "time-micros")
        case .timestamp: logical("long", "timestamp-micros", adjustToUTC: false)
        case .timestamptz: logical("long", "timestamp-micros", adjustToUTC: true)
        case .uuid: fixed(16, name: "uuid_fixed_\(field.fieldID)", logical: "uuid")
        case .fixed(let length): fixed(length, name: "fixed_\(field.fieldID)", logical: nil)
        case .decimal(let precision, let scale):
            object { writer in
                writer.member("type", "fixed")
                writer.member("name", "decimal_\(field.fieldID)")
                writer.member("size", IcebergType.decimalBytes(precision: precision))
                writer.member("logicalType", "decimal")
                writer.member("precision", precision)
                writer.member("scale", scale)
            }
        case .struct, .list, .map:
            throw IcebergError(.badRequest, "partition field \(field.name) is made from a nested column")
        }
    }

    private mutating func logical(_ type: String, _ logical: String, adjustToUTC: Bool? = nil) {
        object { writer in
            writer.member("type", type)
            writer.member("logicalType", logical)
            if let adjustToUTC { writer.member("adjust-to-utc", adjustToUTC) }
        }
    }

    private mutating func fixed(_ size: Int, name: String, logical: String?) {
        object { writer in
            writer.member("type", "fixed")
            writer.member("name", name)
            writer.member("size", size)
            if let logical { writer.member("logicalType", logical) }
        }
    }

    /// Avro names are letters, digits and underscores; other characters are spelled by their code, as other writers do.
    private static func avroName(_ name: String) -> String {
        var spelled = ""
        for scalar in name.unicodeScalars {
            let isLetter = ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
            let isDigit = ("0"..."9").contains(scalar)
            if isDigit, spelled.isEmpty { spelled += "_" }
            spelled += isLetter || isDigit ? String(scalar) : "_x" + String(scalar.value, radix: 16, uppercase: true)
        }
        return spelled
    }
}

extension IcebergType {
    /// Bytes of the smallest fixed type that holds every number of `precision` digits.
    static func decimalBytes(precision: Int) -> Int {
        var largest: Int128 = 0
        for _ in 0..<precision { largest = largest * 10 + 9 }
        return SingleValue.minimalBigEndian(largest).count
    }
}
