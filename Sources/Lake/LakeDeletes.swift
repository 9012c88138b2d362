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

        let positions: [ScanDelete]
        let equality: [EqualityKey: [ScanDelete]]
        private let table: Table
        private let partitions: [PartitionKey: Int]

        /// What no delete file is for has this number.
        private static let none = -1

        init(_ deletes: [ScanDelete], _ table: Table) {
            self.table = table
            var positions: [ScanDelete] = []
            var equality: [EqualityKey: [ScanDelete]] = [:]
            var partitions: [PartitionKey: Int] = [:]
            for delete in deletes {
                let key = delete.file.partitionKey
                partitions[key] = partitions[key] ?? partitions.count
                switch delete.file.content {
                case .data: continue
                case .positionDeletes: positions.append(delete)
                case .equalityDeletes: equality[Self.key(delete.file, table), default: []].append(delete)
                }
            }
            self.positions = positions
            self.equality = equality
            self.partitions = partitions
        }

        private static func key(_ file: DataFile, _ table: Table) -> EqualityKey {
            let isGlobal = table.metadata.spec(id: file.specID)?.partsNothing ?? false
            return EqualityKey(fieldIDs: Set(file.equalityIDs).sorted(), isGlobal: isGlobal)
        }

        /// A number for the file's partition, -1 for those without deletes.
        func partition(of file: DataFile) -> Int {
            partitions.isEmpty ? Self.none : partitions[file.partitionKey] ?? Self.none
        }

        /// What holds for a data file; nil when nothing does.
        func signature(of task: ScanTask) -> Signature? {
            if task.deletes.isEmpty { return nil }
            var keys: Set<EqualityKey> = []
            var hasPositions = false
            for delete in task.deletes {
                if delete.file.content == .positionDeletes {
                    hasPositions = true
                } else {
                    keys.insert(Self.key(delete.file, table))
                }
            }
            return Signature(hasPositions: hasPositions, equality: keys.sorted { "\($0)" < "\($1)" })
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
