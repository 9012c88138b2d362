import Engine
import Foundation
import Iceberg
import Lake

/// Makes business days of tables anew, month by month. Every commit says in its summary which days of this backfill the table
/// has now, so that what is done and what is known to be done change together.
struct Backfill {
    /// Most days of a backfill.
    static let daysMax = 36_600
    /// In a snapshot's summary: the backfill that made it.
    private static let idKey = "cartograph.backfill"
    /// The days that it has done by then.
    private static let daysKey = "cartograph.backfill-days"
    /// The snapshots that they were made from.
    private static let inputsKey = "cartograph.backfill-inputs"

    private let session: ModelSession
    private let days: Set<String>
    private let models: [Model]
    private let journal: BackfillJournal
    private let entry: BackfillJournal.Entry
    private let isResumed: Bool

    init(
        _ session: ModelSession, _ range: ClosedRange<String>, _ models: [Model], journal: BackfillJournal
    ) throws {
        guard let first = LakeDate.days(range.lowerBound), let last = LakeDate.days(range.upperBound) else {
            throw ModelError(.run, "a backfill goes from one date to another, such as 2026-03-01 to 2026-03-31")
        }
        guard first <= last, Int(last - first) < Self.daysMax else {
            throw ModelError(.run, "a backfill is of 1 to \(Self.daysMax) days")
        }
        days = Set((first...last).map { Value.date(days: $0).text })
        self.session = session
        self.journal = journal
        // What the models read comes first, and is brought up to date only.
        let graph = ModelGraph(session.project)
        let above = graph.ancestors(of: Set(models.map { .model($0.name) }))
        self.models = session.project.models.filter { model in
            model.materialization != .ephemeral
                && (above.contains(.model(model.name)) || models.contains { $0.name == model.name })
        }
        let wanted = models.filter { $0.materialization == .incremental && !$0.onlyGrows }.map(\.name)
        guard !wanted.isEmpty else {
            throw ModelError(
                .run, "none of the models selected is kept by business days: run them with --full-refresh instead")
        }
        let known = try journal.read()
        if let known, (known.from, known.to, known.models) != (range.lowerBound, range.upperBound, wanted) {
            throw ModelError(
                .run,
                "a backfill from \(known.from) to \(known.to) of \(known.models.joined(separator: " ")) was interrupted: "
                    + "finish it first, or remove \(journal.path) to forget it")
        }
        isResumed = known != nil
        entry =
            known
            ?? BackfillJournal.Entry(
                id: UUID().uuidString.lowercased(), from: range.lowerBound, to: range.upperBound, models: wanted)
    }

    func run(isCancelled: () -> Bool, progress: (BackfillProgress) -> Void) throws -> BackfillReport {
        try journal.write(entry)
        var report = BackfillReport()
        report.isResumed = isResumed
        let count = entry.models.count
        var behind = 0
        for model in models {
            let base = behind * days.count
            func tell(_ done: Int, _ of: Int) {
                progress(
                    BackfillProgress(
                        model: model.name, done: base + (of == 0 ? 0 : done * days.count / of),
                        total: count * days.count))
            }
            try session.located(model.name) {
                if entry.models.contains(model.name) {
                    try fill(model, &report, isCancelled, tell)
                } else {
                    tell(0, 0)
                    report.updated.append(try session.bringUpToDate(model, false))
                }
            }
            if entry.models.contains(model.name) { behind += 1 }
            guard !isCancelled() else { throw ModelError(.cancelled, "the backfill was cancelled after \(model.name)") }
        }
        try journal.remove()
        return report
    }

    // MARK: - One model

    private func fill(
        _ model: Model, _ report: inout BackfillReport, _ isCancelled: () -> Bool, _ tell: (Int, Int) -> Void
    ) throws {
        let statement = ModelStatement(project: session.project, model: model, variables: session.variables)
        let coverage = try session.coverage(statement)
        let work = try session.work(for: statement, coverage, try session.table(model.table)?.currentSnapshot, false)
        guard var table = try session.table(model.table),
            let made = table.currentSnapshot.flatMap({ ModelCoverage($0) })
        else { return report.updated.append(try session.bringUpToDate(model, false)) }
        var touched = Set<String>()
        switch work {
        case .rebuild: return report.updated.append(try session.bringUpToDate(model, false))
        case .update(let days):
            guard let named = try session.rebuildDays(statement, days) else {
                return report.updated.append(try session.bringUpToDate(model, false))
            }
            touched = named
        case .nothing: break
        }
        var finished = try finished(statement, table)
        let before = finished.intersection(days).count
        let left = days.union(touched).subtracting(finished).sorted()
        func says() throws -> [String: String] {
            [
                Self.idKey: entry.id, Self.daysKey: finished.sorted().joined(separator: ","),
                Self.inputsKey: try coverage.inputsText(),
            ]
        }
        for chunk in Self.chunks(left) {
            tell(finished.intersection(days).count, days.count)
            guard !isCancelled() else { throw ModelError(.cancelled, "the backfill was cancelled in \(model.name)") }
            guard let wide = try session.rebuildDays(statement, .some(Set(chunk))) else {
                return report.updated.append(try session.bringUpToDate(model, true))
            }
            finished.formUnion(wide)
            // Until all is done the table stays one that was made from what it was made from: a run in between does what is
            // left of what its inputs' changes ask for.
            report.rows += try session.overwrite(statement, made, wide, &table, try says())
            session.adopt(table, as: model.table)
        }
        if made != coverage {
            _ = try session.overwrite(statement, coverage, [], &table, try says())
            session.adopt(table, as: model.table)
        }
        report.models.append((model.name, left.count, before))
    }

    /// The days that this backfill has done of a table, and whose inputs did not change since.
    private func finished(_ statement: ModelStatement, _ table: Table) throws -> Set<String> {
        var next = table.currentSnapshot
        var steps = 0
        while let snapshot = next, snapshot.summary[Self.idKey] != entry.id, steps < table.metadata.snapshots.count {
            next = snapshot.parentID.flatMap { table.snapshot(id: $0) }
            steps += 1
        }
        guard let snapshot = next, snapshot.summary[Self.idKey] == entry.id,
            let text = snapshot.summary[Self.inputsKey], let inputs = ModelCoverage.inputs(text)
        else { return [] }
        var touched = TouchedDays.none
        for input in statement.inputs {
            let change = InputChanges(table: try session.table(input), since: inputs[input] ?? "")
            if !change.isNone { touched = touched.union(change.touchedDays()) }
        }
        guard let wide = try session.rebuildDays(statement, touched) else { return [] }
        return TouchedDays(snapshot.summary[Self.daysKey] ?? "").days.subtracting(wide)
    }

    /// Days in order, month by month.
    private static func chunks(_ days: [String]) -> [[String]] {
        var chunks: [[String]] = []
        for day in days {
            if let last = chunks.last?.last, last.prefix(7) == day.prefix(7) {
                chunks[chunks.count - 1].append(day)
            } else {
                chunks.append([day])
            }
        }
        return chunks
    }
}

extension TouchedDays {
    /// The days where they are named; none for all.
    var days: Set<String> {
        if case .some(let days) = self { days } else { [] }
    }
}
