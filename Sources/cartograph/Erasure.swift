import Books
import Collector
import Engine
import EventLog
import Events
import Foundation
import Iceberg
import Lake
import Storage
import Streaming
import Telemetry

/// Takes people out of everything that a data folder holds, step by step; each step may be done again, so that one that
/// was interrupted is finished by the next run.
///
/// Events come in meanwhile, and these people's are kept out from the first step to the last. The bronze tables, their upkeep
/// and the log's beginning stand still while it works.
struct Erasure {
    /// What the steps work with.
    struct Shop {
        let folder: DataFolder
        let log: EmbeddedLog
        let catalog: any Catalog
        let lake: LakeService
        let erased: ErasedPeople
        /// Where the tables are when they are in an object store.
        let objects: ObjectPlace?
    }

    /// Tables that are in an object store.
    struct ObjectPlace: Sendable {
        let storage: S3Storage
        /// Under which all objects are looked at.
        let prefix: String
    }

    let shop: Shop
    /// Runs the models now, on the thread that this runs on.
    let runModels: (@escaping (String, Int, Int) -> Void) throws -> Int
    /// Checks the books, over tables that hold just what the log does; told what is looked at.
    let checkBooks: (@escaping (String) -> Void) -> TrialBalance
    /// Has the live view made anew.
    let rebuildLive: (LiveRebuild.Older, (Int64, Int64) throws -> Void) throws -> Void
    let connection: Connection
    /// The models' tables, each after those that it is made of.
    let models: [TableIdentifier]
    /// Those of them that models only add rows to.
    let appended: [TableIdentifier]

    private var folder: DataFolder { shop.folder }
    private var log: EmbeddedLog { shop.log }
    private var catalog: any Catalog { shop.catalog }

    /// Those of them that are made of others' rows: they cannot lose some and keep the rest.
    private var derived: [TableIdentifier] {
        appended.filter { identifier in !Topic.events.contains { $0.name == identifier.name } }
    }

    /// What goes on: a word, how far, of how much; what it throws ends the erasure there.
    typealias Progress = (String, Int64, Int64?) throws -> Void

    func run(_ people: People, dryRun: Bool, progress: @escaping Progress) throws -> ErasureCertificate {
        try shop.lake.withoutTidying { try runAlone(people, dryRun, progress) }
    }

    private func runAlone(
        _ people: People, _ dryRun: Bool, _ progress: @escaping Progress
    ) throws -> ErasureCertificate {
        let began = ContinuousClock.now
        try checkPlaces()
        let subjects = people.ids.map { shop.erased.digest(of: $0).description }.sorted()
        var plan =
            try ErasurePlan.pending(folder).first { $0.subjects == subjects }
            ?? ErasurePlan(
                id: ErasurePlan.id(now: EmbeddedLog.wallClock()), subjects: subjects,
                startedAt: EmbeddedLog.wallClock(),
                until: EmbeddedLog.wallClock())
        // A replay that somebody else runs is found out before anything goes.
        let ledger = try dryRun ? nil : replayLedger()
        if !dryRun {
            // The plan knows people by this key: without it, nobody could finish the plan.
            try shop.erased.keepKey()
            // Written down before anybody is kept out, so that this never goes on unnoticed.
            try plan.save(folder)
            // First of all nothing may come in again behind the search.
            try shop.erased.hold(people)
        }
        var certificate = try shop.lake.settled(at: log.cut()) {
            try find(people, &plan, dryRun, progress)
            var certificate = ErasureCertificate(id: plan.id, subjects: subjects, startedAt: plan.startedAt)
            let places = try places(of: plan)
            for topic in Topic.allCases where places.count(in: topic) > 0 {
                certificate.log.records[topic.name] = places.count(in: topic)
            }
            certificate.businessDays = plan.days?.count
            certificate.dryRun = dryRun
            guard !dryRun else { return certificate }
            let inLog = try log.erase(places, senders: { Self.isNamed(people, in: $0) }) {
                try? progress("overwriting the log", $0, $1)
            }
            certificate.log.segments = inLog.segments
            certificate.log.senders = inLog.senders
            try removeBesideTheLog(people, ledger, &certificate)
            certificate.deadFiles = try removeDeadFiles()
            let tables = TableErasure(catalog, connection)
            certificate.tables = try tables.remove(places, days: plan.days) {
                try progress("rewriting \($0)", Int64($1), Int64($2))
            }
            if !places.isEmpty { try tables.forget(derived) }
            certificate.models = try runModels { try? progress("building \($0)", Int64($1), Int64($2)) }
            try rebuildLive(
                { start, apply in try BronzeEvents.forEach(before: start, catalog, connection, apply) },
                { try progress("rebuilding the live view", $0, $1) })
            try forgetPast(people, &certificate, progress)
            try forgetVersions(&certificate, progress)
            return certificate
        }
        guard !dryRun else { return certificate }
        try verify(people, &certificate, progress)
        let now = EmbeddedLog.wallClock()
        // Clocks run ahead: what was erased must not come back because it says that it happens tomorrow.
        let until = max(now, plan.until)
        certificate.erasedUntil = Timestamp.text(until)
        certificate.finishedAt = Timestamp.text(now)
        certificate.seconds = (ContinuousClock.now - began).inSeconds
        try SystemFile.replace(folder.erasures, plan.id + ".json", with: Array(try certificate.json.utf8) + [0x0a])
        if certificate.complete {
            try shop.erased.add(people, until: until)
            try plan.remove(folder)
        }
        return certificate
    }

