import ArgumentParser
import EventLog
import Events
import Foundation

/// `cartograph log check`.
struct LogCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Read every byte of the log and say what is damaged; changes nothing.",
        discussion: "Exits with 1 when something is damaged. A write that is under way is no damage.")
    @OptionGroup var options: ShopOptions

    func run() async throws {
        let settings = try options.settings()
        let folder = try DataFolder.existing(settings.data)
        let taken = try LogCommand.taken(folder, settings)
        let bar = SharedProgress("checking the log", quiet: options.json)
        let report = try LogCheck.run(folder: folder.log, taken: taken) { bar.show($0, of: $1, "") }
        bar.finish()
        if options.json { try LogCommand.print(report) } else { print(report) }
        guard report.isWhole else {
            let places = report.damageCount == 1 ? "one place" : "\(report.damageCount) places"
            CommandExit.say(
                "cartograph: the log in \(folder.log) is damaged in \(places): restore its files from "
                    + "a copy, or stop the server and see what `cartograph log repair --dry-run` would do")
            throw ExitCode(1)
        }
    }

    private func print(_ report: LogCheckReport) {
        var table = TextTable([
            "segment", "commits", "frames", "records", "lost before", "bytes", "first received", "last received",
        ])
        for segment in report.segments {
            table.add([
                segment.name, Int64(segment.commits).grouped, Int64(segment.frames).grouped, segment.records.grouped,
                segment.lostBefore.grouped, segment.bytes.grouped, LogCommand.time(segment.firstReceivedAt),
                LogCommand.time(segment.lastReceivedAt),
            ])
        }
        Swift.print(table.text)
        for note in report.notes { Swift.print("  \(note)") }
        DamageText.print(report.damages, of: report.damageCount)
        if report.isWhole { Swift.print("The log is whole: \(report.bytes.grouped) bytes read.") }
    }
}

/// `cartograph log repair`.
struct LogRepairCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Cut out of the log what cannot be read, keep it aside, and let readers pass.",
        discussion: """
            What can be read stays where it is, under the offsets that it has. What is cut out is kept in log/damaged. \
            Lost offsets are told, and never given to another event. Only with the server stopped. A repair that is \
            interrupted is finished by running it again.
            """)
    @OptionGroup var options: ShopOptions
    @Flag(name: .long, help: "Show what would be done, and change nothing.") var dryRun = false

    func run() async throws {
        let settings = try options.settings()
        let folder = try DataFolder.existing(settings.data)
        let lock = try folder.lock()
        defer { withExtendedLifetime(lock) {} }
        let taken = try LogCommand.taken(folder, settings)
        let bar = SharedProgress("repairing the log", quiet: options.json)
        let report = try LogRepair.run(folder: folder.log, taken: taken, dryRun: dryRun) { bar.show($0, of: $1, "") }
        bar.finish()
        if options.json { return try LogCommand.print(report) }
        DamageText.print(report.damages, of: report.damageCount)
        for note in report.notes { print("  \(note)") }
        if report.damageCount == 0, report.notes.isEmpty { return print("The log is whole: nothing to repair.") }
        for name in report.repaired { print("  \(name) \(dryRun ? "would be" : "was") written anew") }
        for name in report.setAside { print("  \(name) holds what was cut out") }
        print(
            dryRun
                ? "\(report.lostRecords.grouped) records would be lost. Nothing was changed."
                : "\(report.lostRecords.grouped) records are lost. `cartograph verify` shows them in the books.")
    }
}

/// Damages for people.
enum DamageText {
    static func print(_ damages: [LogDamage], of count: Int) {
        for damage in damages {
            let bytes =
                damage.to > damage.from ? " bytes \(damage.from) to \(damage.to - 1)" : " at byte \(damage.from)"
            Swift.print("  ✗ \(damage.file)\(bytes): \(damage.what)")
            if let first = damage.firstCommit {
                let last = damage.lastCommit ?? first
                Swift.print("      touches \(first == last ? "commit \(first)" : "commits \(first) to \(last)")")
            }
            for range in damage.lost { Swift.print("      lost: \(range)") }
            if damage.isOpenEnded { Swift.print("      what else the log held behind it, nothing tells") }
        }
        if count > damages.count { Swift.print("  … and \(count - damages.count) more places") }
    }
}
