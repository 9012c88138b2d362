import EventLog
import Events
import Foundation
import Testing

@Suite struct OffsetSetTests {
    @Test func itHoldsWhatWasPutInAsFewRuns() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<200 {
            var set = OffsetSet()
            var expected: Set<Int64> = []
            for _ in 0..<60 {
                if random.chance(4) {
                    var other = OffsetSet()
                    for _ in 0..<5 {
                        let offset = Int64.random(in: 0..<80, using: &random)
                        other.insert(offset)
                        expected.insert(offset)
                    }
                    set.formUnion(other)
                } else {
                    let offset = Int64.random(in: 0..<80, using: &random)
                    set.insert(offset)
                    expected.insert(offset)
                }
            }
            #expect((0..<90).allSatisfy { set.contains($0) == expected.contains($0) })
            #expect(set.count == Int64(expected.count))
            #expect(zip(set.ranges, set.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
            #expect(OffsetSet(set.description) == set)
        }
        #expect(OffsetSet("")?.ranges.isEmpty == true)
        for text in [
            ",", "1,", "3-1", "a", "1-2-3", "-1", "5,1", "1-3,3-4", "1-2,3", "01", " 1", "9223372036854775807",
        ] {
            #expect(OffsetSet(text) == nil, "\(text)")
        }
    }
}

@Suite struct ReplayLedgerTests {
    private func filled() throws -> LogFolder {
        let folder = try LogFolder()
        try folder.open { _ = try $0.appendAndWait(AppendBatch(["one"])) }
        return folder
    }

    private func offsets(_ all: Int64...) -> OffsetSet {
        all.reduce(into: OffsetSet()) { $0.insert($1) }
    }

    /// Stores a batch as a replay does; returns whether the log had it.
    private func store(_ batch: ReplayBatch, _ folder: LogFolder) throws -> Bool {
        try folder.open { log throws in
            let texts = batch.body.split(separator: 0x0a).map { String(decoding: $0, as: UTF8.self) }
            return try log.appendAndWait(AppendBatch(texts, topic: .carts, stamp: batch.stamp)).isRepeat
        }
    }

    @Test func eachRecordIsStoredOnceWhereverAReplayStops() throws {
        // A replay of two batches, stopped after each of its durable steps, and then run again to its end.
        for stop in 0...6 {
            let folder = try filled()
            var left = stop
            func step(_ body: () throws -> Void) throws -> Bool {
                if left == 0 { return false }
                left -= 1
                try body()
                return true
            }
            var run = 0
            while run < 2 {
                run += 1
                if run == 2 { left = .max }
                let ledger = try ReplayLedger(folder: folder.path)
                var goesOn = true
                if let pending = ledger.pending {
                    _ = try store(pending, folder)
                    try ledger.finish(pending)
                }
                for (offset, text) in [(4, "a\nb\n"), (9, "c\n")] as [(Int64, String)] {
                    guard goesOn, !ledger.replayed.contains(offset) else { continue }
                    goesOn = try step { _ = try ledger.begin(offsets(offset), Array(text.utf8)) }
                    guard goesOn, let batch = ledger.pending else { continue }
                    goesOn = try step {
                        let isRepeat = try store(batch, folder)
                        #expect(!isRepeat)
                    }
                    guard goesOn else { continue }
                    goesOn = try step { try ledger.finish(batch) }
                }
            }
            let texts = try folder.open { try $0.everything([.carts]).map(\.text).sorted() }
            #expect(texts == ["a", "b", "c"], "stopped after \(stop) steps")
            #expect(try ReplayLedger.replayed(folder: folder.path) == offsets(4, 9))
        }
    }

    @Test func aBatchThatWasMarkedAndNotRemovedIsNotSentAgain() throws {
        let folder = try filled()
        do {
            let ledger = try ReplayLedger(folder: folder.path)
            let batch = try ledger.begin(offsets(1), Array("x\n".utf8))
            let written = try folder.read("replay/pending")
            try ledger.finish(batch)
            try folder.write(written, to: "replay/pending")
        }
        let again = try ReplayLedger(folder: folder.path)
        #expect(again.pending == nil && again.replayed == offsets(1))
        #expect(try again.begin(offsets(2), []).stamp.sequence == 2)
    }

    @Test func oneReplayAtATime() throws {
        let folder = try filled()
        let first = try ReplayLedger(folder: folder.path)
        guard case .inUse = try logError({ _ = try ReplayLedger(folder: folder.path) }) else { throw LogError.closed }
        withExtendedLifetime(first) {}
    }

    @Test func aLedgerThatIsNotWhatWasWrittenIsNamed() throws {
        let folder = try filled()
        do {
            let ledger = try ReplayLedger(folder: folder.path)
            try ledger.finish(try ledger.begin(offsets(3, 4, 5), Array("x\n".utf8)))
            _ = try ledger.begin(offsets(8), Array("{\"a\":1}\n\n".utf8))
        }
        for name in ["replay/done", "replay/pending"] {
            let bytes = try folder.read(name)
            for at in bytes.indices {
                var wrong = bytes
                wrong[at] ^= 1
                try folder.write(wrong, to: name)
                let error = try logError { _ = try ReplayLedger(folder: folder.path) }
                #expect(error.description.contains(name), "\(error)")
            }
            try folder.write(bytes, to: name)
        }
        let ledger = try ReplayLedger(folder: folder.path)
        #expect(ledger.pending?.body == Array("{\"a\":1}\n\n".utf8) && ledger.pending?.offsets == offsets(8))
    }

    @Test func aNewNumberingSendsWhatWasOnItsWayUnderAnotherName() throws {
        let folder = try filled()
        let ledger = try ReplayLedger(folder: folder.path)
        try ledger.finish(try ledger.begin(offsets(1), Array("x\n".utf8)))
        let old = try ledger.begin(offsets(2), Array("y\n".utf8))
        // The log never saw the first: it asks for it.
        guard case .outOfOrder = try logError({ _ = try store(old, folder) }) else { throw LogError.closed }
        try ledger.renew()
        let new = try #require(ledger.pending)
        #expect(new.stamp.sequence == 1 && new.stamp.producer != old.stamp.producer && new.body == old.body)
        #expect(try !store(new, folder) && store(new, folder))
        try ledger.finish(new)
        #expect(ledger.replayed == offsets(1, 2))
    }
}
