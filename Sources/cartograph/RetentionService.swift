import EventLog
import Streaming

/// Shortens the log to what the settings allow, as far as the lake and the live view no longer need it.
struct RetentionService: Sendable {
    /// Seconds between two looks.
    private static let seconds = 30.0

    let log: EmbeddedLog
    let lake: LakeService
    let runner: StreamRunner
    let policy: LogRetention
    let report: @Sendable (String) -> Void

    /// Looks again and again until its task is cancelled.
    func run() async {
        var lastFailure: String?
        while !Task.isCancelled {
            do {
                try lake.tidy { try removeWhatIsOver() }
                lastFailure = nil
            } catch {
                if lastFailure != "\(error)" { report("the log could not be shortened: \(error)") }
                lastFailure = "\(error)"
            }
            do { try await Task.sleep(for: .seconds(RetentionService.seconds)) } catch { return }
        }
    }

    private func removeWhatIsOver() throws(LogError) {
        // Before its first checkpoint the live view would be rebuilt from the beginning.
        guard let restartsFrom = runner.current.restartsFrom else { return }
        let removal = try log.removeSegments(policy, coveredBy: lake.current.covered.minimum(restartsFrom))
        if removal.segments > 0 {
            report("the log was shortened by \(removal.segments) segments, \(removal.bytes) bytes")
        }
    }
}
