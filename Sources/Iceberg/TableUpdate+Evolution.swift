extension TableUpdate {
    /// Stages changes of the schema. `change` runs on the schema that is in force when the commit is made, again after a
    /// conflict; what it throws ends the commit.
    public mutating func updateSchema(_ change: @escaping (inout SchemaUpdate) throws -> Void) {
        stage { metadata, _ in
            var update = SchemaUpdate(metadata)
            try change(&update)
            try update.apply(to: &metadata)
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
