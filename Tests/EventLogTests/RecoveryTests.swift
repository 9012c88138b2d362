import EventLog
import Events
import Foundation
import Testing

/// Adds commits of which each holds clicks in either partition, a purchase and something for the quarantine.
private func add(
    _ commits: Int, to folder: LogFolder, segmentBytes: Int64 = 64 << 20, producer: String? = nil, size: Int = 8,
    quarantined: [[UInt8]] = [[0xff]]
) throws {
    try folder.open(segmentBytes: segmentBytes) { log throws in
        for _ in 0..<commits { _ = try log.appendAndWait(batch(log, producer, size, quarantined)) }
    }
}

private func batch(_ log: EmbeddedLog, _ producer: String?, _ size: Int, _ quarantined: [[UInt8]]) -> AppendBatch {
    let number = log.cut().commit + 1
    let fill = String(repeating: "x", count: size)
    let batch = AppendBatch(partitions: 2)
    batch.add(Array("\(number) a \(fill)".utf8), to: .clicks, partition: 0)
    batch.add(Array("\(number) b \(fill)".utf8), to: .clicks, partition: 1)
    batch.add(Array("\(number) c \(fill)".utf8), to: .clicks, partition: 1)
    batch.add("\(number) bought \(fill)", to: .purchases)
    for bytes in quarantined { batch.quarantine(bytes) }
    batch.stamp = producer.map { ProducerStamp(producer: $0, sequence: number) }
    return batch
}

private func filled(
    _ commits: Int, segmentBytes: Int64 = 64 << 20, producer: String? = nil, size: Int = 8,
    quarantined: [[UInt8]] = [[0xff]]
) throws -> LogFolder {
    let folder = try LogFolder()
    try add(
        commits, to: folder, segmentBytes: segmentBytes, producer: producer, size: size, quarantined: quarantined)
    return folder
}

/// Frames that a sender might put into an event's bytes: of another log, of none, of a commit long ago, and words.
private func fakes(_ folder: LogFolder) throws -> [[UInt8]] {
    let name = try folder.newest()
    let bytes = try folder.read(name)
    let own = StoredFrame.all(in: bytes)
    let forged = [StoredFrame.Kind.records, .commit, .state, .repair].flatMap { kind in
        [1, 0xffff_ffff_ffff_ffff, 0].map { id in
            StoredFrame.bytes(
                kind: kind, commit: 1 << 40, payload: [UInt8](repeating: 7, count: 100), logID: id,
                topic: kind == .records ? 0 : 0xffff)
        }
    }
    // Somebody may well send a piece of a log's file.
    return forged + own.map { Array(bytes[$0.start..<$0.end]) } + [Array("CTG2CTG2".utf8), Array("CTG2".utf8)]
}

/// What a machine leaves behind whose power goes while it writes.
@Suite struct PowerLossTests {
    /// A folder whose last commit is of about `size` bytes, and its newest segment's image without a confirmation.
    private func image(
        _ size: Int, commits: Int = 3, segmentBytes: Int64 = 64 << 20
    ) throws -> (LogFolder, String, SegmentImage) {
        let folder = try filled(commits, segmentBytes: segmentBytes, producer: "p")
        try add(
            1, to: folder, segmentBytes: segmentBytes, producer: "p", size: size, quarantined: try fakes(folder))
        let name = try folder.newest()
        return (folder, name, SegmentImage(try folder.read(name)).unconfirmed)
    }

    /// Opens a folder as a writer and as a reader and holds it against what must be there; returns the cut.
    private func check(_ folder: LogFolder, _ expected: [Stored], _ segmentBytes: Int64, _ what: String) throws {
        let before = try folder.contents()
        let reading = try EmbeddedLog(reading: folder.path)
        #expect(try reading.everything() == expected, "reading \(what)")
        #expect(try folder.contents() == before, "reading changed the files: \(what)")
        try folder.open(segmentBytes: segmentBytes) { log throws in
            #expect(try log.everything() == expected, "\(what)")
            let cut = log.cut()
            #expect(cut.totals.accepted == cut.offsets.acceptedRecords, "\(what)")
            #expect(cut.totals.quarantined == cut.offsets.records(in: .quarantine), "\(what)")
        }
    }