    // MARK: - Steps

    /// Tables in an object store are looked at where the configuration says that they are.
    private func checkPlaces() throws {
        for namespace in try catalog.listNamespaces() {
            for identifier in try catalog.listTables(in: namespace) {
                let location = try catalog.loadTable(identifier).location
                guard Location.isRemote(location) else { continue }
                if let objects = shop.objects, location.hasPrefix(objects.prefix) { continue }
                throw CommandError(
                    "\(identifier) is at \(location), outside of the lake's place: whether something is left there "
                        + "could not be told; set `lake:` to the folder that holds all tables, or drop the table")
            }
        }
    }

    private static func isNamed(_ people: People, in sender: String) -> Bool {
        Array(sender.utf8).withUnsafeBytes { people.areIn(rejected: $0) }
    }

    private func replayLedger() throws -> ReplayLedger? {
        guard FileManager.default.fileExists(atPath: folder.log + "/replay") else { return nil }
        return try ReplayLedger(folder: folder.log)
    }

    /// Finds everything that has to go, and writes it down before anything goes.
    private func find(
        _ people: People, _ plan: inout ErasurePlan, _ dryRun: Bool, _ progress: @escaping Progress
    ) throws {
        var found = try places(of: plan)
        var latest: Int64?
        found.formUnion(
            try log.places(progress: { try progress("searching the log", $0, $1) }) { topic, record in
                guard ErasureScan.names(people, topic, record) else { return false }
                latest = [latest, PersonMention.time(inRejected: record)].compactMap { $0 }.max()
                return true
            })
        let tables = TableErasure(catalog, connection)
        let inBronze = try tables.places(of: people) { try progress("searching \($0)", 0, nil) }
        found.formUnion(inBronze.places)
        plan.until = max(plan.until, latest ?? .min, inBronze.latest ?? .min)
        plan.places = found.texts
        if let days = plan.days { plan.days = try tables.days(of: found).map { days.union($0) } }
        if !dryRun { try plan.save(folder) }
    }

    private func places(of plan: ErasurePlan) throws -> LogPlaces {
        guard let places = LogPlaces(texts: plan.places) else {
            throw CommandError(
                "\(folder.erasures)/\(plan.id).pending is damaged: remove it, and erase again with the same ids")
        }
        return places
    }

    /// A replay that is on its way, and what repairs have set aside.
    private func removeBesideTheLog(
        _ people: People, _ ledger: ReplayLedger?, _ certificate: inout ErasureCertificate
    ) throws {
        if let ledger { certificate.replayLines = try ledger.erase { people.areIn(rejected: $0) } }
        let aside = folder.log + "/damaged"
        guard FileManager.default.fileExists(atPath: aside) else { return }
        let scan = ErasureScan(people, connection)
        for name in try FileManager.default.contentsOfDirectory(atPath: aside).sorted() {
            guard try scan.mustGo(aside + "/" + name) else { continue }
            try FileManager.default.removeItem(atPath: aside + "/" + name)
            certificate.setAside.append("log/damaged/" + name)
        }
    }

    /// Files that killed processes were still writing, of which nobody knows any more; returns how many.
    private func removeDeadFiles() throws -> Int {
        let open = OpenFiles.now()
        var removed = 0
        for (place, isDead) in Self.deadFiles(folder) {
            // As the system names what is open.
            let root = URL(fileURLWithPath: place).resolvingSymlinksInPath().path
            let walk = FileManager.default.enumerator(atPath: root)
            while let name = walk?.nextObject() as? String {
                guard walk?.fileAttributes?[.type] as? FileAttributeType == .typeRegular, isDead(name),
                    !open.contains(root + "/" + name)
                else { continue }
                try FileManager.default.removeItem(atPath: root + "/" + name)
                removed += 1
            }
        }
        return removed
    }

