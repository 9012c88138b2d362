import EventLog
import Events
import Foundation
import Testing

@Suite struct RetentionTests {
    private let segmentBytes: Int64 = 1_500

    /// A log of many small segments, a second between commits, and a clock that stands behind the last.
    private func filled(_ commits: Int64 = 30) throws -> LogFolder {
        let folder = try LogFolder()
        for number in 1...commits {
            try folder.open(segmentBytes: segmentBytes, clock: number * 1_000_000) { log throws in
                _ = try log.appendAndWait(DamagedLog.batch(number))
            }
        }
        return folder
    }

    private func open<Result>(_ folder: LogFolder, _ body: (EmbeddedLog) throws -> Result) throws -> Result {
        try folder.open(segmentBytes: segmentBytes, clock: 1_000_000_000, body)
    }

    private func size(_ folder: LogFolder) throws -> Int64 {
        try folder.segments().reduce(0) { try $0 + Int64(folder.read($1).count) }
    }

    @Test func nothingGoesWithoutABoundOrWithinIt() throws {
        let folder = try filled()
        let whole = try size(folder)
        try open(folder) { log throws in
            let end = log.cut().offsets
            for policy in [
                LogRetention(), LogRetention(maxBytes: whole + 10_000), LogRetention(maxAgeSeconds: 1_000),
            ] {
                #expect(try log.removeSegments(policy, coveredBy: end, now: 60_000_000) == LogRetention.Removal())
            }
        }
        #expect(try LogStartFile.commit(folder) == 1)
    }

