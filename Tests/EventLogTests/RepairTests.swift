import EventLog
import Events
import Foundation
import Testing

/// A log of several segments, what it holds, and what may happen to its files.
struct DamagedLog {
    static let segmentBytes: Int64 = 1_300
    static let commits: Int64 = 24

    let folder: LogFolder
    /// All records before the damage.
    let expected: [Stored]
    let files: [String: [UInt8]]
    let segments: [String]

    /// A log whose commits hold clicks in either partition, some a purchase, some something for the quarantine.
    init(commits: Int64 = DamagedLog.commits, segmentBytes: Int64 = DamagedLog.segmentBytes) throws {
        folder = try LogFolder()
        expected = try folder.open(segmentBytes: segmentBytes) { log throws in
            for number in 1...commits { _ = try log.appendAndWait(DamagedLog.batch(number)) }
            return try log.everything()
        }
        files = try folder.contents()
        segments = try folder.segments()
    }

    static func batch(_ number: Int64) -> AppendBatch {
        let batch = AppendBatch(partitions: 2)
        batch.add(Array("\(number) a".utf8), to: .clicks, partition: 0)
        batch.add(Array("\(number) b".utf8), to: .clicks, partition: 1)
        batch.add(Array("\(number) c".utf8), to: .clicks, partition: 1)
        if number % 2 == 0 { batch.add(Array("\(number) bought".utf8), to: .purchases, partition: 0) }
        if number % 3 == 0 { batch.quarantine(Array("\(number) bad".utf8)) }
        batch.stamp = ProducerStamp(producer: "p", sequence: number)
        return batch
    }

    func bytes(_ name: String) -> [UInt8] { files[name] ?? [] }

    func frames(_ name: String) -> [StoredFrame] { StoredFrame.all(in: bytes(name)) }

    /// The records in frames that a change left as they are.
    func readable(outside damaged: (String, StoredFrame) -> Bool) -> [Stored] {
        var kept: Set<String> = []
        for name in segments {
            for frame in frames(name) where frame.kind == .records && !damaged(name, frame) {
                for offset in frame.baseOffset..<(frame.baseOffset + Int64(frame.records)) {
                    kept.insert("\(frame.topic)/\(frame.partition)/\(offset)")
                }
            }
        }
        return expected.filter {
            kept.contains("\($0.partition.topic.rawValue)/\($0.partition.partition)/\($0.offset)")
        }
    }

    func open<Result>(_ body: (EmbeddedLog) throws -> Result) throws -> Result {
        try folder.open(segmentBytes: DamagedLog.segmentBytes, body)
    }

    func repair(taken: LogOffsets? = nil) throws -> LogRepairReport {
        try LogRepair.run(folder: folder.path, taken: taken)
    }

    /// The records that a report says are lost, as `topic/partition/offset`.
    static func lost(_ damages: [LogDamage]) -> Set<String> {
        var lost: Set<String> = []
        for range in damages.flatMap(\.lost) {
            for offset in range.from..<range.to {
                #expect(lost.insert("\(range.partition)/\(offset)").inserted, "lost twice: \(range)")
            }
        }
        return lost
    }

