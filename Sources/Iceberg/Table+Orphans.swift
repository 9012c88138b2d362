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
    /// Objects whose upload in parts was begun and not ended, and is old enough: given up or, in a dry run, to be given
    /// up; sorted. What their parts take cannot be seen.
    public var uploads: [String] = []
    /// Uploads that are too young: somebody may be sending their parts.
    public var youngUploads = 0
    /// Why uploads were not looked for or not all given up, where the store refused; nil where it did not.
    public var uploadsProblem: String?

    /// Nothing found.
    public init() {}
}

extension Table {
    /// How long a file that nothing refers to is left alone unless the caller says otherwise: three days, in seconds.
    public static let orphanGraceSeconds = 259_200.0

    /// Removes files below the table's folders that no snapshot, no metadata file of the log and no statistics refer to:
    /// what killed writers and refused commits left; with the uploads in parts that were never ended.
    ///
    /// - Parameters:
    ///   - graceSeconds: Younger files stay. It must be longer than any commit takes, from its first file on.
    ///   - isDryRun: Only tells what would be removed.
    /// - Throws: ``IcebergError`` `.badRequest` when the table's files are not its own, when another table of the catalog
    ///   keeps files in the same folders, or when the metadata names the listed files in another way (by another scheme
    ///   or bucket, or with percent escapes), so that it cannot be told which are needed. Then nothing is removed.
    public mutating func removeOrphans(
        graceSeconds: Double = Table.orphanGraceSeconds, isDryRun: Bool = false
    ) throws -> OrphanReport {
        try checkOwnsFiles()
        let youngest = (Double(policy.now()) - max(0, graceSeconds) * 1000) * 1000
        // Listed before the table is read: what is committed in between is listed and then found to be needed.
        let places = TablePlaces(metadata)
        let prefixes = places.folders.map { $0.hasSuffix("/") ? $0 : $0 + "/" }
        let listed = try prefixes.flatMap { try storage.list(prefix: $0) + storage.unfinished(prefix: $0) }
        try refresh()
        guard TablePlaces(metadata) == places else {
            throw IcebergError(.conflict, "\(identifier) moved its files while they were listed; try again")
        }
        try catalog.checkIsAlone(identifier, in: places)
        let needed = try FileReferences(of: metadata, storage).names.union([ObjectName(metadataLocation)])
        // The same path by another scheme, in another bucket or with percent escapes.
        let alike = Set(needed.map(\.loosely))
        var report = OrphanReport()
        report.listedFiles = listed.count
        for file in listed {
            let name = ObjectName(file.location)
            if needed.contains(name) || Location.name(of: file.location) == "version-hint.text" { continue }
            // What storage lists outside of the folder that it was asked for is not to be touched.
            guard places.contain(name) else { continue }
            guard !alike.contains(name.loosely) else {
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
        if !isDryRun { _ = delete(report.orphans, &report.undeleted) }
        giveUpUploads(below: prefixes, of: places, begunBefore: youngest, isDryRun, &report)
        return report
    }

    /// Gives up what killed writers had begun to send to an object store in parts. A store that does not list such uploads,
    /// or keys that may not, are told of: the files are looked after all the same.
    private func giveUpUploads(
        below prefixes: [String], of places: TablePlaces, begunBefore youngest: Double, _ isDryRun: Bool,
        _ report: inout OrphanReport
    ) {
        do {
            let all = try prefixes.flatMap { try storage.unfinishedUploads(prefix: $0) }
                .filter { places.contain(ObjectName($0.location)) }
            let old = all.filter { Double($0.begunMicroseconds) < youngest }
            report.youngUploads = all.count - old.count
            report.uploads = old.map(\.location).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            if !isDryRun { try storage.abort(old) }
        } catch {
            report.uploadsProblem = "\(error)"
        }
    }
}
