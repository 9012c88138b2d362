import Engine
import Iceberg
import Storage

/// SELECTs over Parquet files, after a look at what each file says of itself.
struct FileReader {
    let table: Table

    /// The path by which the engine opens a file.
    func path(_ file: DataFile) throws -> String { try Location.opened(file.location) }

    /// A SELECT for each kind of file among these, with the fields under the names that `alias` gives them.
    /// - Parameters:
    ///   - names: what fields are called in files without ids.
    ///   - fileNames: adds `cartograph_file`, the path of the row's file.
    ///   - rowNumbers: adds that, and `file_row_number`, the row's place in it from 0.
    ///   - mustHaveAll: whether a field that a file does not have is an error instead of null.
    func selects(
        _ files: [DataFile], _ fields: [NestedField], _ names: NameMapping?, fileNames: Bool = false,
        rowNumbers: Bool = false, mustHaveAll: Bool = false, alias: (NestedField) -> String
    ) throws -> [String] {
        var layouts: [FileLayout.Source: FileLayout] = [:]
        var order: [Kind] = []
        var groups: [Kind: [DataFile]] = [:]
        func add(_ file: DataFile, _ kind: Kind) {
            if groups[kind] == nil { order.append(kind) }
            groups[kind, default: []].append(file)
        }
        let canTrust = names == nil && !mustHaveAll && !hasPartsThatChanged(fields)
        for file in files {
            try checkFormat(of: file)
            if canTrust, try isFarAndDescribed(file) {
                add(file, Kind(layout: .direct))
                continue
            }
            let source = FileLayout.Source(columns: try columns(of: file), specID: file.specID)
            let layout: FileLayout
            if let known = layouts[source] {
                layout = known
            } else {
                layout = try FileLayout(source, of: file, in: table, fields, names, mustHaveAll: mustHaveAll)
                layouts[source] = layout
            }
            add(file, Kind(layout: layout, columns: layout == .direct ? nil : source.columns))
        }
        let extras = (fileNames || rowNumbers ? ["cartograph_file"] : []) + (rowNumbers ? ["file_row_number"] : [])
        return try order.map { kind in
            try select(groups[kind] ?? [], kind.layout, fields, extras, alias)
        }
    }

    /// Files that one call reads. Where it is not told the table's types it takes those of the first file for all, so all
    /// must have the same columns.
    private struct Kind: Hashable {
        var layout: FileLayout
        var columns: [FileColumn]?
    }

    private func select(
        _ files: [DataFile], _ layout: FileLayout, _ fields: [NestedField], _ extras: [String],
        _ alias: (NestedField) -> String
    ) throws -> String {
        var options = ["hive_partitioning = false"]
        if extras.contains("file_row_number") { options.append("file_row_number = true") }
        // Decimals of several precisions lie alike in files.
        if layout != .direct, files.count > 1 { options.append("union_by_name = true") }
        var columns: [String]
        var join = ""
        switch layout {
        case .direct:
            let schema = fields.map { field in
                "\(field.id): {name: \(SQL.literal(alias(field))), type: \(SQL.literal(field.type.sql)), "
                    + "default_value: NULL}"
            }
            options.append("schema = MAP {\(schema.joined(separator: ", "))}")
            columns = fields.map { SQL.identifier(alias($0)) }
            if !extras.isEmpty { options.append("filename = 'cartograph_file'") }
        case .expressions(let expressions):
            columns = zip(expressions, fields).map { "\($0) AS \(SQL.identifier(alias($1)))" }
            if !extras.isEmpty { options.append("filename = 'cartograph_file'") }
        case .partitioned(let expressions, let specID):
            columns = zip(expressions, fields).map { "\($0) AS \(SQL.identifier(alias($1)))" }
            options.append("filename = 'cartograph_file'")
            join = try " JOIN \(partitions(of: files, specID)) ON k.file = cartograph_file"
        }
        columns += extras
        return "SELECT \(columns.joined(separator: ", ")) FROM read_parquet(\(SQL.list(try files.map(path))), "
            + options.joined(separator: ", ") + ")\(join)"
    }

    /// The partition values of files as a relation `k` of the columns `file`, `v0`, `v1`, …
    private func partitions(of files: [DataFile], _ specID: Int) throws -> String {
        let types = try ManifestCodec(table.metadata).partitionTypes(specID: specID).map(\.type)
        let rows = try files.map { file in
            let values = zip(file.partition, types).map { value, type in
                value.sql(as: type)
            }
            return "(\(([SQL.literal(try path(file))] + values).joined(separator: ", ")))"
        }
        let names = ["file"] + types.indices.map { "v\($0)" }
        return "(VALUES \(rows.joined(separator: ", "))) k(\(names.joined(separator: ", ")))"
    }

    /// Files in an object store are not asked, at two requests each, when a writer that knew the table's ids described
    /// them: then they have the ids, too.
    private func isFarAndDescribed(_ file: DataFile) throws -> Bool {
        let isDescribed = !file.columnSizes.isEmpty || !file.valueCounts.isEmpty || !file.lowerBounds.isEmpty
        return try isDescribed && path(file).contains("://")
    }

    /// Whether older files may have other names for the parts of columns, which only they themselves can tell.
    private func hasPartsThatChanged(_ fields: [NestedField]) -> Bool {
        table.metadata.schemas.count > 1 && !fields.allSatisfy(\.type.isPrimitive)
    }

    private func checkFormat(of file: DataFile) throws {
        guard file.format == .parquet else {
            throw LakeTableError(
                "\(file.location) of \(table.identifier) is in format \(file.format.rawValue), and only Parquet is "
                    + "read: have its writer rewrite the table with write.format.default=parquet")
        }
        guard file.keyMetadata == nil else {
            throw LakeTableError("\(file.location) of \(table.identifier) is encrypted, which is not read")
        }
    }

    /// What a file says of its columns, after checking that it is the file that the table means.
    private func columns(of file: DataFile) throws -> [FileColumn] {
        let storage = table.catalog.storage
        let size: Int64
        do {
            size = try storage.size(of: file.location)
        } catch let error as StorageError where error.kind == .notFound {
            throw LakeTableError(
                "\(file.location) of \(table.identifier) is missing: restore it from a copy, or read the table as "
                    + "it was before (--at)")
        }
        guard size == file.fileSizeInBytes else {
            throw LakeTableError(
                "\(file.location) of \(table.identifier) has \(size) bytes where the table knows "
                    + "\(file.fileSizeInBytes): it was cut short or exchanged; restore it from a copy")
        }
        let footer = try ParquetFooter(of: file.location, size: size, from: storage)
        guard footer.rowCount == file.recordCount else {
            throw LakeTableError(
                "\(file.location) of \(table.identifier) has \(footer.rowCount) rows where the table knows "
                    + "\(file.recordCount): it was exchanged; restore it from a copy")
        }
        return footer.columns
    }
}
