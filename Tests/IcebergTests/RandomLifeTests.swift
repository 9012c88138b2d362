import Foundation
import Iceberg
import Storage
import Synchronization
import Testing

@Suite("A random life of a table")
struct RandomLifeTests {
    /// Lives and how long they are: two of 600 steps, or as many as `CARTOGRAPH_LIVES=FIRST-LAST:STEPS` says.
    private static let lives: (seeds: ClosedRange<UInt64>, steps: Int) = {
        let text = ProcessInfo.processInfo.environment["CARTOGRAPH_LIVES"] ?? "1-2:600"
        let numbers = text.split(whereSeparator: { "-:".contains($0) }).compactMap { UInt64($0) }
        precondition(
            numbers.count == 3 && numbers[0] <= numbers[1] && numbers[2] > 0,
            "CARTOGRAPH_LIVES is FIRST-LAST:STEPS, such as 1-10:1000")
        return (numbers[0]...numbers[1], Int(numbers[2]))
    }()

    @Test(
        "Hundreds of steps of everything, with lost answers, failing disks and kills, agree with a plain model",
        arguments: lives.seeds)
    func life(_ seed: UInt64) throws {
        var life = try RandomLife(seed: seed)
        for step in 0..<Self.lives.steps {
            do {
                try life.step(step)
                try life.check(everything: step % 10 == 9)
            } catch {
                Issue.record("seed \(seed), step \(step) (\(life.doing)): \(error)")
                return
            }
        }
        // Every kind of step happened, and every kind of trouble.
        #expect(life.done.count == RandomLife.Kind.allCases.count, "\(life.done)")
        #expect(life.killed > 5 && life.failed > 20 && life.removedOrphans > 0 && life.deletes > 20, "\(life)")
    }

    @Test("The model notices a file that is deleted although a snapshot has it")
    func notices() throws {
        var life = try RandomLife(seed: 9)
        var step = 0
        while step < 20 || life.isEmpty, step < 200 {
            try life.step(step)
            step += 1
        }
        try life.check(everything: true)
        try life.breakSomething()
        #expect(throws: (any Error).self) { try life.check(everything: true) }
    }
}

/// One table, its model, and the dice.
struct RandomLife: CustomStringConvertible {
    enum Kind: CaseIterable {
        case append, overwrite, overwriteByFilter, delete, deleteRows, compact, schema, spec, expire, manifests
        case orphans, tag, untag, rollback, concurrent, round, reopen
    }

    struct Disagreement: Error, CustomStringConvertible {
        let description: String
    }

    private let workspace: Workspace
    private let catalog: FlakyCatalog
    private let clock = Counter(CommitPolicy.wallClock())
    private var random: SeededGenerator
    private var table: Table
    private var other: Table
    private var model = LakeModel()
    private var otherRows = 0
    private var names = 0
    private(set) var doing = ""
    private(set) var done: Set<Kind> = []
    private(set) var killed = 0
    private(set) var failed = 0
    private(set) var removedOrphans = 0
    /// Delete files that came to hold for a file.
    private(set) var deletes = 0
    /// The partition of each file that was made, by its name.
    private var partitions: [String: PartitionKey] = [:]

    var description: String {
        "done \(done.count), killed \(killed), failed \(failed), orphans \(removedOrphans), deletes \(deletes)"
    }

    init(seed: UInt64) throws {
        workspace = try Workspace()
        catalog = FlakyCatalog(workspace.catalog, seed: seed &+ 77)
        random = SeededGenerator(seed: seed)
        let properties = [TableProperty.minimumCountToMerge: "5", TableProperty.previousVersionsMax: "6"]
        table = try workspace.table("life", properties: properties, catalog: catalog)
        other = try workspace.table("other", properties: properties, catalog: catalog)
        (table.policy, other.policy) = (policy, policy)
    }

    private var policy: CommitPolicy {
        CommitPolicy(attempts: 4, now: { [clock] in clock.add(7) }, pause: { _ in })
    }

    private mutating func roll(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }

    // MARK: Steps

    mutating func step(_ number: Int) throws {
        catalog.lose([0, 0, 0, 6, 12][roll(0..<5)])
        let kind = Kind.allCases.randomElement(using: &random) ?? .append
        doing = "\(kind)"
        let before = try workspace.catalog.load(table.identifier)
        if roll(0..<6) == 0 { failStorage(atCall: roll(0..<6)) }
        defer { workspace.storage.fail(where: nil) }
        do {
            try run(kind)
            done.insert(kind)
            workspace.storage.fail(where: nil)
        } catch let error as Disagreement {
            throw error
        } catch {
            workspace.storage.fail(where: nil)
            // The step failed or its fate is open; either way the table says which.
            failed += 1
            guard error is StorageError || error is IcebergError else { throw error }
            try settle(before, after: error)
        }
        // Now and then the process is gone and another opens the table.
        if roll(0..<12) == 0 { try reopen() }
    }

