import Foundation
import Storage

/// The files below a table's folders that nothing refers to.
public struct OrphanReport: Sendable, Hashable {
    /// Files that were listed.
    public var listedFiles = 0
    /// Files that nothing refers to and that are old enough, removed or, in a dry run, to be removed; sorted.
    public var orphans: [String] = []
    /// Their size in bytes.
    public var orphanBytes: Int64 = 0
    /// Files that nothing refers to, but that are too young: a commit may be on its way to them.
    public var youngFiles = 0
    /// Orphans that storage did not let go of.
    public var undeleted: [String] = []

    /// Nothing found.
    public init() {}
}

extension Table {
    /// How long a file that nothing refers to is left alone unless the caller says otherwise: three days, in seconds.
    public static let orphanGraceSeconds = 259_200.0

    /// Removes files below the table's folders that no snapshot, no metadata file of the log and no statistics refer to:
    /// what killed writers and refused commits left.
    ///
    /// - Parameters:
    ///   - graceSeconds: Younger files stay. It must be longer than any commit takes, from its first file on.
    ///   - isDryRun: Only tells what would be removed.
    /// - Throws: ``IcebergError`` `.badRequest` when the table's files are not its own, when another table of the catalog
    ///   keeps files in the same folders, or when the metadata names the listed files in another way (by another scheme
    ///   or bucket), so that it cannot be told which are needed. Then nothing is removed.
    public mutating func removeOrphans(
        graceSeconds: Double = Table.orphanGraceSeconds, isDryRun: Bool = false
    ) throws -> OrphanReport {
        try checkOwnsFiles()
        let youngest = (Double(policy.now()) - max(0, graceSeconds) * 1000) * 1000
        // Listed before the table is read: what is committed in between is listed and then found to be needed.
        let folders = metadata.folders
        var listed: [ObjectInfo] = []
        for folder in folders where !folders.contains(where: { $0 != folder && folder.hasPrefix($0) }) {
            listed += try storage.list(prefix: folder)
        }
        try refresh()
        guard metadata.folders == folders else {
            throw IcebergError(.conflict, "\(identifier) moved its files while they were listed; try again")
        }
        try checkIsAlone(in: folders)
        let references = try FileReferences(of: metadata, storage).all.union([metadataLocation])
        let needed = Set(try references.map(ObjectName.init))
        let paths = Set(needed.map(\.path))
        var report = OrphanReport()
        report.listedFiles = listed.count
        for file in listed {
            let name = try ObjectName(file.location)
            if needed.contains(name) || Location.name(of: file.location) == "version-hint.text" { continue }
            guard !paths.contains(name.path) else {
                throw IcebergError(
                    .badRequest,
                    "\(file.location) is listed, and the metadata of \(identifier) refers to the same path in another way; "
                        + "what is needed cannot be told")
            }
            guard Double(file.modifiedMicroseconds) < youngest else {
                report.youngFiles += 1
                continue
            }
            report.orphans.append(file.location)
            report.orphanBytes += file.size
        }
        report.orphans.sort()
        if !isDryRun { _ = delete(report.orphans, &report.undeleted) }
        return report
    }

    /// Checks that no other table has files in these folders, or these in one of its own.
    private func checkIsAlone(in folders: [String]) throws {
        let mine = try folders.map(ObjectName.init)
        for namespace in try catalog.listNamespaces() {
            for other in try catalog.listTables(in: namespace) where other != identifier {
                for folder in try catalog.load(other).metadata.folders {
                    let theirs = try ObjectName(folder)
                    guard !mine.contains(where: { $0.path.hasPrefix(theirs.path) || theirs.path.hasPrefix($0.path) })
                    else {
                        throw IcebergError(
                            .badRequest,
                            "\(identifier) and \(other) share the folder \(folder); whose files they are cannot be told"
                        )
                    }
                }
            }
        }
    }
}

extension TableMetadata {
    /// Where the table's files are, each with a slash at the end.
    fileprivate var folders: [String] {
        let all = [location, properties[TableProperty.dataPath], properties[TableProperty.metadataPath]]
        return Set(all.compactMap { $0 }.map { $0.hasSuffix("/") ? $0 : $0 + "/" }).sorted()
    }
}

/// A location in parts that can be compared, however it is spelled.
private struct ObjectName: Hashable {
    /// The scheme and, beyond the local disk, the bucket.
    var root: String
    var path: String

    init(_ location: String) throws {
        if let scheme = location.range(of: "://"), !location.hasPrefix("file:") {
            let rest = location[scheme.upperBound...]
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            root = String(location[..<slash])
            path = String(rest[slash...])
        } else {
            root = "file"
            path = try Location.path(of: location) + (location.hasSuffix("/") ? "/" : "")
        }
    }
}
