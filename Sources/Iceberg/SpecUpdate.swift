/// Changes to how a table's new files are partitioned. Files that are there keep the spec they were written by.
public struct SpecUpdate {
    /// The partition fields so far.
    public private(set) var fields: [PartitionField]
    private let schema: Schema
    private let earlier: [PartitionField]
    private var lastPartitionID: Int

    init(_ metadata: TableMetadata) {
        fields = metadata.defaultSpec.fields.filter { $0.transform != .void }
        schema = metadata.currentSchema
        earlier = metadata.partitionSpecs.flatMap(\.fields)
        lastPartitionID = max(metadata.lastPartitionID, PartitionSpec.firstFieldID - 1)
    }

    /// Adds a field made from a column; without a name it gets the one other writers would choose (`ts_day`).
    ///
    /// A field of the same column and transform that the table had before gets its id again, so that readers take them
    /// for one.
    /// - Throws: ``IcebergError`` `.badRequest` when the column is not there, the transform does not apply to it, there is
    ///   such a field already, or the name is taken.
    public mutating func addField(_ column: String, _ transform: Transform, name: String? = nil) throws {
        guard let source = schema.field(named: column), transform.accepts(source.type), transform.isSound else {
            throw refusal(
                "cannot partition by \(transform.name) of \(column): there is no such column, or it does not apply")
        }
        guard !fields.contains(where: { $0.sourceID == source.id && $0.transform == transform }) else {
            throw refusal("the table is partitioned by \(transform.name) of \(column) already")
        }
        let plain = try PartitionSpec(of: schema, by: [(column, transform)]).fields[0].name
        let chosen = name ?? plain
        try check(chosen, for: source, transform)
        let known = earlier.first { $0.sourceID == source.id && $0.transform == transform }
        if known == nil { lastPartitionID += 1 }
        fields.append(
            PartitionField(
                sourceID: source.id, fieldID: known?.fieldID ?? lastPartitionID, name: chosen, transform: transform))
    }

    /// Drops a field: new files are no longer kept apart by it.
    public mutating func removeField(_ name: String) throws {
        let index = try index(name)
        fields.remove(at: index)
    }

    /// Gives a field another name.
    public mutating func renameField(_ name: String, to newName: String) throws {
        let index = try index(name)
        guard let source = schema.field(id: fields[index].sourceID) else {
            throw refusal("partition field \(name) has no column")
        }
        let field = fields.remove(at: index)
        try check(newName, for: source, field.transform)
        fields.insert(field, at: index)
        fields[index].name = newName
    }

    private func index(_ name: String) throws -> Int {
        guard let index = fields.firstIndex(where: { $0.name == name }) else {
            throw refusal("there is no partition field \(name)")
        }
        return index
    }

    /// Names are columns of the metadata tables of other engines, next to the table's own.
    private func check(_ name: String, for source: NestedField, _ transform: Transform) throws {
        guard !name.isEmpty, !fields.contains(where: { $0.name == name }) else {
            throw refusal("the partition field name \"\(name)\" is empty or taken")
        }
        guard let column = schema.field(named: name), column.id != source.id || transform != .identity else { return }
        throw refusal("the partition field cannot be called \(name): that is a column")
    }

    private func refusal(_ text: String) -> IcebergError { IcebergError(.badRequest, text) }

    /// Makes the spec the one for new files, under the id of an earlier one that is the same if there is one.
    func apply(to metadata: inout TableMetadata) {
        metadata.lastPartitionID = max(metadata.lastPartitionID, lastPartitionID)
        if let known = metadata.partitionSpecs.first(where: { $0.fields == fields }) {
            metadata.defaultSpecID = known.specID
        } else {
            let next = PartitionSpec(specID: (metadata.partitionSpecs.map(\.specID).max() ?? -1) + 1, fields: fields)
            metadata.partitionSpecs.append(next)
            metadata.defaultSpecID = next.specID
        }
    }
}

extension Transform {
    /// Whether its number is one to divide or cut by.
    fileprivate var isSound: Bool {
        switch self {
        case .bucket(let number), .truncate(let number): (1...Int(Int32.max)).contains(number)
        default: true
        }
    }
}
