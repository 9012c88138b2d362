import Streaming
import Testing

@Suite struct WindowTests {
    static let spans = [
        WindowSpan.tumbling(1_000), .hopping(size: 1_000, slide: 250), .hopping(size: 1_000, slide: 300),
        .tumbling(700, offset: 333), .hopping(size: 2_000, slide: 500, offset: 100),
    ]

    /// When the windows begin that a time, not before 1970, belongs to.
    private func starts(_ time: Int64, _ span: WindowSpan) -> [Int64] {
        let last = (time - span.offset) / span.slide * span.slide + span.offset
        return Array(stride(from: last, to: time - span.size, by: -Int(span.slide)))
    }

    /// What windows come to when nothing is late: each element counted in each of its windows, one by one.
    private func model(_ clicks: [Click], _ span: WindowSpan) -> [String] {
        var windows: [String: (Int, Int64, Int64, Int64)] = [:]
        for click in clicks {
            for start in starts(click.time, span) {
                var sum = windows["\(click.key) \(start)"] ?? (0, 0, .max, .min)
                sum = (sum.0 + 1, sum.1 + click.value, min(sum.2, click.value), max(sum.3, click.value))
                windows["\(click.key) \(start)"] = sum
            }
        }
        return windows.map { "\($0.key) \($0.value.0) \($0.value.1) \($0.value.2) \($0.value.3)" }.sorted()
    }

    private typealias Four = Both<
        Both<Count<Click>, Sum<ValueOfClick>>, Both<Minimum<ValueOfClick>, Maximum<ValueOfClick>>
    >

    private func four() -> Four {
        Both(Both(Count(), Sum(ValueOfClick())), Both(Minimum(ValueOfClick()), Maximum(ValueOfClick())))
    }

    private func line(_ result: WindowResult<Int64, Four.Output>) -> String {
        let value = result.value
        return "\(result.key) \(result.start) \(value.first.first) \(value.first.second) "
            + "\(value.second.first) \(value.second.second)"
    }

    @Test("Windows equal the model, whole and across shards", arguments: StreamCase.all, spans)
    func equalsTheModel(_ stream: StreamCase, _ span: WindowSpan) throws {
        let (whole, sharded) = try wholeAndSharded(stream, line: line) { kept in
            Source<Click>().keyBy(KeyOfClick()).window(span, four()).into(Collect(kept))
        }
        #expect(whole == sharded)
        // Elements that are late for some of their windows: the model asks for each window by itself.
        var watermark = Int64.min
        var taken: [Click] = []
        var dropped: [String: Int] = [:]
        for arrival in stream.arrivals() {
            switch arrival {
            case .watermark(let mark): watermark = max(watermark, mark)
            case .click(let click):
                taken.append(click)
                for start in starts(click.time, span) where start + span.size <= watermark {
                    dropped["\(click.key) \(start)", default: 0] += 1
                }
            }
        }
        let expected = model(taken, span)
        if dropped.isEmpty {
            #expect(whole == expected)
        } else {
            // Compared by counts: what was dropped is missing, and nothing else.
            func counts(_ lines: [String]) -> [String: Int] {
                Dictionary(
                    uniqueKeysWithValues: lines.map { line in
                        let words = line.split(separator: " ")
                        return ("\(words[0]) \(words[1])", Int(words[2]) ?? -1)
                    })
            }
            var left = counts(expected)
            for (window, count) in dropped { left[window, default: 0] -= count }
            #expect(counts(whole) == left.filter { $0.value != 0 })
        }
    }

