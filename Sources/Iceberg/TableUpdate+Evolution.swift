extension TableUpdate {
    /// Stages changes of the schema. `change` runs on the schema that is in force when the commit is made, again after a
    /// conflict; what it throws ends the commit.
    public mutating func updateSchema(_ change: @escaping (inout SchemaUpdate) throws -> Void) {
        stage { metadata, _ in
            var update = SchemaUpdate(metadata)
            try change(&update)
            let mapping = try NameMapping(of: metadata)
            try update.apply(to: &metadata)
            // Files without field ids are read by the mapping: it follows what their columns are called now.
            if let next = mapping?.following(metadata.currentSchema), next != mapping {
                metadata.properties[NameMapping.property] = next.encoded()
            }
        }
    }

    /// Stages the order for new files' rows; without parts, none.
    public mutating func replaceSortOrder(
        by parts: [(column: String, transform: Transform, direction: SortField.Direction, nulls: SortField.NullOrder)]
    ) {
        stage { metadata, _ in
            var order = try SortOrder(of: metadata.currentSchema, by: parts)
            if let known = metadata.sortOrders.first(where: { $0.fields == order.fields }) {
                metadata.defaultSortOrderID = known.orderID
                return
            }
            // 0 is the order without fields.
            order.orderID = order.isUnsorted ? 0 : (metadata.sortOrders.map(\.orderID).max() ?? 0) + 1
            metadata.sortOrders.append(order)
            metadata.defaultSortOrderID = order.orderID
        }
    }

    /// Stages changes of the partition spec for new files. `change` runs as in ``updateSchema(_:)``.
    public mutating func updateSpec(_ change: @escaping (inout SpecUpdate) throws -> Void) {
        stage { metadata, _ in
            var update = SpecUpdate(metadata)
            try change(&update)
            update.apply(to: &metadata)
        }
    }
}

extension Table {
    /// Commits changes of the schema.
    /// - Throws: As ``Transaction/commit()``, and what `change` throws.
    public mutating func updateSchema(_ change: (inout SchemaUpdate) throws -> Void) throws {
        try withoutActuallyEscaping(change) { change in
            var update = TableUpdate(self)
            update.updateSchema(change)
            try commit(update)
        }
    }

    /// Commits changes of the partition spec.
    /// - Throws: As ``Transaction/commit()``, and what `change` throws.
    public mutating func updateSpec(_ change: (inout SpecUpdate) throws -> Void) throws {
        try withoutActuallyEscaping(change) { change in
            var update = TableUpdate(self)
            update.updateSpec(change)
            try commit(update)
        }
    }
}
