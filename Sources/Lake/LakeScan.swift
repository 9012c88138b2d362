import Engine
import Foundation
import Iceberg
import Storage

/// The SQL that reads files of a table as the format says they are to be read: columns by field id, rows less those that
/// delete files take away.
///
/// Most tables need none of this: files that have all ids under their names are read in one go, as they are. The others
/// fall into groups of files that are read alike.
struct LakeScan {
    let table: Table
    /// The columns to return.
    let fields: [NestedField]

    init(_ table: Table, schema: Schema) throws {
        self.table = table
        fields = schema.fields
        var names: [String: String] = [:]
        for field in fields {
            if let other = names.updateValue(field.name, forKey: field.name.lowercased()) {
                throw LakeTableError(
                    "\(table.identifier) has columns \(other) and \(field.name), which the engine cannot tell apart: "
                        + "rename one")
            }
        }
    }

    /// A SELECT of the columns over the files of a plan, less the rows that are deleted from them. It fails when a delete
    /// file of the plan stands in another partition than a file whose rows it names.
    func sql(_ plan: ScanPlan) throws -> String {
        let rows = try sql(plan.tasks)
        guard let strays = StrayDeletes(plan, table) else { return rows }
        return "SELECT * FROM (\(rows)) WHERE (\(try strays.checkSQL))"
    }

    /// A SELECT of the columns over these files, less the rows that are deleted from them.
    private func sql(_ tasks: [ScanTask]) throws -> String {
        let held = Deletes(ScanPlan(tasks: tasks).deletes, table)
        var plain: [DataFile] = []
        var marked: [Deletes.Signature: [ScanTask]] = [:]
        for task in tasks {
            guard let signature = held.signature(of: task) else {
                plain.append(task.file)
                continue
            }
            marked[signature, default: []].append(task)
        }
        let names = try NameMapping(of: table.metadata)
        let reader = FileReader(table: table)
        var selects = try reader.selects(plain, fields, names) { $0.name }
        for (signature, entries) in marked.sorted(by: { $0.key < $1.key }) {
            selects.append(try select(entries, less: held, signature, names))
        }
        return selects.isEmpty ? Self.emptySQL(fields) : selects.joined(separator: " UNION ALL ")
    }

    private static func emptySQL(_ fields: [NestedField]) -> String {
        let columns = fields.map { "CAST(NULL AS \($0.type.sql)) AS \(SQL.identifier($0.name))" }
        return "SELECT \(columns.joined(separator: ", ")) WHERE false"
    }

    // MARK: - Rows less deleted ones

    /// Rows of files for which the same kinds of deletes hold.
    private func select(
        _ entries: [ScanTask], less deletes: Deletes, _ signature: Deletes.Signature, _ names: NameMapping?
    ) throws -> String {
        let reader = FileReader(table: table)
        // A delete may compare columns that the table has no more.
        var read = fields
        for id in Set(signature.equality.flatMap(\.fieldIDs)).sorted() where !read.contains(where: { $0.id == id }) {
            read.append(try deletes.field(id))
        }
        let rows = try reader.selects(entries.map(\.file), read, names, rowNumbers: true) { Self.name($0) }
        let places = try entries.map { entry in
            "(\(SQL.literal(try reader.path(entry.file))), \(deletes.partition(of: entry.file)), \(entry.sequenceNumber))"
        }
        var from =
            "(\(rows.joined(separator: " UNION ALL "))) r "
            + "JOIN (VALUES \(places.joined(separator: ", "))) f(file, part, seq) ON f.file = r.cartograph_file"
        if signature.hasPositions { from += try positions(of: entries, deletes, reader) }
        for (index, key) in signature.equality.enumerated() {
            from += try equality(key, deletes, reader, names, alias: "e\(index)")
        }
        let columns = fields.map { "r.\(Self.name($0)) AS \(SQL.identifier($0.name))" }
        return "SELECT \(columns.joined(separator: ", ")) FROM \(from)"
    }