    @Test(arguments: [(64 << 20, 700), (64 << 20, 5_000), (1, 20), (1, 3_000)] as [(Int64, Int)])
    func aTornCommitIsUndoneWholeWhicheverSectorsCame(_ segmentBytes: Int64, _ size: Int) throws {
        let (folder, name, image) = try image(size, segmentBytes: segmentBytes)
        let whole = try folder.open(segmentBytes: segmentBytes) { try $0.everything() }
        let earlier = whole.filter { $0.commit < 4 }
        #expect(image.lastWrite.contains { $0.kind == .commit } && whole.count > earlier.count)
        var files = try folder.contents()
        var random = SeededGenerator(seed: UInt64(size))
        let sectors = image.lastSectors.count
        var undone = 0
        for round in 0..<250 {
            // The sectors of the first and of the last frame alone, each one alone missing, then any mixture.
            var fates = (0..<sectors).map { _ in SegmentImage.Fate.allCases.randomElement(using: &random) ?? .old }
            let missing = round % sectors
            if round < 2 * sectors {
                fates = (0..<sectors).map { $0 == missing ? (round < sectors ? .zeros : .garbage) : .written }
            } else if round < 3 * sectors {
                fates = (0..<sectors).map { $0 == missing ? .written : .old }
            }
            let size = random.chance(4) ? Int.random(in: 0...image.written.count, using: &random) : nil
            let torn = image.torn(fates, size: size, using: &random)
            files[name] = torn
            try folder.restore(files)
            let isWhole = image.isWhole(in: torn)
            undone += isWhole ? 0 : 1
            try check(folder, isWhole ? whole : earlier, segmentBytes, "\(fates) \(torn.count) of \(image.bytes.count)")
            if round % 25 == 0 {
                // What it repeats afterwards is stored once, behind the others.
                try folder.open(segmentBytes: segmentBytes) { log throws in
                    let stamp = ProducerStamp(producer: "p", sequence: 4)
                    let receipt = try log.appendAndWait(AppendBatch(["again"], stamp: stamp))
                    #expect(receipt.isRepeat == isWhole && receipt.commit == 4)
                }
                let after = try folder.open(segmentBytes: segmentBytes) { log throws in
                    #expect(log.recoveryNotes.isEmpty)
                    return try log.everything().map(\.text)
                }
                #expect(after == (isWhole ? whole.map(\.text) : earlier.map(\.text) + ["again"]))
            }
        }
        #expect(undone > 200)
    }

    @Test func anyLengthOfTheLastWriteIsUndone() throws {
        let (folder, name, image) = try image(300)
        let whole = try folder.open { try $0.everything() }
        let earlier = whole.filter { $0.commit < 4 }
        var files = try folder.contents()
        for length in stride(from: image.lastStart, through: image.written.count, by: 7) {
            let torn = Array(image.written.prefix(length))
            files[name] = torn
            try folder.restore(files)
            try check(folder, image.isWhole(in: torn) ? whole : earlier, 64 << 20, "\(length) bytes")
        }
    }

    @Test func nothingOfAnUndoneCommitStaysBehindTheNextOne() throws {
        let (folder, name, image) = try image(9_000)
        var torn = image.written
        for at in image.lastStart..<(image.lastStart + 64) { torn[at] = 0 }
        try folder.write(torn, to: name)
        let log = try EmbeddedLog(folder: folder.path)
        _ = try log.appendAndWait(AppendBatch(["small"]))
        let file = try folder.read(name)
        let end = try #require(StoredFrame.all(in: file).last).end
        #expect(file.count == SegmentImage.padded(Array(file[..<end])).count && file[end...].allSatisfy { $0 == 0 })
        #expect(file.count < torn.count)
        withExtendedLifetime(folder) { log.close() }
    }

    @Test func aRecordThatSaysSomethingIsDurableMayBeTornAtNoCost() throws {
        let folder = try filled(3, producer: "p")
        let name = try folder.newest()
        let image = SegmentImage(try folder.read(name))
        try #require(image.lastWrite.map(\.kind) == [.state])
        let whole = try folder.open { try $0.everything() }
        var files = try folder.contents()
        var random = SeededGenerator(seed: 9)
        for length in image.lastStart..<image.lastEnd {
            files[name] = SegmentImage.padded(Array(image.bytes.prefix(length)))
            try folder.restore(files)
            try check(folder, whole, 64 << 20, "\(length) bytes")
            files[name] = Array(image.bytes.prefix(length)) + random.bytes(image.lastEnd - length)
            try folder.restore(files)
            try check(folder, whole, 64 << 20, "\(length) bytes and garbage")
        }
    }