    @Test func theOldestGoUntilTheSizeFits() throws {
        let folder = try filled()
        let names = try folder.segments()
        let sizes = try names.map { try Int64(folder.read($0).count) }
        try open(folder) { log throws in
            let before = try log.everything()
            let removal = try log.removeSegments(
                LogRetention(maxBytes: sizes.suffix(3).reduce(0, +) + 1), coveredBy: log.cut().offsets)
            #expect(removal.segments == names.count - 3)
            #expect(removal.bytes == sizes.dropLast(3).reduce(0, +) && removal.held == 0)
            #expect(try folder.segments() == names.suffix(3))
            #expect(try folder.contents().keys.filter { $0.hasSuffix(".index") }.count == 2)
            let start = try log.start()
            #expect(start.commit > 0 && start.totals.accepted == start.offsets.acceptedRecords)
            let rest = try log.consumer(of: Topic.allCases, from: start.offsets).rest(before: log.cut())
            #expect(rest == before.filter { $0.commit > start.commit })
            let error = try logError { _ = try log.everything() }
            guard case .expired(_, let asked, let first) = error else { throw error }
            #expect(asked == 0 && first > 0)
            // Never the newest, however small the bound.
            let last = try log.removeSegments(LogRetention(maxBytes: 0), coveredBy: log.cut().offsets)
            #expect(last.segments == 2 && last.held == 0)
            #expect(try folder.segments() == names.suffix(1))
            _ = try log.appendAndWait(AppendBatch(["next"]))
        }
        #expect(try LogStartFile.commit(folder) == Int64(names.last?.dropFirst(9).dropLast(4) ?? ""))
        #expect(try LogCheck.run(folder: folder.path).isWhole)
        try open(folder) { log throws in #expect(try log.start().commit > 1) }
    }

    @Test func theOldestGoWhenTheyAreTooOld() throws {
        let folder = try filled(30)
        try open(folder) { log throws in
            // At second 31, what was received before second 21 is over ten seconds old.
            let removal = try log.removeSegments(
                LogRetention(maxAgeSeconds: 10), coveredBy: log.cut().offsets, now: 31_000_000)
            #expect(removal.segments > 3)
            let start = try log.start()
            #expect(start.receivedAt < 21_000_000)
            let next = try #require(try folder.segments().dropFirst().first)
            let head = try #require(try folder.frames(next).first)
            #expect(head.receivedAt >= 21_000_000, "a segment that is old enough stayed")
        }
    }

    @Test func whatSomebodyHasNotTakenInStays() throws {
        let folder = try filled()
        let names = try folder.segments()
        try open(folder) { log throws in
            let point = try log.cut(before: 15_000_001)
            var behind = point.offsets
            behind[.purchases, 0] = 2
            let none = try log.removeSegments(LogRetention(maxBytes: 0), coveredBy: LogOffsets(partitions: 2))
            #expect(none.segments == 0 && none.held == names.count - 1)
            let few = try log.removeSegments(LogRetention(maxBytes: 0), coveredBy: behind)
            #expect(few.segments > 0 && few.segments + few.held == names.count - 1)
            // One record in one partition decides.
            #expect(try log.start().offsets[.purchases, 0] <= 2)
            let more = try log.removeSegments(LogRetention(maxBytes: 0), coveredBy: point.offsets)
            #expect(more.segments > 0)
            #expect(point.offsets.covers(try log.start().offsets))
            let rest = try log.consumer(of: Topic.allCases, from: point.offsets).rest(before: log.cut())
            #expect(rest.first?.commit == 16)
        }
    }

    @Test func aReaderThatIsInTheMiddleGoesOnOrIsTold() throws {
        let folder = try filled()
        try open(folder) { log throws in
            let cut = log.cut()
            let consumer = try log.consumer(of: [.clicks], from: LogOffsets(partitions: 2))
            var read = 0
            _ = try consumer.next(before: cut) { read += $0.recordCount }
            _ = try log.removeSegments(LogRetention(maxBytes: 0), coveredBy: cut.offsets)
            // What it has open it reads to the end.
            let error = try logError { while try consumer.next(before: cut, { read += $0.recordCount }) {} }
            guard case .expired = error else { throw error }
            #expect(read > 1)
        }
    }

    @Test func aCrashAnywhereInBetweenLeavesALogThatOpens() throws {
        let folder = try filled()
        let before = try folder.contents()
        let names = try folder.segments()
        let (expected, after) = try open(folder) { log throws in
            let all = try log.everything()
            _ = try log.removeSegments(LogRetention(maxBytes: 4_000), coveredBy: log.cut().offsets)
            let start = try log.start()
            return (all.filter { $0.commit > start.commit }, try folder.contents())
        }
        let gone = names.filter { after[$0] == nil }
        #expect(gone.count > 3)
        // The new beginning is noted and any of the old files are still there, whatever the order in which they went.
        for mask in 0..<(1 << min(gone.count, 6)) {
            var files = after
            for (bit, name) in gone.enumerated() where mask & (1 << min(bit, 5)) != 0 { files[name] = before[name] }
            try folder.restore(files)
            #expect(try LogCheck.run(folder: folder.path).isWhole, "\(mask)")
            let reading = try EmbeddedLog(reading: folder.path)
            #expect(try reading.start().offsets == log(folder) { try $0.start().offsets }, "\(mask)")
            try open(folder) { log throws in
                let start = try log.start()
                let rest = try log.consumer(of: Topic.allCases, from: start.offsets).rest(before: log.cut())
                #expect(rest == expected, "\(mask)")
            }
            #expect(try folder.segments() == names.filter { after[$0] != nil }, "\(mask)")
        }
        // Before the beginning is noted everything is still there.
        var early = before
        early["start.state"] = after["start.state"]
        try folder.restore(early)
        #expect(try open(folder) { try $0.everything().count } > expected.count)
    }

    @Test func theNewBeginningIsNotedBeforeTheFirstFileGoes() throws {
        let folder = try filled()
        let first = try #require(try folder.segments().first)
        // A file that cannot be removed stops it there, as a kill would.
        let index = String(first.dropLast(4)) + ".index"
        try folder.remove(index)
        try FileManager.default.createDirectory(atPath: folder.path + "/" + index, withIntermediateDirectories: true)
        try open(folder) { log throws in
            #expect(throws: LogError.self) {
                try log.removeSegments(LogRetention(maxBytes: 4_000), coveredBy: log.cut().offsets)
            }
            // Those who come now are not sent to what is on its way out.
            #expect(try log.start().commit > 0)
        }
        #expect(try LogStartFile.commit(folder) ?? 1 > 1)
        try folder.remove(index)
        try open(folder) { log throws in #expect(try log.start().commit + 1 == LogStartFile.commit(folder)) }
        #expect(try !folder.segments().contains(first))
    }

    private func log<Result>(_ folder: LogFolder, _ body: (EmbeddedLog) throws -> Result) throws -> Result {
        try body(try EmbeddedLog(reading: folder.path))
    }

    @Test func aFirstSegmentLostAfterARemovalIsRepairedToTheRecord() throws {
        let folder = try filled()
        let (start, all) = try open(folder) { log throws in
            let all = try log.everything()
            _ = try log.removeSegments(LogRetention(maxBytes: 5_000), coveredBy: log.cut().offsets)
            return (try log.start(), all)
        }
        let first = try #require(try folder.segments().first)
        let next = try #require(try folder.segments().dropFirst().first)
        let head = try #require(try folder.frames(next).first)
        try folder.remove(first)
        #expect(throws: LogError.self) { try open(folder) { _ in } }
        let report = try LogRepair.run(folder: folder.path)
        let lost = all.filter { $0.commit > start.commit && $0.commit <= head.commit }
        #expect(report.lostRecords == Int64(lost.count) && !lost.isEmpty)
        try open(folder) { log throws in
            #expect(try log.start().offsets == start.offsets)
            let consumer = try log.consumer(of: Topic.allCases, from: start.offsets)
            #expect(try consumer.rest(before: log.cut()) == all.filter { $0.commit > head.commit })
            #expect(consumer.lost == Int64(lost.count))
        }
    }

    @Test func aReaderIsNotAskedToRemove() throws {
        let folder = try filled(3)
        let reading = try EmbeddedLog(reading: folder.path)
        #expect(throws: LogError.self) {
            try reading.removeSegments(LogRetention(maxBytes: 0), coveredBy: reading.cut().offsets)
        }
    }
}

/// What the file `start` says.
enum LogStartFile {
    static func commit(_ folder: LogFolder) throws -> Int64? {
        let words = String(decoding: try folder.read("start"), as: UTF8.self).split(whereSeparator: \.isWhitespace)
        return words.count == 2 && words[0] == "commit" ? Int64(words[1]) : nil
    }
}