    /// What the step in hand would make of the model, should it have landed.
    private var pending: ((inout LakeModel, Table) -> Void)?

    private mutating func settle(_ before: TableVersion, after error: any Error) throws {
        let mayHaveLanded = (error as? IcebergError)?.kind == .uncertain
        try reopen()
        if table.version == before { return }
        guard mayHaveLanded else { throw Disagreement(description: "\(error), and yet the table changed") }
        pending?(&model, table)
        otherRows = try other.files().count
    }

    private mutating func reopen() throws {
        killed += 1
        table = try catalog.loadTable(table.identifier, policy: policy)
        other = try catalog.loadTable(other.identifier, policy: policy)
    }

    private func failStorage(atCall call: Int) {
        let calls = Counter(-1)
        let target = Int64(call)
        workspace.storage.fail { operation, _ in operation != "delete" && calls.add(1) == target }
    }

    private mutating func newFiles(_ count: Int) throws -> [DataFile] {
        var files: [DataFile] = []
        for _ in 0..<count {
            names += 1
            let day = Int32(roll(0..<5))
            var file = try workspace.file("f\(names)", day: day, of: table)
            (file.lowerBounds[3], file.upperBounds[3]) = (
                SingleValue.encode(.date(day)), SingleValue.encode(.date(day))
            )
            file.nullValueCounts[3] = 0
            file.specID = table.spec.specID
            file.partition = try table.spec.fields.map { try $0.transform.apply(.date(day)) }
            partitions["f\(names)"] = file.partitionKey
            files.append(file)
        }
        return files
    }

    private static func day(_ file: DataFile) -> Int32 {
        guard case .date(let day)? = try? SingleValue.decode(file.lowerBounds[3] ?? [], as: .date) else { return -1 }
        return day
    }

    /// Runs a commit that makes one snapshot, and the model with it.
    private mutating func snapshot(
        _ change: @escaping (inout LakeModel.Files) -> Void, _ commit: (inout Table) throws -> Void
    ) throws {
        pending = { model, table in
            guard let snapshot = table.currentSnapshot, model.snapshots[snapshot.id] == nil else { return }
            change(&model.live)
            model.snapshots[snapshot.id] = model.live
            model.history.append(snapshot.id)
            model.parents[snapshot.id] = snapshot.parentID
        }
        try commit(&table)
        pending?(&model, table)
    }

    private static func add(_ files: [DataFile], to live: inout LakeModel.Files) {
        for file in files { live.days[Location.name(of: file.location)] = day(file) }
    }

    /// A file of deletes that holds for some file of the model: positions in that file, or values in its partition.
    private mutating func newDeletes() throws -> DataFile? {
        guard let target = model.live.days.keys.sorted().randomElement(using: &random), let key = partitions[target]
        else { return nil }
        names += 1
        var file = try workspace.file("d\(names)", of: table)
        (file.specID, file.partition) = (key.specID, key.values)
        (file.lowerBounds, file.upperBounds, file.splitOffsets) = ([:], [:], [])
        if roll(0..<2) == 0 {
            file.content = .positionDeletes
            if roll(0..<2) == 0 { file.referencedDataFile = table.dataLocation + "/" + target }
        } else {
            (file.content, file.equalityIDs) = (.equalityDeletes, [1])
        }
        return file
    }

    /// The files of the model that a new delete file holds for: one, or all of its partition, or all.
    private func targets(of delete: DataFile, in live: LakeModel.Files) -> [String] {
        if let target = delete.referencedDataFile { return [Location.name(of: target)].filter { live.days[$0] != nil } }
        let isGlobal =
            delete.content == .equalityDeletes
            && (table.metadata.spec(id: delete.specID)?.fields.allSatisfy { $0.transform == .void } ?? false)
        return live.days.keys.filter { isGlobal || partitions[$0] == delete.partitionKey }
    }

