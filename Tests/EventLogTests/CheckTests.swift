import CBytes
import EventLog
import Events
import Foundation
import Testing

@Suite struct CheckTests {
    @Test func aWholeLogIsToldSegmentBySegment() throws {
        let log = try DamagedLog()
        var told: [Int64] = []
        let report = try LogCheck.run(folder: log.folder.path) { done, all in
            told.append(done)
            #expect(done <= all)
        }
        #expect(report.isWhole && report.notes.isEmpty && report.damages.isEmpty)
        let sizes = log.segments.map { Int64(log.bytes($0).count) }
        #expect(report.segments.map(\.bytes) == sizes && report.bytes == sizes.reduce(0, +))
        #expect(told.last == report.bytes)
        for (segment, name) in zip(report.segments, log.segments) {
            let frames = log.frames(name)
            let records = frames.filter { $0.kind == .records }
            #expect("segments/" + segment.name == name)
            #expect(segment.commits == frames.count { $0.kind == .commit })
            #expect(segment.frames == records.count)
            #expect(segment.records == Int64(records.reduce(0) { $0 + $1.records }))
            #expect(segment.firstCommit == records.first?.commit && segment.lastCommit == records.last?.commit)
            #expect(segment.firstReceivedAt == records.first?.receivedAt)
            #expect(segment.lastReceivedAt == records.last?.receivedAt)
            #expect(segment.lostBefore == 0)
        }
    }

    @Test func aDamageIsToldByFileBytesCommitsAndOffsets() throws {
        let log = try DamagedLog()
        let name = log.segments[3]
        let frame = try #require(log.frames(name).last { $0.kind == .records && $0.topic == 0 })
        var bytes = log.bytes(name)
        bytes[frame.start + 66] ^= 1
        try log.folder.write(bytes, to: name)
        let report = try LogCheck.run(folder: log.folder.path)
        #expect(report.damageCount == 1)
        let damage = try #require(report.damages.first)
        #expect("segments/" + damage.file == name)
        #expect(damage.from == frame.start && damage.to == frame.end)
        #expect(damage.firstCommit == frame.commit && damage.lastCommit == frame.commit)
        #expect(damage.lostRecords == frame.records)
        #expect(damage.lost.map(\.partition) == ["clicks/\(frame.partition)"])
        #expect(damage.lost.map(\.from) == [frame.baseOffset])
        #expect(damage.lost.map(\.to) == [frame.baseOffset + Int64(frame.records)])
        #expect(damage.what == "no whole frame of this log" && !damage.isOpenEnded)
        // The same again for machines.
        let json = try JSONSerialization.jsonObject(with: try JSONEncoder().encode(report)) as? [String: Any]
        let first = (json?["damages"] as? [[String: Any]])?.first
        #expect(first?["from"] as? Int == frame.start && first?["lost_records"] as? Int == frame.records)

        // After a repair, what is gone is told as gone.
        _ = try log.repair()
        let after = try LogCheck.run(folder: log.folder.path)
        #expect(after.isWhole && after.segments.map(\.lostBefore).reduce(0, +) == Int64(frame.records))
    }

    @Test func anIndexThatPointsElsewhereIsDamageAndOneThatIsUnreadableIsNot() throws {
        let folder = try LogFolder()
        // Large enough for points a mebibyte apart.
        let text = String(repeating: "x", count: 200_000)
        try folder.open(segmentBytes: 6 << 20) { log throws in
            for number in 0..<80 { _ = try log.appendAndWait(AppendBatch(["\(number) \(text)"])) }
        }
        let files = try folder.contents()
        let indexes = files.keys.filter { $0.hasSuffix(".index") }.sorted()
        #expect(try indexes.count == folder.segments().count - 1 && indexes.count > 1)
        #expect(try LogCheck.run(folder: folder.path).isWhole)
        var broken = files[indexes[0]] ?? []
        broken[broken.count / 2] ^= 1
        try folder.write(broken, to: indexes[0])
        let harmless = try LogCheck.run(folder: folder.path)
        #expect(harmless.isWhole && harmless.notes.count == 1)
        try folder.restore(files)
        var shifted = try #require(files[indexes[0]])
        // The first point's position is behind the header's 32 bytes; then the checksum is made to hold.
        shifted[32] &+= 1
        let sum = shifted.withUnsafeBytes { bytes in
            bytes.baseAddress.map { cbytes_crc32c(0, $0 + 8, bytes.count - 8) } ?? 0
        }
        withUnsafeBytes(of: sum.littleEndian) { shifted.replaceSubrange(4..<8, with: $0) }
        try folder.write(shifted, to: indexes[0])
        let wrong = try LogCheck.run(folder: folder.path)
        #expect(wrong.damages.map(\.file) == [String(indexes[0].dropFirst("segments/".count))])
        let report = try LogRepair.run(folder: folder.path)
        #expect(report.notes.count == 1 && report.setAside.isEmpty)
        #expect(try folder.contents()[indexes[0]] == nil)
        #expect(try LogCheck.run(folder: folder.path).isWhole)
    }