    /// Position deletes name files by location, and hold for those of their partition that are not younger; where their
    /// manifest says that they are for one file, for that one.
    private func positions(of entries: [ScanTask], _ deletes: Deletes, _ reader: FileReader) throws -> String {
        let rows = try reader.selects(
            deletes.positions.map(\.file), Self.positionFields, Self.positionNames, fileNames: true
        ) { Self.name($0) }
        let sources = try deletes.positions.map { entry in
            let target = entry.file.namedDataFile.map { SQL.literal(ObjectName($0).text) } ?? "CAST(NULL AS VARCHAR)"
            return "(\(SQL.literal(try reader.path(entry.file))), \(deletes.partition(of: entry.file)), "
                + "\(entry.sequenceNumber), \(target))"
        }
        let targets = try entries.map { entry in
            "(\(SQL.literal(entry.file.location)), \(SQL.literal(try reader.path(entry.file))), "
                + "\(deletes.partition(of: entry.file)), \(entry.sequenceNumber), "
                + "\(SQL.literal(ObjectName(entry.file.location).text)))"
        }
        return " ANTI JOIN (SELECT t.file, d.\(Self.name(Self.positionFields[1])) AS pos "
            + "FROM (\(rows.joined(separator: " UNION ALL "))) d "
            + "JOIN (VALUES \(sources.joined(separator: ", "))) x(file, part, seq, target) "
            + "ON x.file = d.cartograph_file "
            + "JOIN (VALUES \(targets.joined(separator: ", "))) t(location, file, part, seq, name) "
            + "ON t.location = d.\(Self.name(Self.positionFields[0])) AND t.part = x.part AND t.seq <= x.seq "
            + "AND (x.target IS NULL OR x.target = t.name)) p "
            + "ON p.file = r.cartograph_file AND p.pos = r.file_row_number"
    }

    /// A SELECT of the locations that a file of position deletes names, each once.
    static func namedFilesSQL(by file: DataFile, of table: Table) throws -> String {
        let rows = try FileReader(table: table).selects([file], [positionFields[0]], positionNames) { _ in "location" }
        return "SELECT DISTINCT location FROM (\(rows.joined(separator: " UNION ALL ")))"
    }

    /// Equality deletes hold for older rows of their partition, or of all when theirs is the unpartitioned spec. Null
    /// equals null.
    private func equality(
        _ key: Deletes.EqualityKey, _ deletes: Deletes, _ reader: FileReader, _ names: NameMapping?, alias: String
    ) throws -> String {
        let columns = try key.fieldIDs.map(deletes.field)
        let entries = deletes.equality[key] ?? []
        let rows = try reader.selects(entries.map(\.file), columns, names, fileNames: true, mustHaveAll: true) {
            Self.name($0)
        }
        let sources = try entries.map { entry in
            "(\(SQL.literal(try reader.path(entry.file))), \(deletes.partition(of: entry.file)), \(entry.sequenceNumber))"
        }
        let keys = columns.map(Self.name)
        // Of equal keys only the youngest matters.
        let grouped = (keys.map { "d.\($0)" } + ["x.part"]).joined(separator: ", ")
        let alike = keys.map { "r.\($0) IS NOT DISTINCT FROM \(alias).\($0)" }
        let part = key.isGlobal ? [] : ["f.part = \(alias).part"]
        return " ANTI JOIN (SELECT \(grouped), max(x.seq) AS seq FROM (\(rows.joined(separator: " UNION ALL "))) d "
            + "JOIN (VALUES \(sources.joined(separator: ", "))) x(file, part, seq) ON x.file = d.cartograph_file "
            + "GROUP BY \(grouped)) \(alias) "
            + "ON \((alike + part + ["f.seq < \(alias).seq"]).joined(separator: " AND "))"
    }

    /// Columns go by their ids where their names could meet those of the scan's own.
    static func name(_ field: NestedField) -> String { "c\(field.id)" }

    /// The columns of position deletes, with the ids that the specification reserves for them.
    static let positionFields = [
        NestedField(id: 2_147_483_546, name: "file_path", required: true, type: .string),
        NestedField(id: 2_147_483_545, name: "pos", required: true, type: .long),
    ]
    static let positionNames = NameMapping(of: Schema(fields: positionFields))
}