    private mutating func run(_ kind: Kind) throws {
        switch kind {
        case .append:
            let files = try newFiles(roll(0..<4))
            try snapshot({ Self.add(files, to: &$0) }) { try $0.append(files) }
        case .overwrite:
            let day = Int32(roll(0..<5))
            let files = try newFiles(roll(0..<2))
            // Files of every spec that has the day as a partition; in the others the day is not a partition.
            let metadata = table.metadata
            let byDay = metadata.partitionSpecs.filter { $0.fields.count == 1 && $0.fields[0].transform == .identity }
            let keys = byDay.map { PartitionKey([.date(day)], specID: $0.specID) }
            let ids = Set(byDay.map(\.specID))
            let gone = Set(
                try table.plan().tasks.map(\.file).filter { ids.contains($0.specID) && Self.day($0) == day }.map {
                    Location.name(of: $0.location)
                })
            try snapshot({ live in
                for name in gone { live.remove(name) }
                Self.add(files, to: &live)
            }) { try $0.overwrite(deletingPartitions: keys, adding: files) }
        case .overwriteByFilter:
            let day = Int32(roll(0..<5))
            try snapshot({ live in
                for name in live.days.filter({ $0.value >= day }).keys { live.remove(name) }
            }) {
                try $0.overwrite(where: .greaterOrEqual("day", .date(day)), adding: [])
            }
        case .delete, .compact:
            let gone = model.live.days.keys.sorted().prefix(roll(1..<4))
            guard !gone.isEmpty else { return }
            let files = try newFiles(kind == .compact ? 1 : roll(0..<2))
            let folder = table.dataLocation
            try snapshot({ live in
                for name in gone { live.remove(name) }
                Self.add(files, to: &live)
            }) {
                try $0.replaceFiles(
                    gone.map { folder + "/" + $0 }, with: files, operation: kind == .compact ? .replace : .overwrite)
            }
        case .deleteRows:
            guard let delete = try newDeletes() else { return }
            let targets = targets(of: delete, in: model.live)
            try snapshot({ live in
                for name in targets { live.deletes[name, default: []].insert(Location.name(of: delete.location)) }
            }) { try $0.append([delete]) }
            deletes += targets.count
        case .schema: try evolve()
        case .spec:
            pending = nil
            let hasField = !table.spec.fields.isEmpty
            let transform: Transform = roll(0..<2) == 0 ? .identity : .month
            try table.updateSpec { spec in
                if hasField { try spec.removeField(spec.fields[0].name) } else { try spec.addField("day", transform) }
            }
        case .expire:
            let keep = roll(1..<6)
            pending = { model, table in
                let kept = Set(table.metadata.snapshots.map(\.id))
                model.snapshots = model.snapshots.filter { kept.contains($0.key) }
                let gap = model.history.lastIndex { !kept.contains($0) }.map { $0 + 1 } ?? 0
                model.history.removeFirst(gap)
            }
            let mustStay = Set(ancestors(keep) + model.tags.values)
            try table.expireSnapshots(keepLast: keep, olderThan: .distantFuture)
            pending?(&model, table)
            guard Set(model.snapshots.keys) == mustStay else {
                throw Disagreement(
                    description: "expiry kept \(model.snapshots.keys.sorted()), not \(mustStay.sorted())")
            }
        case .manifests:
            let had = table.currentSnapshot?.id
            try snapshot({ _ in }) { try $0.rewriteManifests(targetBytes: 60_000) }
            if table.currentSnapshot?.id == had { pending = nil }
        case .orphans:
            pending = nil
            // What is there belongs to nobody else: no writer is at work, so nothing is too young.
            _ = clock.add(4 * 86_400_000)
            removedOrphans += try table.removeOrphans().orphans.count
        case .tag:
            guard let current = table.currentSnapshot?.id else { return }
            names += 1
            let name = "t\(names)"
            pending = { model, table in if table.metadata.references[name] != nil { model.tags[name] = current } }
            try update { $0.setReference(name, isBranch: false, to: current) }
            pending?(&model, table)
        case .untag:
            guard let name = model.tags.keys.sorted().first else { return }
            pending = { model, table in if table.metadata.references[name] == nil { model.tags[name] = nil } }
            try update { $0.removeReference(name) }
            pending?(&model, table)
        case .rollback:
            let back = ancestors(4)
            guard let id = back.last, back.count > 1 else { return }
            pending = { model, table in
                guard table.currentSnapshot?.id == id else { return }
                model.live = model.snapshots[id] ?? LakeModel.Files()
                model.history.append(id)
            }
            try table.rollback(to: id)
            pending?(&model, table)
        case .concurrent: try concurrent()
        case .round: try round()
        case .reopen: try reopen()
        }
    }

    private mutating func update(_ stage: (inout TableUpdate) -> Void) throws {
        var update = TableUpdate(table)
        stage(&update)
        try table.commit(update)
    }

    private mutating func evolve() throws {
        names += 1
        let name = "c\(names)"
        let extra = model.columns.dropFirst(3)
        let victim = roll(0..<2) == 0 ? extra.first : nil
        pending = { model, table in
            model.columns = table.schema.fields.map(\.name)
        }
        let expected = victim.map { victim in model.columns.filter { $0 != victim } } ?? model.columns + [name]
        try table.updateSchema { schema in
            if let victim { try schema.dropColumn(victim) } else { try schema.addColumn(name, .long) }
        }
        pending?(&model, table)
        guard model.columns == expected else { throw Disagreement(description: "the columns are \(model.columns)") }
    }