    /// Checks, repairs, and holds what is left against what was readable.
    ///
    /// - Parameters:
    ///   - kept: the records in frames that the damage left as they were.
    ///   - endIsKnown: whether what was lost at the log's end shows.
    func verify(_ what: String, keeps kept: [Stored], endIsKnown: Bool = true) throws {
        let damaged = try folder.contents()
        let check = try LogCheck.run(folder: folder.path)
        #expect(!check.isWhole, "\(what): nothing was noticed")
        #expect(try folder.contents() == damaged, "\(what): checking changed the files")
        let plan = try LogRepair.run(folder: folder.path, dryRun: true)
        #expect(plan.damages == check.damages, "\(what): the plan is not what the check said")
        #expect(try folder.contents() == damaged, "\(what): planning changed the files")
        let report = try repair()
        #expect(report.damages == plan.damages, "\(what): the repair is not what was planned")

        let again = try LogCheck.run(folder: folder.path)
        #expect(again.isWhole, "\(what): still damaged: \(again.damages)")
        let whole = try folder.contents()
        #expect(try repair().damageCount == 0 && folder.contents() == whole, "\(what): repaired twice")

        let lost = DamagedLog.lost(report.damages)
        try open { log throws in
            #expect(log.recoveryNotes.isEmpty, "\(what): \(log.recoveryNotes)")
            let consumer = try log.consumer(of: Topic.allCases, from: LogOffsets(partitions: 2))
            let found = try consumer.rest(before: log.cut())
            #expect(found == kept, "\(what): \(kept.count - found.count) fewer than readable")
            #expect(consumer.lost == Int64(lost.count), "\(what): a reader passed over \(consumer.lost)")
            let gone = expected.filter { record in !kept.contains(record) }.map { "\($0.partition)/\($0.offset)" }
            if endIsKnown { #expect(Set(gone) == lost, "\(what)") }
            let cut = log.cut()
            #expect(cut.totals.accepted == cut.offsets.acceptedRecords, "\(what): \(cut.totals)")
            #expect(cut.totals.quarantined == cut.offsets.records(in: .quarantine), "\(what): \(cut.totals)")
            if endIsKnown {
                #expect(cut.offsets.acceptedRecords == Int64(expected.count { $0.partition.topic != .quarantine }))
                #expect(cut.totals.received == Int64(expected.count), "\(what): \(cut.totals)")
            }
            // What comes next gets offsets that nobody had.
            let receipt = try log.appendAndWait(AppendBatch(["next"]))
            #expect(receipt.commit > (kept.last?.commit ?? 0))
            let end = try log.everything()
            #expect(end.dropLast() == found[...] && end.last?.text == "next", "\(what): appending")
            #expect(end.last.map { $0.offset == cut.offsets[$0.partition] } == true)
        }
        #expect(try LogCheck.run(folder: folder.path).isWhole, "\(what): damaged by going on")
    }
}

@Suite struct RepairTests {
    /// Where each field of a frame's header stands.
    private static let fields = [
        "magic": 0, "checksum": 4, "payload bytes": 8, "records": 12, "base offset": 16, "received_at": 24,
        "commit": 32, "topic": 40, "partition": 42, "kind": 44, "zero": 46, "log id": 48, "zeros": 56,
    ]

    @Test(arguments: fields.keys.sorted()) func aFlippedHeaderFieldCostsItsFrameOnly(_ field: String) throws {
        let log = try DamagedLog(commits: 13)
        let at = try #require(Self.fields[field])
        for name in log.segments {
            for frame in log.frames(name) {
                try damage(log, name, frame, "\(field) of the \(frame.kind) of commit \(frame.commit)") {
                    $0[frame.start + at] ^= 4
                }
            }
        }
    }

    @Test func aFlippedPayloadCostsItsFrameOnly() throws {
        let log = try DamagedLog(commits: 13)
        for name in log.segments {
            for frame in log.frames(name) {
                try damage(log, name, frame, "payload of the \(frame.kind) of commit \(frame.commit)") {
                    $0[frame.end - 1] ^= 0x10
                }
            }
        }
    }

    @Test func aFrameOfZerosCostsItsFrameOnly() throws {
        let log = try DamagedLog(commits: 13)
        for name in log.segments {
            for frame in log.frames(name) {
                try damage(log, name, frame, "zeros for the \(frame.kind) of commit \(frame.commit)") {
                    $0.replaceSubrange(frame.start..<frame.end, with: repeatElement(0, count: frame.end - frame.start))
                }
            }
        }
    }

    @Test func aFrameThatIsGoneCostsItsFrameOnly() throws {
        let log = try DamagedLog(commits: 13)
        for name in log.segments {
            for frame in log.frames(name) {
                try damage(log, name, frame, "no \(frame.kind) of commit \(frame.commit)") {
                    $0.removeSubrange(frame.start..<frame.end)
                }
            }
        }
    }

