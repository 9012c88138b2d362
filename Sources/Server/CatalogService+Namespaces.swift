import Iceberg

extension CatalogService {
    func config() -> CatalogAnswer {
        .object { writer in
            writer.key("defaults")
            writer.strings([:])
            writer.key("overrides")
            writer.strings([:])
            writer.key("endpoints")
            writer.array { writer in for endpoint in CatalogRoute.endpoints { writer.value(endpoint) } }
        }
    }

    func listNamespaces(_ request: CatalogRequest) throws -> CatalogAnswer {
        let parent = try request.query["parent"].flatMap { $0.isEmpty ? nil : try CatalogRequest.namespace($0) }
        if let parent { try demand(parent) }
        let depth = parent.map { TableIdentifier.levels(of: $0).count } ?? 0
        // A namespace that only holds others has no row of its own, and is there all the same.
        let children = Set(
            try catalog.listNamespaces().compactMap { namespace -> String? in
                guard parent.map({ namespace.hasPrefix($0 + ".") }) ?? true else { return nil }
                return TableIdentifier.levels(of: namespace).prefix(depth + 1).joined(separator: ".")
            }
        ).sorted()
        let (part, next) = try page(children, request) { $0 }
        return .object { writer in
            writer.key("namespaces")
            writer.array { writer in for namespace in part { writer.levels(of: namespace) } }
            writer.nextPage(next)
        }
    }

    func createNamespace(_ request: CatalogRequest) throws -> CatalogAnswer {
        let json = try request.json(settings.limits)
        guard let levels = json["namespace"]?.array else {
            throw CatalogError.badRequest("a namespace to be created needs namespace, a list of names")
        }
        let namespace = try TableIdentifier.namespace(levels: levels.map { $0.string })
        let properties = try strings(json, "properties")
        if let location = properties["location"] { try shield.checkPlace(location, "the namespace's location") }
        try catalog.createNamespace(namespace, properties: properties)
        return describe(namespace, properties)
    }

    func loadNamespace(_ namespace: String) throws -> CatalogAnswer {
        describe(namespace, try catalog.namespaceProperties(namespace))
    }

    func namespaceExists(_ namespace: String) throws -> CatalogAnswer {
        try demand(namespace)
        return .done
    }

    func dropNamespace(_ namespace: String) throws -> CatalogAnswer {
        try shield.checkNamespace(namespace)
        try catalog.dropNamespace(namespace)
        return .done
    }

    func updateNamespace(_ namespace: String, _ request: CatalogRequest) throws -> CatalogAnswer {
        let json = try request.json(settings.limits)
        let updates = try strings(json, "updates")
        let listed = json["removals"]?.array ?? []
        let removals = listed.compactMap(\.string)
        guard removals.count == listed.count else { throw CatalogError.badRequest("removals must be a list of names") }
        if let both = removals.first(where: { updates[$0] != nil }) {
            throw CatalogError(
                422, "UnprocessableEntityException", "the property \(both) is to be set and to be removed")
        }
        if let location = updates["location"] { try shield.checkPlace(location, "the namespace's location") }
        let changes = try catalog.updateNamespace(
            namespace, setting: updates, removing: Set(removals).sorted())
        return .object { writer in
            for (name, keys) in [
                ("updated", changes.updated), ("removed", changes.removed), ("missing", changes.missing),
            ] {
                writer.key(name)
                writer.array { writer in for key in keys { writer.value(key) } }
            }
        }
    }

    func listViews(_ namespace: String) throws -> CatalogAnswer {
        try demand(namespace)
        return .object { writer in
            writer.key("identifiers")
            writer.array { _ in }
        }
    }

    /// Checks that a namespace is there.
    func demand(_ namespace: String) throws {
        guard try catalog.namespaceExists(namespace) else {
            throw IcebergError(.badNamespace, "there is no namespace \(namespace)")
        }
    }

    /// An object of strings that may be left out.
    func strings(_ json: JSON, _ name: String) throws -> [String: String] {
        guard let value = json[name] else { return [:] }
        guard let strings = value.strings else { throw CatalogError.badRequest("\(name) must be an object of strings") }
        return strings
    }

    private func describe(_ namespace: String, _ properties: [String: String]) -> CatalogAnswer {
        .object { writer in
            writer.key("namespace")
            writer.levels(of: namespace)
            writer.key("properties")
            writer.strings(properties)
        }
    }
}

extension JSONWriter {
    /// A namespace as the list of its levels.
    mutating func levels(of namespace: String) {
        array { writer in for level in TableIdentifier.levels(of: namespace) { writer.value(level) } }
    }

    /// Where the next page begins; null on the last one.
    mutating func nextPage(_ token: String?) {
        member("next-page-token", token.map { JSON.string($0) } ?? .null)
    }
}
