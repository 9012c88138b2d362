/// A commit to one table as it goes over the wire: what must hold, and what is to be changed.
package struct TableCommitRequest: Sendable, Hashable {
    /// The table.
    package var identifier: TableIdentifier
    /// What must hold.
    package var requirements: [TableRequirement]
    /// What is to be changed.
    package var updates: [MetadataUpdate]

    /// A commit.
    package init(_ identifier: TableIdentifier, requirements: [TableRequirement], updates: [MetadataUpdate]) {
        self.identifier = identifier
        self.requirements = requirements
        self.updates = updates
    }

    /// The way from one version of a table to another.
    package init(_ identifier: TableIdentifier, from base: TableMetadata?, to next: TableMetadata) {
        let difference = MetadataDifference(from: base, to: next)
        self.init(identifier, requirements: difference.requirements, updates: difference.updates)
    }

    /// Reads a commit to `identifier`, or to the table that the body itself names when that is nil.
    /// - Throws: ``IcebergError`` `.badRequest`.
    package init(json: JSON, to identifier: TableIdentifier?) throws {
        if let named = try json["identifier"].map(TableIdentifier.init(json:)) {
            guard identifier == nil || identifier == named else {
                throw IcebergError(.badRequest, "the body is for \(named), the address for another table")
            }
            self.identifier = named
        } else if let identifier {
            self.identifier = identifier
        } else {
            throw IcebergError(.badRequest, "a table change needs an identifier")
        }
        guard let updates = json["updates"]?.array else {
            throw IcebergError(.badRequest, "a commit needs a list of updates")
        }
        guard json["requirements"] == nil || json["requirements"]?.array != nil else {
            throw IcebergError(.badRequest, "requirements must be a list")
        }
        requirements = try (json["requirements"]?.array ?? []).map(TableRequirement.init(json:))
        self.updates = try updates.map(MetadataUpdate.init(json:))
    }

    /// Writes it with the table's name in it.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("identifier")
            identifier.write(to: &writer)
            writer.key("requirements")
            writer.array { writer in for requirement in requirements { requirement.write(to: &writer) } }
            writer.key("updates")
            writer.array { writer in for update in updates { update.write(to: &writer) } }
        }
    }

    /// Whether the commit creates its table.
    package var isCreation: Bool { requirements.contains(.create) }

    /// Ids of the snapshots that it adds.
    package var addedSnapshots: [Snapshot] {
        updates.compactMap { if case .addSnapshot(let snapshot) = $0 { snapshot } else { nil } }
    }

    /// Whether a table shows afterwards that the commit was made.
    package var leavesTrace: Bool {
        !addedSnapshots.isEmpty
            || isCreation && updates.contains { if case .assignUUID = $0 { true } else { false } }
    }

    /// Whether a table shows that this very commit was made before: its snapshots are there, or it was created with the
    /// UUID that the commit gives.
    ///
    /// A client that lost the answer sends the commit again; that must not look like somebody else's.
    package func hasLanded(in metadata: TableMetadata) -> Bool {
        let added = addedSnapshots
        if !added.isEmpty {
            return added.allSatisfy { metadata.snapshot(id: $0.id)?.manifestList == $0.manifestList }
        }
        return isCreation
            && updates.contains {
                if case .assignUUID(let uuid) = $0 {
                    uuid.lowercased() == metadata.tableUUID.lowercased()
                } else {
                    false
                }
            }
    }
}

extension TableIdentifier {
    /// Reads `{"namespace": ["a", "b"], "name": "t"}`.
    /// - Throws: ``IcebergError`` `.badRequest`.
    package init(json: JSON) throws {
        guard let levels = json["namespace"]?.array, let name = json["name"]?.string else {
            throw IcebergError(.badRequest, "a table's identifier needs namespace, a list, and name")
        }
        self.init(try Self.namespace(levels: levels.map { $0.string }), name)
        try validate()
    }

    /// The name of a namespace of these levels, as this package writes it: with dots between.
    /// - Throws: ``IcebergError`` `.badRequest` for no levels, and for names that could not be taken apart again.
    package static func namespace(levels: [String?]) throws -> String {
        let names = levels.compactMap { $0 }
        guard !names.isEmpty, names.count == levels.count, names.allSatisfy({ !$0.contains(".") }) else {
            throw IcebergError(.badRequest, "a namespace is a list of one or more names, without dots in them")
        }
        let namespace = names.joined(separator: ".")
        try validate(namespace: namespace)
        return namespace
    }

    /// The levels of a namespace.
    package static func levels(of namespace: String) -> [String] {
        namespace.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    }

    /// Writes `{"namespace": ["a", "b"], "name": "t"}`.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("namespace")
            writer.array { writer in for level in Self.levels(of: namespace) { writer.value(level) } }
            writer.member("name", name)
        }
    }
}
