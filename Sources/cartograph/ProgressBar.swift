import Foundation
import Synchronization
import Telemetry

/// A line that shows how far long work is, on a terminal; silent elsewhere.
///
/// It appears only after two seconds, so that short work prints nothing.
struct ProgressBar {
    private static let delay = 2.0
    private static let every = 0.1
    private static let width = 28

    private let label: String
    private let isShown: Bool
    private let began = ContinuousClock.now
    private var lastDrawn = -1.0
    private var drawn = false

    init(_ label: String, quiet: Bool = false) {
        self.label = label
        isShown = !quiet && isatty(STDERR_FILENO) == 1
    }

    private var seconds: Double { (ContinuousClock.now - began).inSeconds }

    /// Shows `done` of `total`, with a word about it.
    mutating func show(_ done: Int64, of total: Int64, _ note: String = "") {
        let now = seconds
        guard isShown, now >= ProgressBar.delay, now - lastDrawn >= ProgressBar.every else { return }
        lastDrawn = now
        drawn = true
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 0
        let full = Int(share * Double(ProgressBar.width))
        let bar = String(repeating: "█", count: full) + String(repeating: "░", count: ProgressBar.width - full)
        let left = share > 0.01 ? " \(Int(now / share - now)) s left" : ""
        write("\r\u{1b}[2K\(label) \(bar) \(Int(share * 100)) %\(left)  \(note)")
    }

    /// Shows work without a known end.
    mutating func show(_ note: String) {
        let now = seconds
        guard isShown, now >= ProgressBar.delay, now - lastDrawn >= ProgressBar.every else { return }
        lastDrawn = now
        drawn = true
        write("\r\u{1b}[2K\(label) \(note)")
    }

    /// Takes the line away.
    mutating func finish() {
        if drawn { write("\r\u{1b}[2K") }
        drawn = false
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

/// A progress bar that several tasks may move.
final class SharedProgress: Sendable {
    private let bar: Mutex<ProgressBar>

    init(_ label: String, quiet: Bool = false) { bar = Mutex(ProgressBar(label, quiet: quiet)) }

    /// Shows `done`, of `total` where that is known.
    func show(_ done: Int64, of total: Int64?, _ note: String) {
        bar.withLock { bar in
            if let total { bar.show(done, of: total, note) } else { bar.show(note) }
        }
    }

    /// Takes the line away.
    func finish() { bar.withLock { $0.finish() } }
}