    /// Damages one frame of a segment and verifies what a repair makes of it.
    private func damage(
        _ log: DamagedLog, _ name: String, _ frame: StoredFrame, _ what: String, _ change: (inout [UInt8]) -> Void
    ) throws {
        try log.folder.restore(log.files)
        var bytes = log.bytes(name)
        change(&bytes)
        // The state that the log closed with says nothing that the last commit does not.
        let isLast = name == log.segments.last && frame.end == log.bytes(name).count
        if isLast && frame.kind == .state && bytes[..<frame.start] == log.bytes(name)[..<frame.start] {
            try log.folder.write(bytes, to: name)
            #expect(try LogCheck.run(folder: log.folder.path).isWhole)
            #expect(try log.open { try $0.everything() } == log.expected)
            return
        }
        try log.folder.write(bytes, to: name)
        try log.verify("\(name), \(what)", keeps: log.readable { $0 == name && $1 == frame })
    }

    @Test func manyDamagesAtOnceCostTheirFramesOnly() throws {
        let log = try DamagedLog()
        var random = SeededGenerator(seed: 5)
        for round in 0..<60 {
            try log.folder.restore(log.files)
            var hit: Set<String> = []
            for name in log.segments {
                var bytes = log.bytes(name)
                // The end of the log stays, so that what is lost there shows.
                for frame in log.frames(name).dropLast(name == log.segments.last ? 1 : 0) where random.chance(6) {
                    bytes[Int.random(in: frame.start..<frame.end, using: &random)] ^=
                        1 << UInt8.random(in: 0..<8, using: &random)
                    hit.insert("\(name) \(frame.start)")
                }
                try log.folder.write(bytes, to: name)
            }
            guard !hit.isEmpty else { continue }
            try log.verify("round \(round)", keeps: log.readable { hit.contains("\($0) \($1.start)") })
        }
    }

    @Test func aSegmentThatIsCutShortCostsWhatIsGone() throws {
        let log = try DamagedLog()
        for name in log.segments.dropLast() {
            let bytes = log.bytes(name)
            for length in stride(from: 0, to: bytes.count, by: 97) {
                try log.folder.restore(log.files)
                try log.folder.write(bytes.prefix(length), to: name)
                try log.verify(
                    "\(length) of \(bytes.count) bytes of \(name)",
                    keeps: log.readable { $0 == name && $1.end > length })
            }
        }
    }

    @Test func aMissingSegmentCostsItsRecordsAndReadersPass() throws {
        let log = try DamagedLog()
        try #require(log.segments.count > 4)
        for gone in [[0], [0, 1], [1], [2, 3], [1, 3], [0, 2]] {
            try log.folder.restore(log.files)
            let names = Set(gone.map { log.segments[$0] })
            for name in names { try log.folder.remove(name) }
            try log.verify("without \(gone)", keeps: log.readable { name, _ in names.contains(name) })
        }
    }

    @Test func aMissingSegmentBesideDamageCostsBoth() throws {
        let log = try DamagedLog()
        // The next segment's head is gone as well: nothing tells the state there but its first commit.
        for index in 0..<(log.segments.count - 2) {
            try log.folder.restore(log.files)
            let gone = log.segments[index]
            let next = log.segments[index + 1]
            try log.folder.remove(gone)
            var bytes = log.bytes(next)
            bytes[3] ^= 1
            try log.folder.write(bytes, to: next)
            try log.verify("without \(gone)", keeps: log.readable { name, _ in name == gone })
        }
    }

    @Test func segmentsUnderEachOthersNamesAreBroughtBack() throws {
        let log = try DamagedLog()
        let orders = [[1, 0], [0, 2, 1], [2, 0, 1], [1, 2, 3, 0], [0, 1, 3, 2]]
        for order in orders {
            try log.folder.restore(log.files)
            for (place, source) in order.enumerated() {
                try log.folder.write(log.bytes(log.segments[source]), to: log.segments[place])
            }
            try log.verify("order \(order)", keeps: log.expected)
        }
        // The newest among them, which a start must not take for one that a crash left without a commit.
        try log.folder.restore(log.files)
        let last = log.segments.count - 1
        try log.folder.write(log.bytes(log.segments[last]), to: log.segments[1])
        try log.folder.write(log.bytes(log.segments[1]), to: log.segments[last])
        #expect(throws: LogError.self) { try log.open { _ in } }
        try log.verify("the newest and the second", keeps: log.expected)
        // A name that is none of the log's.
        try log.folder.restore(log.files)
        try log.folder.remove(log.segments[2])
        try log.folder.write(log.bytes(log.segments[2]), to: "segments/00000000000000000777.log")
        try log.verify("another name", keeps: log.expected)
    }