    private static func deadFiles(_ folder: DataFolder) -> [(root: String, isDead: (String) -> Bool)] {
        [
            (folder.temporary, { _ in true }),
            (folder.lake, { Location.name(of: $0).hasPrefix(LocalStorage.temporaryPrefix) }),
            // The ledger is taken, so nobody else is about to give these their names.
            (folder.log + "/replay", { $0.hasSuffix(".new") }),
        ]
    }

    /// Old snapshots, files of no snapshot, and the catalogue's free pages.
    private func forgetPast(
        _ people: People, _ certificate: inout ErasureCertificate, _ progress: Progress
    ) throws {
        let tables = TableErasure(catalog, connection)
        let scan = ErasureScan(people, connection)
        var renamed: [Int64: Int64] = [:]
        // In the order in which they are made of one another, and then others' tables.
        var identifiers = Topic.allCases.map { BronzeTable($0).identifier } + models
        for namespace in try catalog.listNamespaces() {
            identifiers += try catalog.listTables(in: namespace).filter { !identifiers.contains($0) }
        }
        for identifier in identifiers { try tables.forgetRemoved(of: identifier, &renamed) }
        for namespace in try catalog.listNamespaces() {
            for identifier in try catalog.listTables(in: namespace) {
                try progress("forgetting the past of \(identifier)", 0, nil)
                let index = certificate.tables.firstIndex { $0.table == "\(identifier)" }
                var report = index.map { certificate.tables[$0] } ?? TableErasure.Report(table: "\(identifier)")
                try tables.forgetPast(of: identifier, &report) { try scan.mustGo($0, in: catalog.storage) }
                if let index { certificate.tables[index] = report } else { certificate.tables.append(report) }
            }
        }
        // A catalog elsewhere holds names of tables and of their files, and no values.
        try (catalog as? SQLiteCatalog)?.vacuum()
    }

    /// What the object store keeps besides its objects: old versions of those that are gone, and parts of uploads. A store
    /// that does not let go of them is told of in the end.
    private func forgetVersions(_ certificate: inout ErasureCertificate, _ progress: Progress) throws {
        guard let objects = shop.objects else { return }
        try progress("forgetting old versions of objects", 0, nil)
        var store = ErasureCertificate.Store()
        do {
            let versions = try objects.storage.oldVersions(prefix: objects.prefix)
            try objects.storage.delete(versions)
            store.versions = versions.count
        } catch let error as StorageError {
            certificate.verification.problems.append("old versions of objects: \(error)")
        }
        do {
            let uploads = try objects.storage.unfinishedUploads(prefix: objects.prefix)
            try objects.storage.abort(uploads)
            store.uploads = uploads.count
        } catch let error as StorageError {
            certificate.verification.problems.append("unfinished uploads: \(error)")
        }
        certificate.store = store
    }

    /// Old versions and uploads that are still there: whom they are of cannot be seen.
    private func remains(of objects: ObjectPlace) throws -> [String] {
        let versions = try objects.storage.oldVersions(prefix: objects.prefix)
        let uploads = try objects.storage.unfinishedUploads(prefix: objects.prefix)
        var remains: [String] = []
        if let one = versions.first, let place = try? S3Location(one.location) {
            remains.append(
                "\(versions.count) old versions of objects in \(objects.prefix): remove each by `aws s3api delete-object "
                    + "--bucket \(place.bucket) --key \(place.key) --version-id \(one.id)`")
        }
        if let one = uploads.first, let place = try? S3Location(one.location) {
            remains.append(
                "\(uploads.count) unfinished uploads in \(objects.prefix): end each by `aws s3api abort-multipart-upload "
                    + "--bucket \(place.bucket) --key \(place.key) --upload-id \(one.id)`")
        }
        return remains
    }

    /// The books, and a look at every byte.
    private func verify(
        _ people: People, _ certificate: inout ErasureCertificate, _ progress: @escaping Progress
    ) throws {
        let balance = checkBooks { try? progress("checking the books: \($0)", 0, nil) }
        try progress("looking at every byte", 0, nil)
        certificate.verification.balanced = balance.balanced
        certificate.verification.problems +=
            balance.problems
            + balance.lines.filter { !$0.balanced }.map {
                "\($0.name): \($0.leftName) \($0.left), \($0.rightName) \($0.right)"
            }
        certificate.verification.scan = try ErasureScan(people, connection).run(
            folder: folder.path, log: log, objects: shop.objects.map { ($0.storage, $0.prefix) }
        ) { try progress("looking at every byte: \($2)", $0, $1) }
        if let objects = shop.objects {
            do {
                certificate.verification.scan.leftovers += try remains(of: objects)
            } catch let error as StorageError {
                certificate.verification.problems.append("looking for old versions and uploads: \(error)")
            }
        }
    }
}
