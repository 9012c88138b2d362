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
        if segmentBytes < 10_000 { #expect(try folder.segments().count > 2) }
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
            _ = try log.appendAndWait(AppendBatch(["one"]))
            #expect(try log.appendAndWait(AppendBatch(partitions: 2)).commit == 1)
        }
    }

    @Test func eventsOfTheBodyAndOthersAreStoredAlike() throws {
        let folder = try LogFolder()
        try folder.open { log throws in
            let text = "first,second,third,"
            let batch = AppendBatch(partitions: 2, body: PaddedBytes(copying: Array(text.utf8)))
            var expected: [String] = []
            batch.withBody { body in
                for (start, count) in [(0, 5), (6, 6), (13, 5), (0, 0), (19, 0), (0, 19), (6, 6)] {
                    let raw = UnsafeRawBufferPointer(rebasing: body.bytes[start..<(start + count)])
                    batch.add(raw, to: .stock, key: KeyHash("one"))
                    expected.append(String(decoding: raw, as: UTF8.self))
                    batch.received += 1
                }
            }
            let partition = KeyHash("one").partition(of: 2)
            for other in ["elsewhere", "", String(repeating: "y", count: 100_000)] {
                batch.add(Array(other.utf8), to: .stock, partition: partition)
                expected.append(other)
            }
            batch.add(UnsafeRawBufferPointer(start: nil, count: 0), to: .stock, key: KeyHash("one"))
            expected.append("")
            batch.received += 1
            #expect(batch.accepted == 11 && batch.quarantined == 0 && batch.received == 11 && !batch.isEmpty)
            #expect(batch.byteCount == expected.reduce(0) { $0 + $1.utf8.count + 4 })
            _ = try log.appendAndWait(batch)
            #expect(try log.everything().map(\.text) == expected)
        }
        #expect(try folder.open { try $0.everything().count } == 11)
    }

    @Test func aCommitHasOneFrameForEachPartitionThatItTouchesAndItsRecordLast() throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path, partitions: 3)
        let batch = AppendBatch(partitions: 3)
        batch.add([1], to: .stock, partition: 2)
        batch.quarantine([2])
        batch.add([3], to: .clicks, partition: 1)
        batch.add([4], to: .stock, partition: 0)
        batch.add([5], to: .clicks, partition: 1)
        _ = try log.appendAndWait(batch)
        let file = try folder.read("segments/00000000000000000001.log")
        #expect(file.count % 4_096 == 0, "written in whole blocks")
        let frames = StoredFrame.all(in: file)
        let own = frames.filter { $0.commit == 1 }.prefix(5)
        #expect(frames.first?.kind == .state && frames.first?.commit == 0)
        #expect(own.map(\.kind) == [.records, .records, .records, .records, .commit])
        #expect(
            own.map { [$0.topic, $0.partition, $0.records] } == [
                [0, 1, 2], [6, 0, 1], [6, 2, 1], [7, 0, 1], [0xffff, 0, 1],
            ])
        #expect(Set(own.map(\.receivedAt)).count == 1)
        #expect(file[(frames.last?.end ?? 0)...].allSatisfy { $0 == 0 })
        withExtendedLifetime(folder) { log.close() }
        let closed = try folder.read("segments/00000000000000000001.log")
        let last = try #require(StoredFrame.all(in: closed).last)
        #expect(last.kind == .state && last.commit == 1, "what was not noted as durable is, at the end")
        #expect(last.end == closed.count)
        // Nothing more to say, however often it is opened.
        try folder.open { _ in }
        #expect(try folder.read("segments/00000000000000000001.log") == closed)
    }

    @Test func aLogThatIsOpenedToReadTakesNothingAndChangesNothing() throws {
        let folder = try LogFolder()
        guard case .missing = try logError({ _ = try EmbeddedLog(reading: folder.path) }) else { throw LogError.closed }
        #expect(try folder.contents().isEmpty)
        try folder.open(segmentBytes: 3 << 20) { log throws in
            let fill = String(repeating: "z", count: 100_000)
            for i in 0..<80 { _ = try log.appendAndWait(AppendBatch(["\(i)" + fill])) }
        }
        try #require(try folder.segments().count > 2)
        for name in try folder.contents().keys where name.hasSuffix(".index") { try folder.remove(name) }
        let before = try folder.contents()
        let log = try EmbeddedLog(reading: folder.path)
        #expect(try log.everything().count == 80)
        var middle = log.cut().offsets
        for partition in middle.all { middle[partition] /= 2 }
        #expect(try log.consumer(of: [.clicks], from: middle).rest(before: log.cut()).count > 30)
        _ = try log.cut(before: log.cut().receivedAt)
        guard case .closed = try logError({ _ = try log.appendAndWait(AppendBatch(["x"])) }) else {
            throw LogError.failed("it took a batch")
        }
        log.close()
        #expect(try folder.contents() == before)
    }

    @Test func aLogMayBeReadBesideItsWriter() throws {
        let folder = try LogFolder(in: NSTemporaryDirectory())
        let log = try EmbeddedLog(folder: folder.path, segmentBytes: 30_000)
        defer { withExtendedLifetime(folder) { log.close() } }
        let isDone = Flag()
        let path = folder.path
        try onThreads([
            {
                defer { isDone.raise() }
                for i in 0..<400 {
                    let batch = AppendBatch(["\(i)"])
                    batch.add("\(i)" + String(repeating: "x", count: i % 700), to: .purchases)
                    _ = try log.appendAndWait(batch)
                }
            },
            {
                repeat {
                    let least = log.cut().commit
                    let reading = try EmbeddedLog(reading: path)
                    let records = try reading.everything()
                    #expect(reading.cut().commit >= least)
                    #expect(records.count == Int(2 * reading.cut().commit))
                    #expect(records.last?.commit ?? 0 == reading.cut().commit)
                } while !isDone.isRaised
            },
        ])
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
            let batch = AppendBatch(["click"])
            batch.add("sold", to: .purchases)
            let raw: [UInt8] = [0xff, 0, 0x0a]
            batch.quarantine(raw, reason: "bad_utf8", source: "http")
            _ = try log.appendAndWait(batch)
            let cut = log.cut()
            #expect(cut.commit == 1)
            #expect(cut.totals.received == 3 && cut.totals.accepted == 2 && cut.totals.quarantined == 1)
            #expect(cut.offsets.acceptedRecords == 2 && cut.offsets.records(in: .quarantine) == 1)
            let consumer = try log.consumer(of: [.quarantine], from: LogOffsets(partitions: 2))
            var found: (QuarantineRecord, [UInt8])?
            let isThere = try consumer.next(before: cut) { frame in
                #expect(frame.partition == TopicPartition(.quarantine, 0) && frame.recordCount == 1)
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
