import Books
import EventLog
import Foundation
import Synchronization

/// What the books said when they were last looked at, and who is told when they stop balancing.
final class Audit: Sendable {
    /// The last word of the books.
    struct Finding: Sendable {
        /// How many lines and problems are out of balance.
        var unbalanced = 0
        /// Those of them that a look at all lines found, and one at the tables alone cannot find.
        fileprivate var whole = 0
        /// The first of them, in a line; nil when the books balance.
        var text: String?
        /// When the books were last looked at, in seconds since 1970; 0 before.
        var at = 0.0
        /// The same of all of their lines.
        var wholeAt = 0.0
        fileprivate var nextWhole = ContinuousClock.now
    }

    private let finding: Mutex<Finding>
    private let everySeconds: Double
    private let alarm: @Sendable (String) -> Void

    init(everySeconds: Double, alarm: @escaping @Sendable (String) -> Void) {
        self.everySeconds = everySeconds
        self.alarm = alarm
        var first = Finding()
        first.nextWhole = .now + .seconds(everySeconds)
        finding = Mutex(first)
    }

    var current: Finding { finding.withLock { $0 } }

    /// Whether it is time to look at all lines.
    var isDue: Bool { ContinuousClock.now >= current.nextWhole }

    /// Takes a trial balance, and tells of it when something new is out of balance.
    /// - Parameter isWhole: whether it has all lines, or those of the tables alone.
    func take(_ balance: TrialBalance, isWhole: Bool) {
        let now = Double(EmbeddedLog.wallClock()) / 1e6
        let text = Self.text(balance)
        let isNews = finding.withLock { finding in
            defer {
                if isWhole {
                    finding.whole = balance.unbalanced
                    finding.wholeAt = now
                    finding.nextWhole = .now + .seconds(everySeconds)
                }
                // What only a look at everything finds stays until the next such look.
                finding.unbalanced = max(finding.whole, balance.unbalanced)
                if isWhole || text != nil { finding.text = text }
                finding.at = now
            }
            return text != nil && text != finding.text
        }
        if isNews, let text { alarm(text) }
    }

    /// The first thing that is wrong, and how much there is; nil when the books balance.
    private static func text(_ balance: TrialBalance) -> String? {
        guard !balance.balanced else { return nil }
        let first =
            balance.lines.first { !$0.balanced }.map { line in
                "\(line.name): \(line.leftName) \(line.left), \(line.rightName) \(line.right)"
                    + (line.since.map { ", since \($0)" } ?? "")
                    + (line.offending?.first.map { ", first \($0)" } ?? "")
            } ?? balance.problems.first ?? ""
        return "the books do NOT balance, \(balance.unbalanced) of their lines; \(first). See `cartograph verify`"
    }
}