    @Test(arguments: [64 << 20, 1] as [Int64])
    func theRecordOfACommitDoesNotHideThatItsMiddleIsMissing(_ segmentBytes: Int64) throws {
        let (folder, name, image) = try image(2_000, segmentBytes: segmentBytes)
        let earlier = try folder.open(segmentBytes: segmentBytes) { try $0.everything() }.filter { $0.commit < 4 }
        var files = try folder.contents()
        for frame in image.lastWrite where frame.kind == .records {
            for gap in [frame.start..<frame.end, frame.start..<(frame.start + 64), (frame.end - 1)..<frame.end] {
                var torn = image.written
                for at in gap { torn[at] = torn[at] &+ 1 }
                files[name] = torn
                try folder.restore(files)
                try check(folder, earlier, segmentBytes, "\(gap)")
            }
        }
    }

    @Test(arguments: [64 << 20, 1] as [Int64])
    func aCommitThatCameWholeIsKeptThoughNothingSaysItIsDurable(_ segmentBytes: Int64) throws {
        let (folder, name, image) = try image(500, segmentBytes: segmentBytes)
        let whole = try folder.open(segmentBytes: segmentBytes) { try $0.everything() }
        var files = try folder.contents()
        for bytes in [image.written, image.bytes, Array(image.bytes.prefix(image.lastEnd))] {
            files[name] = bytes
            try folder.restore(files)
            try folder.open(segmentBytes: segmentBytes) { log throws in
                #expect(log.recoveryNotes.isEmpty)
                #expect(try log.everything() == whole)
                let stamp = ProducerStamp(producer: "p", sequence: 4)
                #expect(try log.appendAndWait(AppendBatch(["again"], stamp: stamp)).isRepeat)
            }
        }
    }

    @Test func aLogThatWasBeingMadeIsMadeAnew() throws {
        let folder = try filled(0)
        let files = try folder.contents()
        let name = try folder.newest()
        for length in stride(from: 0, to: files[name]?.count ?? 0, by: 5) {
            var torn = files
            torn["start"] = nil
            torn[name] = Array((files[name] ?? []).prefix(length))
            try folder.restore(torn)
            try folder.open { log throws in
                #expect(log.cut().commit == 0)
                _ = try log.appendAndWait(AppendBatch(["first"]))
            }
            #expect(try folder.open { try $0.everything().map(\.text) } == ["first"])
        }
        // Nothing but the format came.
        try folder.restore(files.filter { $0.key == "format" })
        #expect(try folder.open { try $0.everything() } == [])
    }
}

/// What a disk, a copy or a person may do to files that were whole.
@Suite struct DamageTests {
    @Test func whatLiesBeforeAConfirmedCommitIsNamedAndNothingIsChanged() throws {
        let folder = try filled(4, producer: "p")
        let name = try folder.newest()
        let image = SegmentImage(try folder.read(name))
        try #require(image.lastWrite.map(\.kind) == [.state])
        var files = try folder.contents()
        for at in stride(from: 0, to: image.lastStart, by: 3) {
            var flipped = image.bytes
            flipped[at] ^= 1 << UInt8(at % 8)
            files[name] = flipped
            try folder.restore(files)
            for open in [{ try folder.open { _ in } }, { _ = try EmbeddedLog(reading: folder.path) }] {
                guard case .damaged(let path, _, _) = try logError(open) else {
                    Issue.record("byte \(at)")
                    return
                }
                #expect(path.hasSuffix(name))
            }
        }
        #expect(try folder.contents() == files, "a log that cannot be opened must not be changed")
    }

