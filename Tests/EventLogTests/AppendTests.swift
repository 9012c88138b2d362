import EventLog
import Events
import Foundation
import Testing

@Suite struct AppendTests {
    @Test func eventsAreReadBackInOrderAcrossReopening() throws {
        let folder = try LogFolder()
        var expected: [String] = []
        for session in 0..<3 {
            try folder.open { log throws in
                #expect(log.recoveryNotes.isEmpty)
                for i in 0..<20 {
                    let text = "\(session)/\(i)" + String(repeating: "x", count: i * 50)
                    let receipt = try log.appendAndWait(AppendBatch([text]))
                    expected.append(text)
                    #expect(receipt.commit == Int64(expected.count) && !receipt.isRepeat)
                }
                let stored = try log.everything()
                #expect(stored.map(\.text) == expected)
                #expect(stored.map(\.commit) == (1...Int64(expected.count)).map { $0 })
                #expect(log.cut().totals.accepted == Int64(expected.count))
            }
        }
    }

    @Test func appendsOfManyTasksAreStoredOnceAndShareCommits() async throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path)
        defer { withExtendedLifetime(folder) { log.close() } }
        let receipts = try await withThrowingTaskGroup(of: (String, Int64).self) { group in
            for task in 0..<500 {
                group.addTask {
                    let text = "event \(task)"
                    return (text, try await log.append(AppendBatch([text])).commit)
                }
            }
            return try await group.reduce(into: [String: Int64]()) { $0[$1.0] = $1.1 }
        }
        let stored = try log.everything()
        #expect(stored.count == 500)
        #expect(Dictionary(uniqueKeysWithValues: stored.map { ($0.text, $0.commit) }) == receipts)
        #expect(log.cut().commit < 500, "each of 500 simultaneous appends had a commit of its own")
        for (earlier, later) in zip(stored, stored.dropFirst()) {
            #expect(earlier.commit <= later.commit)
            #expect(
                earlier.commit == later.commit
                    ? earlier.receivedAt == later.receivedAt : earlier.receivedAt < later.receivedAt)
        }
        for partition in 0..<2 {
            let offsets = stored.filter { $0.partition == TopicPartition(.clicks, partition) }.map(\.offset)
            #expect(offsets == (0..<Int64(offsets.count)).map { $0 })
        }
    }

    @Test func receivedAtRisesThoughTheClockStepsBack() throws {
        let folder = try LogFolder()
        for clock in [5_000, 3_000, 3_000, 9_000] as [Int64] {
            try folder.open(clock: clock) { log throws in
                for i in 0..<3 { _ = try log.appendAndWait(AppendBatch(["\(i)"])) }
            }
        }
        let times = try folder.open { try $0.everything().map(\.receivedAt) }
        #expect(times == [5_000, 5_001, 5_002, 5_003, 5_004, 5_005, 5_006, 5_007, 5_008, 9_000, 9_001, 9_002])
    }

    @Test(arguments: [64 << 20, 2_000, 1] as [Int64])
    func aRepeatedStampIsStoredOnceAlsoAfterReopening(_ segmentBytes: Int64) throws {
        let folder = try LogFolder()
        var stored = 0
        for session in 0..<3 {
            try folder.open(segmentBytes: segmentBytes) { log throws in
                for sequence in 1...Int64(6) {
                    for producer in ["a", "b"] {
                        let stamp = ProducerStamp(producer: producer, sequence: sequence + Int64(session) * 3)
                        let receipt = try log.appendAndWait(AppendBatch(["\(stamp)"], stamp: stamp))
                        let isRepeat = session > 0 && sequence <= 3
                        #expect(receipt.isRepeat == isRepeat)
                        if !isRepeat { stored += 1 }
                        _ = try log.appendAndWait(AppendBatch(["unstamped"], topic: .stock))
                    }
                }
                #expect(try log.everything([.clicks]).count == stored)
                #expect(log.cut().totals.accepted == log.cut().offsets.acceptedRecords)
            }
        }
        if segmentBytes < 10_000 { #expect(try folder.segments("ledger").count > 2) }
    }

    @Test func aRepeatThatWaitsBesideItsOriginalIsStoredOnce() async throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path)
        defer { withExtendedLifetime(folder) { log.close() } }
        let repeats = try await withThrowingTaskGroup(of: Bool.self) { group in
            for task in 0..<200 {
                let stamp = ProducerStamp(producer: "p\(task % 20)", sequence: 1)
                group.addTask { try await log.append(AppendBatch(["\(stamp)"], stamp: stamp)).isRepeat }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(repeats == 180)
        #expect(try log.everything().count == 20)
    }

    @Test func aBatchOverTheLimitIsRefusedAndCostsNothing() throws {
        let folder = try LogFolder()
        try folder.open { log throws in
            let big = [String](repeating: String(repeating: "x", count: 1 << 20), count: 24)
            let error = try logError { _ = try log.appendAndWait(AppendBatch(big)) }
            guard case .batchTooLarge(let bytes, let limit) = error else { throw error }
            #expect(bytes == 24 * ((1 << 20) + 4) && limit == EmbeddedLog.batchBytes)
            #expect(try log.appendAndWait(AppendBatch(Array(big.dropLast()))).commit == 1)
            #expect(try log.everything().count == 23)
        }
    }

    @Test func anEmptyBatchIsNoCommit() throws {
        try LogFolder().open { log throws in
            #expect(try log.appendAndWait(AppendBatch(partitions: 2)).commit == 0)
            #expect(log.cut().commit == 0)
        }
    }

    @Test func aClosedLogTakesNothingMore() throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path)
        _ = try log.appendAndWait(AppendBatch(["kept"]))
        log.close()
        log.close()
        guard case .closed = try logError({ _ = try log.appendAndWait(AppendBatch(["lost"])) }) else {
            throw LogError.closed
        }
        let kept = try folder.open { try $0.everything().map(\.text) }
        #expect(kept == ["kept"])
    }

    @Test func anAppendIsAtomicOverItsTopicsAndQuarantine() throws {
        let folder = try LogFolder()
        try folder.open { log throws in
            var batch = AppendBatch(["click"])
            batch.add("sold", to: .purchases)
            let raw: [UInt8] = [0xff, 0, 0x0a]
            raw.withUnsafeBytes { batch.quarantine($0, reason: "bad_utf8", source: "http") }
            batch.received += 1
            _ = try log.appendAndWait(batch)
            let cut = log.cut()
            #expect(cut.commit == 1)
            #expect(cut.totals.received == 3 && cut.totals.accepted == 2 && cut.totals.quarantined == 1)
            #expect(cut.offsets.acceptedRecords == 2 && cut.offsets.records(in: .quarantine) == 1)
            let reader = try log.reader(of: TopicPartition(.quarantine, 0), from: 0)
            var found: (QuarantineRecord, [UInt8])?
            let isThere = try reader.next(before: 1) { frame in
                try frame.forEachRecord { _, bytes in
                    let decoded = try #require(QuarantineRecord.decode(bytes))
                    found = (decoded.record, Array(decoded.raw))
                }
            }
            #expect(isThere)
            #expect(found?.0 == QuarantineRecord(reason: "bad_utf8", source: "http"))
            #expect(found?.1 == raw)
        }
    }

    @Test func aQuarantineRecordThatIsCutShortIsNone() {
        #expect([UInt8]().withUnsafeBytes { QuarantineRecord.decode($0) == nil })
        #expect(
            [3, 0, 65].withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in
                QuarantineRecord.decode(UnsafeRawBufferPointer(rebasing: bytes[0..<1])) == nil
            })
        #expect(([5, 0, 65, 66] as [UInt8]).withUnsafeBytes { QuarantineRecord.decode($0) == nil })
        #expect(([1, 0, 65, 0, 0] as [UInt8]).withUnsafeBytes { QuarantineRecord.decode($0)?.record.reason == "A" })
    }

    @Test func waitingEndsWithACommitOrTheTime() throws {
        let folder = try LogFolder()
        try folder.open { log throws in
            log.waitForCommit(after: 0, seconds: 0.01)
            #expect(log.cut().commit == 0)
            _ = try log.appendAndWait(AppendBatch(["x"]))
            let began = ContinuousClock.now
            log.waitForCommit(after: 0, seconds: 30)
            #expect(ContinuousClock.now - began < .seconds(10))
        }
    }

    @Test func aFolderKeepsItsNumberOfPartitions() throws {
        let folder = try LogFolder()
        try folder.open(partitions: 5) { log throws in
            _ = try log.appendAndWait(AppendBatch((0..<50).map { "\($0)" }, partitions: 5))
        }
        try folder.open(partitions: 2) { log throws in
            #expect(log.partitions == 5)
            #expect(Set(try log.everything().map(\.text)).count == 50)
        }
    }
}
