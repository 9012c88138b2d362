import EventLog
import Events
import Iceberg

/// What each column of a bronze table is filled with. The table's schema decides, not the contract: what it has is
/// written, what it has not is left in `raw`.
///
/// A contract's column is known by the id that its name had first, so one that somebody renamed goes on under its new
/// name, and one that somebody dropped stays dropped. A column that is none of the contract's is filled with the event's
/// member of its name.
struct BronzeLayout: Equatable {
    /// What a column is filled with.
    enum Origin: Equatable {
        /// A field that the decoder knows.
        case field(EventField)
        /// The decoder's items: for each leaf of the table's list, the part that it holds; nil for one of others'.
        case items([ItemPart?])
        /// What the quarantine says of a rejected event.
        case reason, source
        /// The bytes as they came.
        case raw
        /// Where and when the log took the record in.
        case receivedAt, partition, offset
        /// A member of the event, by its place in `members`.
        case member(Int)
        /// Nothing: a type that no member can have.
        case nothing(leaves: Int)
    }

    /// A part of an item.
    enum ItemPart { case product, quantity, price }

    /// A column that is filled from the event's own members.
    struct Member: Equatable {
        let name: String
        let type: IcebergType
    }

    /// Columns beyond the contract's that are filled; those after them stay null.
    static let membersMax = 64

    let topic: Topic
    /// The table's columns, in order.
    let fields: [NestedField]
    /// What each is filled with.
    let origins: [Origin]
    /// Those filled from members.
    let members: [Member]
    /// Columns of the contract that the table never had.
    let missing: [ColumnDefinition]

    /// - Throws: `LakeTableError` when the table requires what events do not have.
    init(_ table: BronzeTable, _ metadata: TableMetadata) throws {
        topic = table.topic
        fields = metadata.currentSchema.fields
        var claimed: [Int: Origin] = [:]
        var missing: [ColumnDefinition] = []
        for (definition, origin) in table.contract {
            let known = metadata.schemas.lazy.flatMap(\.fields).filter { $0.name == definition.name }.map(\.id)
            let candidates = fields.filter { $0.name == definition.name } + fields.filter { known.contains($0.id) }
            let match = candidates.lazy.compactMap { field -> (Int, Origin)? in
                guard claimed[field.id] == nil else { return nil }
                return Self.fill(field.type, definition.type, origin).map { (field.id, $0) }
            }.first
            if let (id, origin) = match {
                claimed[id] = origin
            } else if known.isEmpty, candidates.isEmpty {
                missing.append(definition)
            }
        }
        self.missing = missing
        var members: [Member] = []
        origins = try fields.map { field in
            if let origin = claimed[field.id] { return origin }
            if table.topic != .quarantine, EventMembers.canHold(field.type), members.count < Self.membersMax,
                !field.required
            {
                members.append(Member(name: field.name, type: field.type))
                return .member(members.count - 1)
            }
            guard !field.required else {
                throw LakeTableError(
                    "\(table.identifier) requires the column \(field.name), which events need not have: make it optional"
                )
            }
            return .nothing(leaves: try ParquetSchema([field]).leaves.count)
        }
        self.members = members
    }

    /// What a column of `type` is filled with from what the contract says is `wanted`; nil when it cannot hold that.
    private static func fill(_ type: IcebergType, _ wanted: ColumnType, _ origin: Origin) -> Origin? {
        switch (wanted, type) {
        case (.primitive(let wanted), _): return holds(type, wanted) ? origin : nil
        case (.list, .list(let list)):
            guard case .struct(let element) = list.element else { return nil }
            return items(element.fields)
        default: return nil
        }
    }

    /// Whether a column can take the values without loss: also one that somebody made wider.
    private static func holds(_ type: IcebergType, _ wanted: IcebergType) -> Bool {
        switch (wanted, type) {
        case (.int, .long): true
        case (.decimal(let precision, let scale), .decimal(let wider, let same)): same == scale && wider >= precision
        default: type == wanted
        }
    }

    /// Which part of an item goes into which leaf; nil when one of ours has no place.
    private static func items(_ fields: [NestedField]) -> Origin? {
        let wanted: [(String, IcebergType, ItemPart)] = [
            ("product_id", .string, .product), ("quantity", .int, .quantity),
            ("unit_price", .decimal(precision: 18, scale: 4), .price),
        ]
        var parts: [ItemPart?] = []
        for field in fields {
            guard field.type.isPrimitive else { return nil }
            let part = wanted.first { $0.0 == field.name && holds(field.type, $0.1) }?.2
            guard part != nil || !field.required else { return nil }
            parts.append(part)
        }
        return Set(parts.compactMap { $0 }).count == wanted.count ? .items(parts) : nil
    }
}
