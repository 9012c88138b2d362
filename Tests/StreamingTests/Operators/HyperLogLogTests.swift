import Streaming
import Testing

@Suite struct HyperLogLogTests {
    @Test(
        "The error is that of the paper, for few values and for many",
        arguments: [10, 100, 1_000, 3_000, 20_000, 300_000])
    func error(_ values: Int) {
        let trials = 60
        var squares = 0.0
        for trial in 0..<trials {
            var registers = HyperLogLogRegisters()
            for value in 0..<values { registers.add(Int64(trial * 1_000_000 + value + 1).stateHash) }
            let error = registers.estimate / Double(values) - 1
            squares += error * error
        }
        // 1.04 / √1024, with room for the chance of sixty trials.
        #expect((squares / Double(trials)).squareRoot() < 0.0325 * 1.3)
    }

    @Test("Values that come again change nothing, and parts merge into the whole")
    func merging() {
        var whole = HyperLogLogRegisters()
        var parts = [HyperLogLogRegisters(), HyperLogLogRegisters(), HyperLogLogRegisters()]
        for value in Int64(1)...50_000 {
            whole.add(value.stateHash)
            parts[Int(value % 3)].add(value.stateHash)
            parts[Int(value % 2)].add(value.stateHash)
        }
        parts[0].merge(parts[1])
        parts[0].merge(parts[2])
        #expect(parts[0].estimate == whole.estimate)
        #expect(HyperLogLogRegisters().estimate == 0)
    }

    @Test("In windows, distinct values are about those of an exact set")
    func windows() throws {
        let stream = StreamCase(seed: 1, events: 20_000, keys: 3)
        let kept = Kept<WindowResult<Int64, Int64>>()
        var query = Source<Click>().keyBy(KeyOfClick())
            .window(.hopping(size: 40_000, slide: 10_000), ApproximateDistinct(ValueOfClick())).into(Collect(kept))
        let arrivals = stream.arrivals()
        try query.take(arrivals)
        #expect(kept.elements.count > 100)
        for result in kept.elements {
            var exact: Set<Int64> = []
            for case .click(let click) in arrivals
            where click.key == result.key && click.time >= result.start && click.time < result.end {
                exact.insert(click.value)
            }
            #expect(abs(Double(result.value) / Double(exact.count) - 1) < 5 * 0.0325)
        }
    }
}
