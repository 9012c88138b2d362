import Storage

/// Locations as a set of the objects they name: two spellings of one object are one, and two objects whose names look
/// alike are two.
struct LocationSet: Sendable {
    private var spellings: [ObjectName: String] = [:]

    init() {}

    init(_ locations: some Sequence<String>) {
        for location in locations { insert(location) }
    }

    var isEmpty: Bool { spellings.isEmpty }
    var count: Int { spellings.count }

    /// The locations as they were first spelled, in the order of their bytes.
    var sorted: [String] { spellings.values.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } }

    func contains(_ location: String) -> Bool { spellings[ObjectName(location)] != nil }

    /// - Returns: Whether it was not there.
    @discardableResult
    mutating func insert(_ location: String) -> Bool {
        let name = ObjectName(location)
        guard spellings[name] == nil else { return false }
        spellings[name] = location
        return true
    }

    /// - Returns: Whether it was there.
    @discardableResult
    mutating func remove(_ location: String) -> Bool { spellings.removeValue(forKey: ObjectName(location)) != nil }

    mutating func formUnion(_ locations: some Sequence<String>) { for location in locations { insert(location) } }

    mutating func formUnion(_ other: LocationSet) { spellings.merge(other.spellings) { first, _ in first } }

    mutating func subtract(_ locations: some Sequence<String>) { for location in locations { remove(location) } }

    mutating func subtract(_ other: LocationSet) { for name in other.spellings.keys { spellings[name] = nil } }

    /// Takes out, and returns, the locations that are not `wanted`.
    mutating func extract(where isUnwanted: (ObjectName) -> Bool) -> LocationSet {
        var taken = LocationSet()
        for (name, location) in spellings where isUnwanted(name) {
            taken.spellings[name] = location
            spellings[name] = nil
        }
        return taken
    }
}