    @Test func aLogThatIsWrittenToIsNotReportedAsDamaged() throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path, segmentBytes: 200_000)
        let lock = NSLock()
        // Guarded by the lock.
        nonisolated(unsafe) var isWritten = false
        nonisolated(unsafe) var checks = 0
        let path = folder.path
        let writer: @Sendable () throws -> Void = {
            defer { lock.withLock { isWritten = true } }
            for number in 0..<4_000 {
                let batch = AppendBatch(partitions: 2)
                for part in 0...(number % 40) { batch.add("\(number) \(part)", to: .clicks) }
                _ = try log.appendAndWait(batch)
            }
        }
        let checker: @Sendable () throws -> Void = {
            while !lock.withLock({ isWritten }) {
                let report = try LogCheck.run(folder: path)
                #expect(report.isWhole, "\(report.damages)")
                let reading = try EmbeddedLog(reading: path)
                let cut = reading.cut()
                #expect(try reading.everything().count == Int(cut.totals.accepted))
                lock.withLock { checks += 1 }
            }
        }
        try onThreads([writer, checker])
        log.close()
        #expect(checks > 0 && log.cut().commit == 4_000)
        #expect(try LogCheck.run(folder: path).isWhole)
    }

    @Test func aReaderFollowsWhatAnotherWrites() throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path, segmentBytes: 2_000)
        let reading = try EmbeddedLog(reading: folder.path)
        let consumer = try reading.consumer(of: Topic.allCases, from: LogOffsets(partitions: 2))
        var seen: [String] = []
        var expected: [String] = []
        for round in 0..<40 {
            for part in 0...(round % 5) {
                _ = try log.appendAndWait(AppendBatch(["\(round) \(part)"]))
                expected.append("\(round) \(part)")
            }
            let durable = try reading.refresh()
            #expect(durable.commit >= log.cut().commit - 1 && reading.cut() == log.cut())
            seen += try consumer.rest(before: durable).map(\.text)
            #expect(seen.count == Int(durable.totals.accepted))
        }
        #expect(try folder.segments().count > 10)
        log.close()
        // The close said of the last one that it is durable.
        seen += try consumer.rest(before: try reading.refresh()).map(\.text)
        #expect(seen == expected)
        #expect(throws: LogError.self) { try reading.appendAndWait(AppendBatch(["no"])) }
    }

    @Test func aReaderThatFollowsNamesDamageRatherThanWaitForever() throws {
        let log = try DamagedLog()
        let name = log.segments[log.segments.count - 1]
        var bytes = log.bytes(name)
        let reading = try EmbeddedLog(reading: log.folder.path)
        _ = try reading.refresh()
        try log.folder.open { log throws in
            _ = try log.appendAndWait(AppendBatch(["more"]))
            _ = try log.appendAndWait(AppendBatch(["and more"]))
        }
        let longer = try log.folder.read(name)
        bytes = longer
        bytes[log.bytes(name).count + 70] ^= 1
        try log.folder.write(bytes, to: name)
        #expect(throws: LogError.self) { for _ in 0..<100 { _ = try reading.refresh() } }
        try log.folder.write(longer, to: name)
        #expect(try reading.refresh().commit >= DamagedLog.commits)
    }
}