    @Test func largerDamageBeforeAConfirmedCommitIsNamed() throws {
        let folder = try filled(4, size: 3_000, quarantined: try fakes(try filled(2)))
        let name = try folder.newest()
        let image = SegmentImage(try folder.read(name))
        var files = try folder.contents()
        var random = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            let start = Int.random(in: 0..<image.lastStart, using: &random)
            let end = min(image.lastStart, start + Int.random(in: 1...9_000, using: &random))
            var damaged = image.bytes
            let isZero = random.chance(2)
            for at in start..<end { damaged[at] = isZero ? 0 : ~damaged[at] }
            guard damaged != image.bytes else { continue }
            files[name] = damaged
            try folder.restore(files)
            guard case .damaged = try logError({ try folder.open { _ in } }) else {
                Issue.record("\(start)..<\(end)")
                return
            }
            #expect(try folder.contents() == files)
        }
    }

    @Test func aDamagedNoteOfDurabilityDoesNotCostTheCommitBehindIt() throws {
        // The last commit was answered, and the process killed before it could note that it is durable.
        let folder = try filled(3)
        let name = try folder.newest()
        let first = SegmentImage(try folder.read(name))
        let note = try #require(first.lastWrite.first)
        try add(1, to: folder)
        let image = SegmentImage(try folder.read(name)).unconfirmed
        var files = try folder.contents()
        for at in stride(from: note.start, to: note.end, by: 9) {
            var flipped = image.written
            flipped[at] ^= 0x10
            files[name] = flipped
            try folder.restore(files)
            guard case .damaged = try logError({ try folder.open { _ in } }) else {
                Issue.record("byte \(at - note.start) of \(note.end - note.start)")
                return
            }
            #expect(try folder.contents() == files)
        }
    }

    @Test(arguments: [64 << 20, 1] as [Int64])
    func aFlippedByteIsNamedOrHarmlessAndNeverASilentLoss(_ segmentBytes: Int64) throws {
        let folder = try filled(4, segmentBytes: segmentBytes, producer: "p")
        let expected = try folder.open(segmentBytes: segmentBytes) { try $0.everything() }
        let whole = try folder.contents()
        var harmless = 0
        var named = 0
        for name in whole.keys.sorted() where name.hasPrefix("segments/") {
            let bytes = whole[name] ?? []
            for at in stride(from: 0, to: bytes.count, by: segmentBytes == 1 ? 13 : 5) {
                var flipped = bytes
                flipped[at] ^= 1 << UInt8(at % 8)
                try folder.write(flipped, to: name)
                do {
                    let log = try EmbeddedLog(reading: folder.path)
                    #expect(try log.everything() == expected, "byte \(at) of \(name)")
                    for topic in Topic.allCases {
                        #expect(try log.everything([topic]) == expected.filter { $0.partition.topic == topic })
                    }
                    harmless += 1
                } catch {
                    #expect(error is LogError, "byte \(at) of \(name): \(error)")
                    named += 1
                }
            }
            try folder.write(bytes, to: name)
        }
        #expect(named > 20 && harmless > 2, "\(named) named, \(harmless) harmless")
        #expect(try folder.contents() == whole)
    }

    @Test func aTimeIsNotFoundInDamagedBytes() throws {
        let folder = try LogFolder()
        for clock in 1...8 as ClosedRange<Int64> { try addAt(clock * 1_000, folder, segmentBytes: 1_500) }
        let names = try folder.segments()
        try #require(names.count > 2)
        let right = try folder.open(segmentBytes: 1_500) { log throws in
            try (0...9).map { try log.cut(before: $0 * 1_000) }
        }
        let whole = try folder.contents()
        for name in names.dropLast() {
            let bytes = whole[name] ?? []
            for at in stride(from: 0, to: bytes.count, by: 7) {
                for bit in [0, 6] as [UInt8] {
                    var flipped = bytes
                    flipped[at] ^= 1 << bit
                    try folder.write(flipped, to: name)
                    let log = try EmbeddedLog(reading: folder.path)
                    for instant in 0...9 {
                        do {
                            let cut = try log.cut(before: Int64(instant) * 1_000)
                            #expect(cut == right[instant], "byte \(at) of \(name), before \(instant)")
                        } catch {
                            #expect(error as LogError? != nil)
                        }
                    }
                }
            }
            try folder.write(bytes, to: name)
        }
    }

    private func addAt(_ clock: Int64, _ folder: LogFolder, segmentBytes: Int64) throws {
        try folder.open(segmentBytes: segmentBytes, clock: clock) { log throws in
            _ = try log.appendAndWait(AppendBatch(["at \(clock)"]))
        }
    }

    @Test func aDeletedSegmentIsNamed() throws {
        let folder = try filled(5, segmentBytes: 1)
        let whole = try folder.contents()
        for name in try folder.segments().dropLast() {
            try folder.restore(whole)
            try folder.remove(name)
            let error = try logError { _ = try folder.open(segmentBytes: 1) { try $0.everything() } }
            #expect(error.description.contains("segments/"), "\(error)")
        }
        try folder.restore(whole)
        for name in try folder.segments() { try folder.remove(name) }
        let none = try folder.contents()
        guard case .missing(let path, _) = try logError({ try folder.open { _ in } }) else { throw LogError.closed }
        #expect(path.contains("segments/"))
        #expect(try folder.contents() == none)
    }

    @Test func theFirstOfTheSegmentsIsMissedAtOnce() throws {
        for segmentBytes in [64 << 20, 1] as [Int64] {
            let folder = try filled(3, segmentBytes: segmentBytes)
            try folder.remove("segments/00000000000000000001.log")
            let before = try folder.contents()
            guard case .missing(let path, _) = try logError({ try folder.open { _ in } }) else {
                throw LogError.closed
            }
            #expect(path.hasSuffix("segments/00000000000000000001.log"))
            #expect(try folder.contents() == before)
        }
    }

    @Test func foreignFilesAreNamedOrLeftAlone() throws {
        let folder = try filled(2)
        for name in ["segments/notes.txt", "notes.txt", "segments/00000000000000000001.log.orig"] {
            try folder.write([1, 2, 3], to: name)
            #expect(try folder.open { try $0.everything().count } == 10)
            #expect(try folder.read(name) == [1, 2, 3])
        }
        for name in [
            "backup.log", "1.log", "-0000000000000000001.log", "00000000000000000000.log", "99999999999999999999.log",
            "+0000000000000000001.log", ".log",
        ] {
            try folder.write([1], to: "segments/" + name)
            guard case .incompatible(let path, _) = try logError({ try folder.open { _ in } }) else {
                Issue.record("\(name)")
                continue
            }
            #expect(path.hasSuffix("segments/" + name))
            try folder.remove("segments/" + name)
        }
    }

    @Test func aSegmentOfAnotherLogIsNamed() throws {
        let folder = try filled(3, segmentBytes: 1)
        let other = try filled(3, segmentBytes: 1)
        // The newest one cannot be told from what a crash leaves of a first write.
        for name in try folder.segments().dropLast() {
            let own = try folder.read(name)
            try folder.write(try other.read(name), to: name)
            let before = try folder.contents()
            let error = try logError { _ = try folder.open(segmentBytes: 1) { try $0.everything() } }
            #expect(error.description.contains("segments/"), "\(error)")
            #expect(try folder.contents() == before)
            try folder.write(own, to: name)
        }
    }

    @Test func aFormatThatIsNotOursIsNamed() throws {
        let folder = try filled(2)
        let format = try folder.read("format")
        let words = String(decoding: format, as: UTF8.self).split(separator: " ").map(String.init)
        #expect(words[0...4] == ["cartograph-log", "2", "partitions", "2", "id"])
        let id = try #require(words[5].dropLast().description.isEmpty ? nil : words[5].dropLast())
        for text in [
            "", "\u{0}", "cartograph-log 2 partitions 2", "cartograph-log 2 partitions 0 id \(id)",
            "cartograph-log 2 partitions 257 id \(id)", "cartograph-log 2 partitions -1 id \(id)",
            "cartograph-log 2 partitions 2 id", "cartograph-log 2 partitions 2 id xyz",
            "cartograph-log 2 partitions 2 id \(id) more", "cartograph-log 3 partitions 2 id \(id)",
        ] {
            try folder.write(Array(text.utf8), to: "format")
            guard case .incompatible(let path, _) = try logError({ try folder.open { _ in } }) else {
                throw LogError.closed
            }
            #expect(path.hasSuffix("format"))
        }
        try folder.write([0xff, 0xfe], to: "format")
        guard case .incompatible = try logError({ try folder.open { _ in } }) else { throw LogError.closed }
        try folder.remove("format")
        let before = try folder.contents()
        guard case .incompatible(let path, _) = try logError({ try folder.open(partitions: 4) { _ in } }) else {
            throw LogError.closed
        }
        #expect(path.hasSuffix("format"))
        #expect(try folder.contents() == before)
        try folder.write(format, to: "format")
        #expect(try folder.open { try $0.everything().count } == 10)
    }

    @Test func theFirstVersionOfTheFormatIsRefusedWithWhatToDo() throws {
        let folder = try LogFolder()
        try FileManager.default.createDirectory(
            atPath: folder.path + "/clicks/0", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: folder.path + "/ledger", withIntermediateDirectories: true)
        try folder.write(Array("cartograph-log 1 partitions 2\n".utf8), to: "format")
        try folder.write([1, 2, 3], to: "ledger/00000000000000000000.log")
        let before = try folder.contents()
        let error = try logError { try folder.open { _ in } }
        #expect(error.description.contains("format 1") && error.description.contains("another data folder"))
        #expect(try folder.contents() == before)
        try folder.remove("format")
        guard case .incompatible = try logError({ try folder.open { _ in } }) else { throw LogError.closed }
    }

    @Test func aFormatOfOtherPartitionsOrAnotherIdThanTheSegmentsIsNamed() throws {
        let folder = try filled(2)
        let format = String(decoding: try folder.read("format"), as: UTF8.self)
        for other in [
            format.replacingOccurrences(of: "partitions 2", with: "partitions 3"),
            "cartograph-log 2 partitions 2 id 123456789abcdef\n",
        ] {
            try folder.write(Array(other.utf8), to: "format")
            let before = try folder.contents()
            let error = try logError { try folder.open { _ in } }
            #expect(error.description.contains("segments"), "\(error)")
            #expect(try folder.contents() == before)
        }
    }
}

