import Telemetry
import Testing

@Suite struct MetricsTests {
    @Test func theTextIsPrometheusTextFormat() {
        let metrics = Metrics()
        metrics.gauge("b_bytes", help: "Bytes held.").set(1.5)
        metrics.counter("a_total", help: "Events.", ["type": "click", "door": "http"]).add(3)
        metrics.counter("a_total", help: "Events.", ["type": "cart", "door": "http"]).add()
        metrics.counter("empty_total", help: "Nothing yet.").add(0)
        #expect(
            metrics.text() == """
                # HELP a_total Events.
                # TYPE a_total counter
                a_total{type="cart",door="http"} 1
                a_total{type="click",door="http"} 3
                # HELP b_bytes Bytes held.
                # TYPE b_bytes gauge
                b_bytes 1.5
                # HELP empty_total Nothing yet.
                # TYPE empty_total counter
                empty_total 0

                """)
    }

    @Test func aHistogramCountsUpToEachBound() {
        let metrics = Metrics()
        let histogram = metrics.histogram("wait_seconds", help: "Waiting.", ["route": "/v1"])
        for seconds in [0.0001, 0.0005, 0.3, 10, 11] { histogram.observe(seconds) }
        let lines = metrics.text().split(separator: "\n").map(String.init)
        #expect(lines[1] == "# TYPE wait_seconds histogram")
        #expect(lines[2] == #"wait_seconds_bucket{route="/v1",le="0.0005"} 2"#)
        #expect(lines.contains(#"wait_seconds_bucket{route="/v1",le="0.25"} 2"#))
        #expect(lines.contains(#"wait_seconds_bucket{route="/v1",le="0.5"} 3"#))
        #expect(lines.contains(#"wait_seconds_bucket{route="/v1",le="10.0"} 4"#))
        #expect(lines.contains(#"wait_seconds_bucket{route="/v1",le="+Inf"} 5"#))
        #expect(lines.last == #"wait_seconds_count{route="/v1"} 5"#)
        #expect(lines.count == 2 + Histogram.bounds.count + 3)
        #expect(abs(histogram.current.sum - 21.3006) < 1e-9)
    }

    @Test func labelValuesAreEscaped() {
        let metrics = Metrics()
        metrics.counter("x_total", help: "X.", ["path": "a\"b\\c\nd"]).add()
        #expect(metrics.text().contains(#"x_total{path="a\"b\\c\nd"} 1"#))
    }

    @Test func theSameNameAndLabelsAreTheSameInstrument() {
        let metrics = Metrics()
        metrics.counter("x_total", help: "X.", ["a": "1"]).add(2)
        metrics.counter("x_total", help: "X.", ["a": "1"]).add(3)
        #expect(metrics.counter("x_total", help: "X.", ["a": "1"]).current == 5)
        #expect(metrics.counter("x_total", help: "X.", ["a": "2"]).current == 0)
    }

    @Test func labelsFromOutsideCannotGrowMemory() {
        let metrics = Metrics()
        for i in 0..<(Metrics.membersPerName + 50) { metrics.counter("x_total", help: "X.", ["reason": "\(i)"]).add() }
        let lines = metrics.text().split(separator: "\n")
        #expect(lines.count == 2 + Metrics.membersPerName + 1)
        #expect(lines.contains(#"x_total{overflow="true"} 50"#))
    }

    @Test func countingFromManyTasksLosesNothing() async {
        let metrics = Metrics()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1_000 {
                        metrics.counter("x_total", help: "X.").add()
                        metrics.histogram("y_seconds", help: "Y.").observe(0.01)
                    }
                }
            }
        }
        #expect(metrics.counter("x_total", help: "X.").current == 8_000)
        #expect(metrics.histogram("y_seconds", help: "Y.").current.counts.reduce(0, +) == 8_000)
    }

    @Test func theProcessKnowsItsMemory() throws {
        let now = try #require(ProcessMemory.residentBytes)
        let peak = try #require(ProcessMemory.peakResidentBytes)
        #expect(now > 1 << 20 && peak > 1 << 20)
    }
}
