package import Streaming

/// How well anomalies that were told match what went wrong.
package struct DetectionQuality {
    /// By incident: what found it, and how late.
    package struct Finding {
        package var incident: SyntheticShop.Incident
        package var found: [Anomaly]
        /// Minutes from its start to the first alarm; nil when it was missed.
        package var delay: Int64?
        /// How far the best anomaly's start and end are from the incident's, in minutes.
        package var startError: Int64?
        package var endError: Int64?
    }

    package var findings: [Finding] = []
    /// Anomalies that touch no incident.
    package var falseAlarms: [Anomaly] = []
    package var told = 0
    /// Weeks that were watched, without those of learning.
    package var weeks: Double

    /// How long after an incident an anomaly may begin and still be of it: sums still hold some of it.
    package static let aftermath: Int64 = 60

    /// Matches anomalies with incidents.
    package init(_ anomalies: [Anomaly], _ incidents: [SyntheticShop.Incident], weeks: Double) {
        self.weeks = weeks
        told = anomalies.count
        for incident in incidents {
            let touching = anomalies.filter {
                $0.startMinute < incident.end + DetectionQuality.aftermath
                    && ($0.endMinute ?? .max) > incident.start
            }
            let right = touching.filter { incident.metrics.contains($0.metric) && $0.startMinute < incident.end }
            let first = right.map(\.noticedMinute).min()
            let best = right.min {
                abs($0.startMinute - incident.start) + abs(($0.endMinute ?? .max / 4) - incident.end)
                    < abs($1.startMinute - incident.start) + abs(($1.endMinute ?? .max / 4) - incident.end)
            }
            findings.append(
                Finding(
                    incident: incident, found: right, delay: first.map { $0 - incident.start },
                    startError: best.map { $0.startMinute - incident.start },
                    endError: best.map { ($0.endMinute ?? .max / 4) - incident.end }))
        }
        falseAlarms = anomalies.filter { anomaly in
            !incidents.contains {
                anomaly.startMinute < $0.end + DetectionQuality.aftermath
                    && (anomaly.endMinute ?? .max) > $0.start
            }
        }
    }

    /// The incidents that were found, of those that were to be.
    package var recall: Double {
        let wanted = findings.filter(\.incident.isWanted)
        return wanted.isEmpty ? 1 : Double(wanted.count { $0.delay != nil }) / Double(wanted.count)
    }

    /// The anomalies told that were of an incident.
    package var precision: Double { told == 0 ? 1 : 1 - Double(falseAlarms.count) / Double(told) }

    /// False alarms a week, of a severity or more.
    package func falseAlarmsPerWeek(_ severity: Anomaly.Severity = .info) -> Double {
        Double(Set(falseAlarms.filter { $0.severity >= severity }.map(\.incident)).count) / weeks
    }
}
