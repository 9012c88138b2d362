import Streaming
import Testing

/// Even values are the left side, odd ones the right.
struct Sides: Mapping {
    func map(_ click: Click) -> Either<Keyed<Int64, Click>, Keyed<Int64, Click>> {
        click.value % 2 == 0 ? .left(Keyed(click.key, click)) : .right(Keyed(click.key, click))
    }
}

@Suite struct JoinTests {
    private func clicks(_ stream: StreamCase) -> [Click] {
        stream.arrivals().compactMap { if case .click(let click) = $0 { click } else { nil } }
    }

    private func pairs(_ stream: StreamCase, _ isPair: (Click, Click) -> Bool) -> [String] {
        let byKey = Dictionary(grouping: clicks(stream), by: \.key)
        return byKey.values.flatMap { clicks in
            clicks.filter { $0.value % 2 == 0 }.flatMap { left in
                clicks.filter { $0.value % 2 != 0 && isPair(left, $0) }.map { line(left, $0) }
            }
        }.sorted()
    }

    private func line(_ left: Click, _ right: Click) -> String {
        "\(left.key) \(left.value) \(left.time) \(right.value) \(right.time)"
    }

    private static let onTime = StreamCase.all.map { stream in
        var stream = stream
        stream.latePercent = 0
        stream.events = 1_500
        return stream
    }

    @Test(
        "Interval joins equal the model, whole and across shards", arguments: onTime,
        [Int64(0)...500, -300...300, -800 ... -100, 50...2_000])
    func interval(_ stream: StreamCase, _ bounds: ClosedRange<Int64>) throws {
        let (whole, sharded) = try wholeAndSharded(
            stream, line: { (pair: Joined<Click, Click>) in line(pair.left, pair.right) }
        ) { kept in
            Source<Click>().map(Sides()).join(within: JoinInterval(bounds)).into(Collect(kept))
        }
        #expect(whole == sharded)
        #expect(whole == pairs(stream) { bounds.contains($1.time - $0.time) })
    }

    @Test("Joins without bounds of time equal the model", arguments: [StreamCase(seed: 3, events: 600, latePercent: 9)])
    func unbounded(_ stream: StreamCase) throws {
        let (whole, sharded) = try wholeAndSharded(
            stream, line: { (pair: Joined<Click, Click>) in line(pair.left, pair.right) }
        ) { kept in
            Source<Click>().map(Sides()).join(within: .unbounded).into(Collect(kept))
        }
        #expect(whole == sharded)
        #expect(whole == pairs(stream) { _, _ in true })
    }

    @Test("Window joins equal the model, whole and across shards", arguments: onTime)
    func windows(_ stream: StreamCase) throws {
        let (whole, sharded) = try wholeAndSharded(
            stream, line: { (pair: Joined<Click, Click>) in line(pair.left, pair.right) }
        ) { kept in
            Source<Click>().map(Sides()).join(in: .tumbling(1_000)).into(Collect(kept))
        }
        #expect(whole == sharded)
        #expect(whole == pairs(stream) { $0.time / 1_000 == $1.time / 1_000 })
    }

    @Test("A table join gives each row once, with the newest version or the first to come", arguments: StreamCase.all)
    func table(_ stream: StreamCase) throws {
        let (whole, sharded) = try wholeAndSharded(
            stream, line: { (pair: Joined<Click, Click>) in line(pair.left, pair.right) }
        ) { kept in
            Source<Click>().map(Sides()).joinTable().into(Collect(kept))
        }
        #expect(whole == sharded)
        var versions: [Int64: Click] = [:]
        var waiting: [Int64: [Click]] = [:]
        var expected: [String] = []
        for click in clicks(stream) {
            if click.value % 2 != 0 {
                expected += (waiting.removeValue(forKey: click.key) ?? []).map { line($0, click) }
                if click.time >= versions[click.key]?.time ?? .min { versions[click.key] = click }
            } else if let version = versions[click.key] {
                expected.append(line(click, version))
            } else {
                waiting[click.key, default: []].append(click)
            }
        }
        #expect(whole == expected.sorted())
    }

    @Test("With a joins' bounds of time, its state does not grow with the stream")
    func forgetting() throws {
        var stream = StreamCase(seed: 1, events: 20_000)
        stream.disorder = 100
        var query = Source<Click>().map(Sides()).join(within: JoinInterval(-100...100)).into(CountOnly())
        try query.take(stream.arrivals(), isEnd: false)
        // 20 a step: some 10 rows in 200, and the batch since the last watermark.
        #expect(query.stateUsage[0].entries < 200)
        try query.finish()
        #expect(query.stateUsage[0].entries == 0)
    }
}
