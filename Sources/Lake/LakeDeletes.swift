import Iceberg

extension LakeScan {
    /// The delete files of a scan, and which data files they hold for.
    struct Deletes {
        /// Equality deletes that compare the same columns, of partitions or of the whole table.
        struct EqualityKey: Hashable {
            /// Ids of the columns, ascending.
            var fieldIDs: [Int]
            /// Whether they hold in all partitions.
            var isGlobal: Bool
        }

        /// What kinds of deletes hold for a data file. Files of one signature are read by one SELECT.
        struct Signature: Hashable, Comparable {
            var hasPositions: Bool
            var equality: [EqualityKey]

            static func < (one: Signature, other: Signature) -> Bool { one.text < other.text }
            private var text: String { "\(hasPositions) \(equality.map { "\($0.fieldIDs) \($0.isGlobal)" })" }
        }

        let positions: [Entry]
        let equality: [EqualityKey: [Entry]]
        private let table: Table
        private let partitions: [Partition: Int]
        /// The youngest of each kind, by partition.
        private let youngestPositions: [Int: Int64]
        private let youngestEquality: [EqualityKey: [Int: Int64]]

        /// A partition, by the bytes of its values: as a floating-point number, NaN would not equal itself.
        private struct Partition: Hashable {
            var specID: Int
            var values: [[UInt8]?]

            init(_ file: DataFile) {
                specID = file.specID
                values = file.partition.map(SingleValue.encode)
            }
        }

        /// What no delete file is for has this number.
        private static let none = -1

        init(_ entries: [Entry], _ table: Table) throws {
            self.table = table
            var positions: [Entry] = []
            var equality: [EqualityKey: [Entry]] = [:]
            var partitions: [Partition: Int] = [:]
            var youngestPositions: [Int: Int64] = [:]
            var youngestEquality: [EqualityKey: [Int: Int64]] = [:]
            for entry in entries {
                let key = Partition(entry.file)
                let part = partitions[key] ?? partitions.count
                partitions[key] = part
                switch entry.file.content {
                case .data: continue
                case .positionDeletes:
                    positions.append(entry)
                    youngestPositions[part] = max(youngestPositions[part] ?? 0, entry.sequence)
                case .equalityDeletes:
                    // What is left of a dropped partition field does not part anything.
                    let spec = table.metadata.spec(id: entry.file.specID)
                    let isGlobal = spec?.fields.allSatisfy { $0.transform == .void } ?? false
                    let key = EqualityKey(fieldIDs: Set(entry.file.equalityIDs).sorted(), isGlobal: isGlobal)
                    equality[key, default: []].append(entry)
                    let youngest = youngestEquality[key]?[part] ?? 0
                    youngestEquality[key, default: [:]][part] = max(youngest, entry.sequence)
                }
            }
            self.positions = positions
            self.equality = equality
            self.partitions = partitions
            self.youngestPositions = youngestPositions
            self.youngestEquality = youngestEquality
        }

        /// A number for the file's partition, -1 for those without deletes.
        func partition(of file: DataFile) -> Int {
            partitions.isEmpty ? Self.none : partitions[Partition(file)] ?? Self.none
        }

        /// What may hold for a data file; nil when nothing does.
        func signature(of entry: Entry) -> Signature? {
            if partitions.isEmpty { return nil }
            let part = partition(of: entry.file)
            let hasPositions = youngestPositions[part].map { entry.sequence <= $0 } ?? false
            let keys = youngestEquality.filter { key, youngest in
                let newest = key.isGlobal ? youngest.values.max() : youngest[part]
                return newest.map { entry.sequence < $0 } ?? false
            }.keys.sorted { "\($0)" < "\($1)" }
            return hasPositions || !keys.isEmpty ? Signature(hasPositions: hasPositions, equality: keys) : nil
        }

        /// A column that deletes compare, which the current schema may not have any more.
        func field(_ id: Int) throws -> NestedField {
            let schemas = [table.schema] + table.metadata.schemas.reversed()
            for schema in schemas {
                if let field = schema.fields.first(where: { $0.id == id }) { return field }
            }
            let files = equality.first { $0.key.fieldIDs.contains(id) }?.value.first?.file.location ?? ""
            throw LakeTableError(
                "\(files) deletes rows by column id \(id), which is no column of \(table.identifier) outside of others: "
                    + "compact the table with its writer")
        }
    }
}