    @Test func aCopyOverASegmentIsSetAside() throws {
        let log = try DamagedLog()
        for (place, source) in [(1, 0), (2, 3), (3, 1)] {
            try log.folder.restore(log.files)
            try log.folder.write(log.bytes(log.segments[source]), to: log.segments[place])
            try log.verify("\(source) over \(place)", keeps: log.readable { name, _ in name == log.segments[place] })
            let kept = try log.folder.contents().filter { $0.key.hasPrefix("damaged/") }
            #expect(kept.values.contains(log.bytes(log.segments[source])))
        }
        // Over the newest: a start must not take it for one that a crash left.
        try log.folder.restore(log.files)
        try log.folder.write(log.bytes(log.segments[1]), to: log.segments[log.segments.count - 1])
        #expect(throws: LogError.self) { try log.open { _ in } }
    }

    @Test func aStaleCopyBehindASegmentIsCutOff() throws {
        let log = try DamagedLog()
        for name in log.segments.dropLast() {
            for source in log.segments {
                try log.folder.restore(log.files)
                try log.folder.write(log.bytes(name) + log.bytes(source), to: name)
                try log.verify("\(source) behind \(name)", keeps: log.expected)
            }
        }
    }

    @Test func framesFromElsewhereAreCutOut() throws {
        let log = try DamagedLog()
        let other = try DamagedLog()
        let name = log.segments[2]
        let bytes = log.bytes(name)
        let places = log.frames(name).map(\.start)
        for at in places {
            // A frame of another log, one of an earlier and one of a later segment of this one.
            for (source, frames) in [(other, name), (log, log.segments[0]), (log, log.segments[4])] {
                for kind in [StoredFrame.Kind.records, .commit] {
                    let frame = try #require(source.frames(frames).first { $0.kind == kind })
                    try log.folder.restore(log.files)
                    let spliced = Array(source.bytes(frames)[frame.start..<frame.end])
                    try log.folder.write(bytes[..<at] + spliced + bytes[at...], to: name)
                    try log.verify("\(kind) of commit \(frame.commit) at \(at)", keeps: log.expected)
                }
            }
        }
    }

    @Test func laterFramesOfTheSameSegmentAreNotTakenForTheNext() throws {
        let log = try DamagedLog(commits: 12, segmentBytes: 64 << 20)
        let name = log.segments[0]
        let bytes = log.bytes(name)
        let frames = log.frames(name)
        for (index, place) in frames.enumerated() where index > 0 && place.commit < 9 {
            for later in frames where later.commit == 10 {
                try log.folder.restore(log.files)
                let spliced = bytes[later.start..<later.end]
                try log.folder.write(bytes[..<place.start] + spliced + bytes[place.start...], to: name)
                try log.verify("\(later.kind) of commit 10 before commit \(place.commit)", keeps: log.expected)
            }
        }
    }

    @Test func whatIsCutOutIsKept() throws {
        let log = try DamagedLog()
        let name = log.segments[1]
        let frame = try #require(log.frames(name).filter { $0.kind == .records }.dropFirst(2).first)
        var bytes = log.bytes(name)
        bytes[frame.start + 70] ^= 1
        try log.folder.write(bytes, to: name)
        let report = try log.repair()
        let stem = name.dropFirst("segments/".count).dropLast(4)
        #expect(report.setAside == ["damaged/\(stem)-\(frame.start)-\(frame.end).bytes"])
        #expect(try log.folder.read(report.setAside[0]) == Array(bytes[frame.start..<frame.end]))
        #expect(report.repaired == [String(name.dropFirst("segments/".count))])
        // Another damage at the same place is another file.
        try log.folder.restore(log.files)
        bytes[frame.start + 70] ^= 3
        try log.folder.write(bytes, to: name)
        try log.folder.write([1, 2, 3], to: "format.aside")
        try FileManager.default.createDirectory(atPath: log.folder.path + "/damaged", withIntermediateDirectories: true)
        try log.folder.write([7], to: report.setAside[0])
        let second = try log.repair()
        #expect(second.setAside == ["damaged/\(stem)-\(frame.start)-\(frame.end)-2.bytes"])
        #expect(try log.folder.read(report.setAside[0]) == [7])
    }

