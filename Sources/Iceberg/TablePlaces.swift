import Storage

/// The folders that are a table's own: its location, and where its properties put data and metadata.
///
/// Whatever its metadata names, upkeep deletes nothing outside of them. A manifest may be written by anybody and name
/// any file: one of another table, or of the machine.
struct TablePlaces: Sendable, Equatable {
    /// Of each, as it is spelled; one that lies in another is left out.
    let folders: [String]
    private let names: [ObjectName]

    private static let properties = [
        TableProperty.dataPath, TableProperty.metadataPath, TableProperty.objectStoragePath,
        TableProperty.folderStoragePath,
    ]

    init(_ metadata: TableMetadata) {
        let all = [metadata.location] + Self.properties.compactMap { metadata.properties[$0] }
        var kept = LocationSet(all)
        let named = all.map(ObjectName.init)
        _ = kept.extract { name in named.contains { name.isInside($0) } }
        folders = kept.sorted
        names = folders.map(ObjectName.init)
    }

    /// Whether a file is the table's to delete.
    func contain(_ file: ObjectName) -> Bool { names.contains { file.isInside($0) } }

    /// The bytes of the longest of the folders that a location is, or lies in.
    func longestFolder(around location: ObjectName) -> Int? {
        names.filter { $0 == location || location.isInside($0) }.map(\.text.utf8.count).max()
    }

    /// Whether a folder is one of them, or around one, or in one.
    func overlap(_ folder: ObjectName) -> Bool { names.contains { $0.overlaps(folder) } }

    /// A folder that both share.
    func folder(sharedWith other: TablePlaces) -> String? {
        for (folder, name) in zip(folders, names) where other.names.contains(where: { $0.overlaps(name) }) {
            return folder
        }
        return nil
    }

    /// Whether all of them are folders strictly inside of another one.
    func isInside(_ folder: ObjectName) -> Bool { names.allSatisfy { $0.isInside(folder) } }
}

extension Catalog {
    /// Checks that no other table of the catalog has files in these folders, or these in one of its own.
    /// - Throws: ``IcebergError`` `.badRequest` that names the other one.
    func checkIsAlone(_ identifier: TableIdentifier, in places: TablePlaces) throws {
        for namespace in try listNamespaces() {
            for other in try listTables(in: namespace) where other != identifier {
                let theirs: TableMetadata
                do {
                    theirs = try load(other).metadata
                } catch let error as IcebergError where error.kind == .notFound {
                    continue
                }
                if let folder = TablePlaces(theirs).folder(sharedWith: places) {
                    throw IcebergError(
                        .badRequest,
                        "\(identifier) and \(other) share the folder \(folder); whose files they are cannot be told")
                }
            }
        }
    }
}

extension TableProperty {
    /// Where data files go instead of ``dataPath``, as older writers call it.
    static let objectStoragePath = "write.object-storage.path"
    /// Where data files go instead of ``dataPath``, as older writers call it.
    static let folderStoragePath = "write.folder-storage.path"
}
