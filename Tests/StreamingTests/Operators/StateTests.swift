import Streaming
import Testing

@Suite struct StateTests {
    @Test("A table with random insertions and removals is a dictionary", arguments: [UInt64(1), 2, 3])
    func table(_ seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var budget = StateBudget("test", limitBytes: 1 << 30)
        var table = KeyedTable<Int64, Int64>(empty: 0)
        var expected: [Int64: Int64] = [:]
        // Few keys at first, that come and go; then enough for a run each key group.
        for round in 0..<600_000 {
            let key = Int64(random.next() % (round < 300_000 ? 500 : 100_000))
            if random.next() % 3 == 0 {
                #expect(table.remove(key, &budget) == (expected.removeValue(forKey: key) != nil))
            } else {
                try table.slot(key, &budget).pointee.value += 1
                expected[key, default: 0] += 1
            }
        }
        #expect(table.count == expected.count)
        var found: [Int64: Int64] = [:]
        var slots = table.slots()
        while let slot = slots.next() { found[slot.pointee.key] = slot.pointee.value }
        #expect(found == expected)
        for key in Int64(0)..<1_000 { #expect(table.find(key)?.pointee.value == expected[key]) }
        table.release(&budget)
        #expect(budget.usedBytes == 0)
    }

    @Test("At its bound a table refuses, and keeps what it has")
    func bound() throws {
        var budget = StateBudget("counts", limitBytes: 100_000)
        var table = KeyedTable<Int64, Int64>(empty: 0)
        var taken: Int64 = 0
        #expect(throws: StreamError.stateFull(operatorName: "counts", limitBytes: 100_000)) {
            while true {
                try table.slot(taken + 1, &budget).pointee.value = taken
                taken += 1
            }
        }
        #expect(taken == 3_072)
        for key in 1...taken { #expect(table.find(key)?.pointee.value == key - 1) }
        #expect(budget.usedBytes <= 100_000)
    }

    @Test("An operator at its bound stops the query with an error that says so")
    func fullOperator() throws {
        var query = Source<Click>().keyBy(KeyOfClick()).keepFirst(limitBytes: 50_000).into(CountOnly())
        #expect(throws: StreamError.stateFull(operatorName: "first marks", limitBytes: 50_000)) {
            for key in Int64(0)..<100_000 { try query.receive(Click(key: key, value: 0, time: 0), at: 0) }
        }
        #expect(query.stateUsage.allSatisfy { $0.bytes <= 50_000 })
    }

    @Test("Every timer is heard of once, when it is due and not before", arguments: [UInt64(1), 2, 3, 4])
    func timers(_ seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var budget = StateBudget("test", limitBytes: 1 << 30)
        var timers = Timers<Int64>(width: 10)
        var waiting: [Int64: Int64] = [:]
        var now: Int64 = -50_000
        for key in Int64(1)...20_000 {
            // Near, far beyond the ring, and in the past.
            let far = random.next() % 10 == 0
            let due = now + Int64(random.next() % (far ? 5_000_000 : 4_000)) - 100
            try timers.set(key, due: due, &budget)
            waiting[key] = due
            guard random.next() % 5 == 0 else { continue }
            now += Int64(random.next() % (random.next() % 50 == 0 ? 300_000 : 100))
            while let timer = timers.next(due: now, &budget) {
                #expect(timer.due <= now)
                #expect(waiting.removeValue(forKey: timer.key) == timer.due)
            }
            #expect(waiting.count == timers.count)
            if key % 500 == 0 { #expect(waiting.values.allSatisfy { $0 > now }) }
        }
        while timers.next(due: .max, &budget) != nil {}
        #expect(timers.count == 0)
        #expect(budget.usedBytes == 0)
    }

    @Test("A snapshot with any byte changed is refused, and one cut short too")
    func damage() throws {
        let kept = Kept<WindowResult<Int64, Int64>>()
        func make() -> Query<
            some Operator<Click, WindowResult<Int64, Int64>> & ~Copyable, Collect<WindowResult<Int64, Int64>>
        > {
            Source<Click>().keyBy(KeyOfClick()).window(.tumbling(1_000), Count()).into(Collect(kept))
        }
        var query = make()
        try query.take(StreamCase(seed: 1, events: 200).arrivals(), isEnd: false)
        let snapshot = query.snapshot()
        for index in snapshot.indices {
            var damaged = snapshot
            damaged[index] ^= 0x40
            var other = make()
            #expect(throws: StreamError.self) { try other.restore(damaged) }
        }
        for count in stride(from: 0, to: snapshot.count, by: 7) {
            var other = make()
            #expect(throws: StreamError.self) { try other.restore(Array(snapshot[..<count])) }
        }
        var other = make()
        try other.restore(snapshot)
        #expect(other.stateUsage == query.stateUsage)
    }

    @Test("Any number of shards owns every key group once", arguments: [1, 2, 3, 4, 7, 100, 128])
    func groups(_ shards: Int) {
        #expect((0..<shards).flatMap { KeyGroup.range(of: $0, shards: shards) } == Array(KeyGroup.all))
    }
}