/// What retention leaves, and what only looks like it.
@Suite struct StartTests {
    @Test func aLogBeginsWhereRetentionLeftIt() throws {
        let folder = try filled(6, segmentBytes: 1)
        let all = try folder.open(segmentBytes: 1) { try $0.everything() }
        for first in 2...6 {
            try folder.write(Array("commit \(first)\n".utf8), to: "start")
            // A crash may have come between the note and the removal: then opening the log goes on with it.
            if first % 2 == 0 { try folder.remove("segments/0000000000000000000\(first - 1).log") }
            let before = try folder.contents()
            #expect(try EmbeddedLog(reading: folder.path).start().commit == first - 1)
            #expect(try folder.contents() == before)
            try folder.open(segmentBytes: 1) { log throws in
                let start = try log.start()
                #expect(start.commit == first - 1 && log.cut().commit == 6)
                #expect(start.offsets.acceptedRecords == 4 * (Int64(first) - 1))
                let consumer = try log.consumer(of: Topic.allCases, from: start.offsets)
                #expect(try consumer.rest(before: log.cut()) == all.filter { $0.commit >= first })
                #expect(try log.cut(before: 0) == start)
                let early = try log.consumer(of: [.clicks], from: LogOffsets(partitions: 2))
                guard
                    case .expired(let partition, let asked, let held) = try logError({
                        _ = try early.rest(before: log.cut())
                    })
                else { throw LogError.closed }
                #expect(partition == "clicks/0" && asked == 0 && held == start.offsets[.clicks, 0])
            }
            #expect(try folder.segments().first?.hasSuffix("0\(first).log") == true)
        }
    }

    @Test func aSegmentThatRetentionDidNotTakeIsMissed() throws {
        let folder = try filled(4, segmentBytes: 1)
        try folder.write(Array("commit 2\n".utf8), to: "start")
        for name in try folder.segments().prefix(2) { try folder.remove(name) }
        let before = try folder.contents()
        guard case .missing(let path, let what) = try logError({ try folder.open { _ in } }) else {
            throw LogError.closed
        }
        #expect(path.hasSuffix("00000000000000000002.log") && what.contains("commit 2"))
        #expect(try folder.contents() == before)
    }

    @Test(arguments: ["", "commit", "commit 0", "commit -1", "commit x", "1", "commit 1 2", "Commit 1"] as [String])
    func aStartThatIsNoneIsNamed(_ text: String) throws {
        let folder = try filled(2)
        try folder.write(Array(text.utf8), to: "start")
        guard case .damaged(let path, _, _) = try logError({ try folder.open { _ in } }) else {
            throw LogError.closed
        }
        #expect(path.hasSuffix("start"))
        #expect(try folder.read("start") == Array(text.utf8))
    }
}