    @Test func theEndOfADamagedLogGivesOutNoOffsetTwice() throws {
        let log = try DamagedLog()
        let name = try #require(log.segments.last)
        let frames = log.frames(name)
        // All records of the last two commits, which tell the state, are gone; their events are there.
        let records = frames.filter { $0.kind != .records && $0.start > 0 }.suffix(3)
        var bytes = log.bytes(name)
        for frame in records { bytes[frame.start] ^= 1 }
        try log.folder.write(bytes, to: name)
        try log.verify("no commit's record", keeps: log.expected)

        // The log's end is gone, and the lake has taken it in already.
        try log.folder.restore(log.files)
        let taken = try log.open { $0.cut().offsets }
        try log.folder.restore(log.files)
        try log.folder.remove(name)
        #expect(try LogCheck.run(folder: log.folder.path).isWhole)
        #expect(try LogCheck.run(folder: log.folder.path, taken: taken).damageCount == 1)
        let report = try log.repair(taken: taken)
        let kept = log.readable { other, _ in other == name }
        #expect(report.lostRecords == Int64(log.expected.count - kept.count))
        try log.folder.open { log throws in
            #expect(log.cut().offsets == taken)
            #expect(try log.everything() == kept)
        }
        // So has a group of consumers.
        try log.folder.restore(log.files)
        try ConsumerGroups(folder: log.folder.path).commit("readers", taken)
        try log.folder.remove(name)
        #expect(try log.repair().lostRecords == Int64(log.expected.count - kept.count))
        #expect(try log.open { $0.cut().offsets } == taken)
    }

    @Test func producersThatAreKnownStayKnown() throws {
        let log = try DamagedLog()
        let name = log.segments[2]
        let first = try #require(log.frames(name).first { $0.kind == .commit })
        var bytes = log.bytes(name)
        bytes[first.start + 5] ^= 1
        bytes[0] ^= 1
        try log.folder.write(bytes, to: name)
        _ = try log.repair()
        try log.open { log throws in
            for number in 1...DamagedLog.commits {
                #expect(try log.appendAndWait(DamagedLog.batch(number)).isRepeat, "\(number)")
            }
        }
    }

    @Test func aProducerThatIsLongSilentIsKnownBehindALostHead() throws {
        let folder = try LogFolder()
        let early = AppendBatch(["early"], stamp: ProducerStamp(producer: "early", sequence: 1))
        try folder.open(segmentBytes: DamagedLog.segmentBytes) { log throws in
            _ = try log.appendAndWait(early)
            for number in 1...DamagedLog.commits { _ = try log.appendAndWait(DamagedLog.batch(number)) }
            _ = try log.appendAndWait(AppendBatch(["later"]))
        }
        let name = try folder.newest()
        var bytes = try folder.read(name)
        bytes[70] ^= 1
        try folder.write(bytes, to: name)
        #expect(try LogRepair.run(folder: folder.path).damageCount == 1)
        try folder.open(segmentBytes: DamagedLog.segmentBytes) { log throws in
            let again = AppendBatch(["early"], stamp: ProducerStamp(producer: "early", sequence: 1))
            #expect(try log.appendAndWait(again).isRepeat)
            #expect(try log.appendAndWait(DamagedLog.batch(DamagedLog.commits)).isRepeat)
        }
    }