    /// Another writer commits between this one's reading and its commit.
    private mutating func concurrent() throws {
        let (mine, theirs) = (try newFiles(1), try newFiles(1))
        var rival = try workspace.catalog.loadTable(table.identifier, policy: policy)
        let first = try rival.append(theirs)
        Self.add(theirs, to: &model.live)
        model.snapshots[first.id] = model.live
        model.history.append(first.id)
        model.parents[first.id] = first.parentID
        try snapshot({ Self.add(mine, to: &$0) }) { try $0.append(mine) }
    }

    /// This table and another in one commit: both or neither.
    private mutating func round() throws {
        let files = try newFiles(1)
        var round = Transaction(catalog, policy: policy)
        var first = TableUpdate(table)
        first.append(files)
        try round.stage(first)
        var second = TableUpdate(other)
        names += 1
        second.append([try workspace.file("o\(names)", of: other)])
        try round.stage(second)
        let had = otherRows
        try snapshot({ Self.add(files, to: &$0) }) { table in table = try round.commit()[0] }
        other = try catalog.loadTable(other.identifier, policy: policy)
        otherRows = had + 1
    }

    /// The newest states of the main branch that are kept, newest first.
    private func ancestors(_ count: Int) -> [Int64] {
        var found: [Int64] = []
        var next = model.history.last
        while let id = next, found.count < count, model.snapshots[id] != nil {
            found.append(id)
            next = model.parents[id]
        }
        return found
    }

    // MARK: Checks

    var isEmpty: Bool { model.live.days.isEmpty }

    mutating func breakSomething() throws {
        guard let name = model.live.days.keys.sorted().first else {
            throw Disagreement(description: "nothing to break")
        }
        try workspace.storage.delete(table.dataLocation + "/" + name)
    }

    /// A snapshot's files as the model has them, and how many entries that were.
    private func contents(of table: Table, at snapshot: Snapshot?) throws -> (files: LakeModel.Files, count: Int) {
        var files = LakeModel.Files()
        let tasks = try snapshot.map { try table.plan(at: $0).tasks } ?? []
        for task in tasks {
            let name = Location.name(of: task.file.location)
            files.days[name] = Self.day(task.file)
            if !task.deletes.isEmpty {
                files.deletes[name] = Set(task.deletes.map { Location.name(of: $0.file.location) })
            }
        }
        return (files, tasks.count)
    }

    func check(everything: Bool) throws {
        func agree(_ isTrue: Bool, _ what: @autoclosure () -> String) throws {
            if !isTrue { throw Disagreement(description: what()) }
        }
        let now = try workspace.catalog.loadTable(table.identifier)
        let (seen, count) = try contents(of: now, at: now.currentSnapshot)
        try agree(seen == model.live && count == model.live.days.count, "the table has \(seen), not \(model.live)")
        let summary = now.currentSnapshot?.summary["total-data-files"]
        try agree(summary == nil || summary == String(model.live.days.count), "the summary says \(summary ?? "")")
        try agree(now.schema.fields.map(\.name) == model.columns, "the columns are \(now.schema.fields.map(\.name))")
        try agree(Set(now.metadata.snapshots.map(\.id)) == Set(model.snapshots.keys), "other snapshots are kept")
        try agree(now.history.map(\.snapshotID) == model.history, "the history is \(now.history), not \(model.history)")
        let tags = now.metadata.references.filter { !$0.value.isBranch }.mapValues(\.snapshotID)
        try agree(tags == model.tags, "the tags are \(tags), not \(model.tags)")
        try agree(
            try workspace.catalog.loadTable(other.identifier).files().count == otherRows, "the other table differs")
        for entry in now.history {
            let moment = Date(timeIntervalSince1970: (Double(entry.timestampMilliseconds) + 0.5) / 1000)
            try agree(now.snapshot(asOf: moment)?.id == entry.snapshotID, "time travel to \(entry) fails")
        }
        let day = Int32(model.live.days.count % 5)
        let planned = try now.plan(where: .equal("day", .date(day))).tasks.map { Location.name(of: $0.file.location) }
        try agree(
            Set(planned) == Set(model.live.days.filter { $0.value == day }.keys), "the plan of day \(day) is \(planned)"
        )
        guard everything else { return }
        let stored = Set(try workspace.stored("data", of: now))
        for (id, files) in model.snapshots {
            guard let snapshot = now.snapshot(id: id) else { throw Disagreement(description: "snapshot \(id) is gone") }
            let found = try contents(of: now, at: snapshot).files
            try agree(found == files, "snapshot \(id) has \(found), not \(files)")
            let names = Set(files.days.keys).union(files.deletes.values.flatMap { $0 })
            try agree(names.isSubset(of: stored), "files of snapshot \(id) are gone: \(names.subtracting(stored))")
        }
        for entry in now.metadata.metadataLog {
            try agree(try workspace.storage.exists(entry.location), "\(entry.location) is in the log and gone")
        }
    }
}
