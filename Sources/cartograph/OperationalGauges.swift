import EventLog
import Events
import Foundation
import Streaming
import Telemetry

/// Numbers about the platform itself that are read off once a second.
struct OperationalGauges: Sendable {
    let lake: LakeService
    let batch: BatchService
    let log: EmbeddedLog
    let metrics: Metrics
    let runner: StreamRunner
    private let report: @Sendable (String) -> Void

    init(shop: Shop, runner: StreamRunner, report: @escaping @Sendable (String) -> Void) {
        self.report = report
        lake = shop.lake
        batch = shop.batch
        log = shop.log
        metrics = shop.metrics
        self.runner = runner
    }

    func run() async {
        var hasToldFailure = false
        while !Task.isCancelled {
            refresh()
            if !hasToldFailure, let failure = log.failure {
                report(LogError.failed(failure.description).description)
                hasToldFailure = true
            }
            do { try await Task.sleep(for: .seconds(1)) } catch { return }
        }
    }

    private func refresh() {
        func set(_ name: String, _ help: String, _ value: Double) { metrics.gauge(name, help: help).set(value) }
        let cut = log.cut()
        for topic in Topic.allCases {
            metrics.gauge(
                "cartograph_log_records", help: "Records that the log has taken in, also those removed since.",
                ["topic": topic.name]
            )
            .set(Double(cut.offsets.records(in: topic)))
        }
        set("cartograph_log_commit", "The log's last commit.", Double(cut.commit))
        set("cartograph_log_ok", "1 while the log takes events.", log.failure == nil ? 1 : 0)
        let live = runner.current
        set("cartograph_stream_commit", "The last commit in the live view.", Double(live.commit))
        set("cartograph_stream_duplicates", "Duplicates seen by the stream.", Double(live.counters.duplicates))
        set("cartograph_stream_conflicts", "Ids seen again with other content.", Double(live.counters.conflicts))
        set("cartograph_stream_late", "Events received a day or more late.", Double(live.counters.late))
        set("cartograph_stream_state_bytes", "Memory of the stream's tables.", Double(live.stateBytes))
        set("cartograph_fraud_scored", "Purchases scored for fraud.", Double(live.fraud.purchases))
        set("cartograph_fraud_alerts", "Fraud scores that raised an alert.", Double(live.fraudAlerts))
        set("cartograph_fraud_labels", "Labels that the fraud scores learnt from.", Double(live.fraud.labels))
        set("cartograph_fraud_keys", "Customers, cards, devices and the like remembered.", Double(live.fraud.keys))
        set("cartograph_fraud_evicted", "Of them, those forgotten for want of room.", Double(live.fraud.evicted))
        set("cartograph_fraud_state_bytes", "Memory of the fraud scores.", Double(live.fraud.bytes))
        for usage in live.stateUsage {
            metrics.gauge(
                "cartograph_stream_job_bytes", help: "Memory of one job's tables.", ["job": usage.name]
            ).set(Double(usage.bytes))
            metrics.gauge(
                "cartograph_stream_job_entries", help: "Keys that one job holds.", ["job": usage.name]
            ).set(Double(usage.entries))
        }
        set(
            "cartograph_stream_checkpoint_pause_seconds", "How long the stream waited for its last checkpoint.",
            Double(live.checkpointPause) / 1e6)
        set(
            "cartograph_stream_checkpoint_pause_longest_seconds", "The longest wait for a checkpoint.",
            Double(live.longestCheckpointPause) / 1e6)
        set(
            "cartograph_lake_lag_seconds", "Age of the oldest event not in the lake.",
            lake.lagSeconds(now: EmbeddedLog.wallClock()))
        set("cartograph_batch_seconds", "How long the last run of the models took.", batch.current.lastSeconds)
        set("cartograph_batch_ok", "1 when the last run of the models succeeded.", batch.current.failure == nil ? 1 : 0)
        let audit = batch.audit.current
        set(
            "cartograph_books_unbalanced", "Lines of the books that did not balance when they were last looked at.",
            Double(audit.unbalanced))
        set(
            "cartograph_books_checked_timestamp_seconds", "When the books were last looked at; 0 before.", audit.at)
        set(
            "cartograph_books_checked_whole_timestamp_seconds", "The same of all of their lines.", audit.wholeAt)
        if let warehouse = batch.warehouse?.current {
            set(
                "cartograph_warehouse_ok", "1 unless the last load of the warehouse failed.",
                warehouse.failure == nil ? 1 : 0)
            set(
                "cartograph_warehouse_load_seconds", "How long the last load of the warehouse took.", warehouse.seconds)
        }
        set("cartograph_resident_bytes", "Resident memory now.", Double(ProcessMemory.residentBytes ?? 0))
        set(
            "cartograph_resident_peak_bytes", "Most resident memory so far.",
            Double(ProcessMemory.peakResidentBytes ?? 0))
    }
}