    @Test("With allowed lateness, the last upsert of each window is the model's", arguments: StreamCase.all, spans)
    func lateness(_ stream: StreamCase, _ span: WindowSpan) throws {
        let kept = Kept<WindowResult<Int64, Int64>>()
        var query = Source<Click>().keyBy(KeyOfClick()).window(span, Count(), lateness: 1 << 40).into(Collect(kept))
        try query.take(stream.arrivals())
        var last: [String: Int64] = [:]
        var firsts: Set<String> = []
        for result in kept.elements {
            let window = "\(result.key) \(result.start)"
            last[window] = result.value
            if !result.isUpdate { #expect(firsts.insert(window).inserted) }
        }
        let clicks = stream.arrivals().compactMap { if case .click(let click) = $0 { click } else { nil } }
        let expected = model(clicks, span).map { $0.split(separator: " ").prefix(3).joined(separator: " ") }
        #expect(last.map { "\($0.key) \($0.value)" }.sorted() == expected.sorted())
    }

    @Test("What is late for all its windows goes aside, and nothing is lost")
    func lateOutput() throws {
        let stream = StreamCase(seed: 9, disorder: 200, latePercent: 10)
        let kept = Kept<WindowResult<Int64, Int64>>()
        let late = Kept<Keyed<Int64, Click>>()
        var query = Source<Click>().keyBy(KeyOfClick())
            .window(.tumbling(1_000), Count(), late: Collect(late)).into(Collect(kept))
        try query.take(stream.arrivals())
        #expect(!late.elements.isEmpty)
        #expect(kept.elements.reduce(0) { $0 + $1.value } + Int64(late.elements.count) == Int64(stream.events))
    }

    @Test("A window that ends at the watermark is over, and one that ends just after it is not")
    func lateAtTheEnd() throws {
        let kept = Kept<WindowResult<Int64, Int64>>()
        let late = Kept<Keyed<Int64, Click>>()
        var query = Source<Click>().keyBy(KeyOfClick())
            .window(.tumbling(1_000), Count(), late: Collect(late)).into(Collect(kept))
        func click(_ time: Int64) -> Arrival { .click(Click(key: 1, value: 0, time: time)) }
        try query.take([.watermark(1_999), click(1_999), .watermark(2_000), click(1_998), click(2_000)])
        #expect(kept.elements.map { [$0.start, $0.value] } == [[1_000, 1], [2_000, 1]])
        #expect(late.elements.map(\.value.time) == [1_998])
    }

    @Test("Sessions equal the model, whole and across shards", arguments: StreamCase.all, [Int64(40), 300, 5_000])
    func sessions(_ stream: StreamCase, _ gap: Int64) throws {
        var stream = stream
        stream.latePercent = 0
        let (whole, sharded) = try wholeAndSharded(
            stream, line: { "\($0.key) \($0.first) \($0.last) \($0.value)" }
        ) { kept in
            Source<Click>().keyBy(KeyOfClick()).sessions(gap: gap, Count()).into(Collect(kept))
        }
        #expect(whole == sharded)
        var times: [Int64: [Int64]] = [:]
        for case .click(let click) in stream.arrivals() { times[click.key, default: []].append(click.time) }
        var expected: [String] = []
        for (key, unsorted) in times {
            let sorted = unsorted.sorted()
            var first = 0
            for index in 1...sorted.count where index == sorted.count || sorted[index] - sorted[index - 1] > gap {
                expected.append("\(key) \(sorted[first]) \(sorted[index - 1]) \(index - first)")
                first = index
            }
        }
        #expect(whole == expected.sorted())
    }

    @Test("Sessions that are over take nothing in; what comes for them goes aside")
    func lateSessions() throws {
        let kept = Kept<SessionResult<Int64, Int64>>()
        let late = Kept<Keyed<Int64, Click>>()
        var query = Source<Click>().keyBy(KeyOfClick()).sessions(gap: 10, Count(), late: Collect(late))
            .into(Collect(kept))
        func click(_ time: Int64) -> Arrival { .click(Click(key: 1, value: 0, time: time)) }
        try query.take([click(100), click(105), .watermark(115)], isEnd: false)
        // A pause of exactly the gap goes on: not over yet, and 115 may still come.
        #expect(kept.elements.isEmpty)
        try query.take([click(115), .watermark(126), click(100), click(116)])
        #expect(kept.elements.map { [$0.first, $0.last, $0.value] } == [[100, 115, 3], [116, 116, 1]])
        #expect(late.elements.map(\.value.time) == [100])
    }

    @Test("The watermark is the least of the partitions', without those that are silent")
    func watermarks() {
        var marks = Watermarks(partitions: 3, outOfOrder: 10, idleAfter: 100)
        marks.observe(0, 1_000, now: 1)
        marks.observe(1, 500, now: 1)
        #expect(marks.advance(now: 50) == .min)
        marks.observe(2, 700, now: 60)
        #expect(marks.advance(now: 60) == 490)
        // The first two are idle now.
        #expect(marks.advance(now: 120) == 690)
        // One that wakes with old events does not turn time back.
        marks.observe(1, 501, now: 130)
        #expect(marks.advance(now: 130) == 690)
        #expect(marks.advance(now: 1_000) == 690)
    }
}