    @Test func aWrongStartIsPutRight() throws {
        let log = try DamagedLog()
        for text in ["", "commit 0\n", "commit x", "\u{ff}", "commit 3\n", "commit 99999\n"] {
            try log.folder.restore(log.files)
            try log.folder.write(Array(text.utf8), to: "start")
            try log.verify("start '\(text)'", keeps: log.expected)
            #expect(try log.folder.read("start") == Array("commit 1\n".utf8))
        }
        try log.folder.restore(log.files)
        try log.folder.remove("start")
        try log.verify("no start", keeps: log.expected)
    }

    @Test func aLogWithoutSegmentsIsNotMadeUp() throws {
        let log = try DamagedLog()
        for name in log.segments { try log.folder.remove(name) }
        let before = try log.folder.contents()
        #expect(throws: LogError.self) { try log.repair() }
        #expect(throws: LogError.self) { try LogCheck.run(folder: log.folder.path) }
        #expect(try log.folder.contents() == before)
    }

    @Test func aTornTailIsNoDamage() throws {
        let log = try DamagedLog()
        let name = try #require(log.segments.last)
        let bytes = log.bytes(name)
        let last = try #require(log.frames(name).last { $0.kind == .commit })
        let own = try #require(log.frames(name).first { $0.commit == last.commit && $0.kind == .records })
        for length in (own.start + 1)..<last.end {
            try log.folder.restore(log.files)
            try log.folder.write(SegmentImage.padded(Array(bytes[..<length])), to: name)
            let report = try LogCheck.run(folder: log.folder.path)
            #expect(report.isWhole && report.notes.count == 1, "\(length): \(report)")
            let before = try log.folder.contents()
            #expect(try log.repair().damageCount == 0)
            #expect(try log.folder.contents() == before)
        }
    }

    @Test func aRepairThatIsInterruptedAnywhereIsFinishedByTheNext() throws {
        let log = try DamagedLog()
        try #require(log.segments.count > 7)
        // Swapped segments, a copy, a missing one, damage in three, and no start.
        var bytes = log.files
        func damage(_ index: Int) throws {
            let frames = log.frames(log.segments[index])
            bytes[log.segments[index]]?[frames[frames.count / 2].start + 9] ^= 1
        }
        try damage(0)
        try damage(3)
        try damage(log.segments.count - 1)
        bytes[log.segments[1]] = log.bytes(log.segments[2])
        bytes[log.segments[2]] = log.bytes(log.segments[1])
        bytes[log.segments[4]] = nil
        bytes[log.segments[5]] = log.bytes(log.segments[6])
        bytes["start"] = nil
        try log.folder.restore(bytes)
        _ = try log.repair()
        let expected = try LogCheck.run(folder: log.folder.path)
        #expect(expected.isWhole)
        let segments = try log.folder.contents().filter { $0.key.hasPrefix("segments/") || $0.key == "start" }
        let kept = try log.folder.contents().filter { $0.key.hasPrefix("damaged/") }

        var steps = 0
        var isDone = false
        while !isDone {
            steps += 1
            try log.folder.restore(bytes)
            isDone = try repair(log, stoppingAt: steps)
            if !isDone { _ = try log.repair() }
            let found = try log.folder.contents()
            #expect(found.filter { $0.key.hasPrefix("segments/") || $0.key == "start" } == segments, "step \(steps)")
            for (name, bytes) in kept { #expect(found[name] == bytes, "step \(steps): \(name)") }
        }
        #expect(steps > 40, "only \(steps) steps")
    }

    /// Repairs and stops before a step; returns whether there are so few steps that it was done before.
    private func repair(_ log: DamagedLog, stoppingAt step: Int) throws -> Bool {
        let countdown = Countdown(step)
        do {
            _ = try LogRepair.run(folder: log.folder.path, taken: nil, dryRun: false, step: countdown.next)
            return true
        } catch {
            guard case .failed = error else { throw error }
            return false
        }
    }
}

/// Stops a repair before its nth step, as a kill would.
private final class Countdown {
    private var left: Int

    init(_ steps: Int) { left = steps }

    func next(_ step: String) throws(LogError) {
        left -= 1
        if left == 0 { throw .failed("stopped before: \(step)") }
    }
}
