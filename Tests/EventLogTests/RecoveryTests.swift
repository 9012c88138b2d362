import EventLog
import Events
import Foundation
import Testing

@Suite struct RecoveryTests {
    /// A closed log of some commits, each of which holds a click in either partition and a purchase.
    private func filled(_ commits: Int, segmentBytes: Int64 = 64 << 20, producer: String? = nil) throws -> LogFolder {
        let folder = try LogFolder()
        try add(commits, to: folder, segmentBytes: segmentBytes, producer: producer)
        return folder
    }

    private func add(
        _ commits: Int, to folder: LogFolder, segmentBytes: Int64 = 64 << 20, producer: String? = nil
    ) throws {
        try folder.open(segmentBytes: segmentBytes) { log throws in
            for _ in 0..<commits {
                let number = log.cut().commit + 1
                // Four keys reach both partitions.
                var batch = AppendBatch(["\(number) a", "\(number) b", "\(number) c", "\(number) d"])
                batch.add("\(number) bought", to: .purchases)
                batch.stamp = producer.map { ProducerStamp(producer: $0, sequence: number) }
                _ = try log.appendAndWait(batch)
            }
        }
    }

    private static let garbage: [[UInt8]] = [
        [0x43], Array("CTG1".utf8), [UInt8](repeating: 0, count: 64), [UInt8](repeating: 0, count: 5_000),
        [UInt8](repeating: 0xff, count: 100), Array("CTG1".utf8) + [UInt8](repeating: 0x7f, count: 300),
    ]

    @Test(arguments: ["ledger", "clicks/0", "clicks/1", "purchases/0", "stock/1"] as [String])
    func aTornTailIsCutAndNothingAcknowledgedIsLost(_ part: String) throws {
        let folder = try filled(3)
        let before = try folder.contents()
        let expected = try folder.open { try $0.everything() }
        // Half of what a next commit wrote there.
        try add(1, to: folder)
        let name = try folder.segments(part).last ?? part + "/00000000000000000000.log"
        let longer = (try folder.contents())[name] ?? []
        var tails = Self.garbage
        if longer.count > (before[name]?.count ?? 0) {
            let added = Array(longer[(before[name]?.count ?? 0)...])
            tails += [Array(added.prefix(1)), Array(added.prefix(added.count / 2)), Array(added.dropLast())]
        }
        for tail in tails {
            try folder.restore(before)
            try folder.write((before[name] ?? []) + tail, to: name)
            try folder.open { log throws in
                #expect(try log.everything() == expected, "\(tail.prefix(8))")
                #expect(!log.recoveryNotes.isEmpty)
                _ = try log.appendAndWait(AppendBatch(["next"]))
            }
            try folder.open { log throws in
                #expect(log.recoveryNotes.isEmpty)
                #expect(try log.everything().map(\.text) == expected.map(\.text) + ["next"])
            }
        }
    }

    @Test(arguments: [64 << 20, 1] as [Int64])
    func framesOfACommitThatTheLedgerLacksAreCut(_ segmentBytes: Int64) throws {
        let folder = try filled(2, segmentBytes: segmentBytes)
        let ledger = try folder.contents().filter { $0.key.hasPrefix("ledger") }
        try add(1, to: folder, segmentBytes: segmentBytes)
        for name in try folder.contents().keys where name.hasPrefix("ledger") && ledger[name] == nil {
            try folder.remove(name)
        }
        for (name, bytes) in ledger { try folder.write(bytes, to: name) }
        try folder.open(segmentBytes: segmentBytes) { log throws in
            #expect(log.cut().commit == 2)
            #expect(try log.everything().count == 10)
            #expect(log.recoveryNotes.count == 3)
        }
        try add(1, to: folder, segmentBytes: segmentBytes)
        #expect(try folder.open { try $0.everything().count } == 15)
    }

    @Test(arguments: [64 << 20, 1] as [Int64])
    func aLedgerThatLostCommitsIsNamedAndNothingIsCut(_ segmentBytes: Int64) throws {
        let folder = try filled(1, segmentBytes: segmentBytes)
        let young = try folder.contents().filter { $0.key.hasPrefix("ledger") }
        try add(3, to: folder, segmentBytes: segmentBytes)
        let whole = try folder.contents()
        for older in [young, [:]] {
            try folder.restore(whole)
            for name in whole.keys where name.hasPrefix("ledger") { try folder.remove(name) }
            for (name, bytes) in older { try folder.write(bytes, to: name) }
            let tampered = try folder.contents()
            let error = try logError { try folder.open(segmentBytes: segmentBytes) { _ in } }
            #expect(error.description.contains("ledger"), "\(error)")
            #expect(try folder.contents() == tampered, "a log that cannot be opened must not be changed")
        }
        // Even of a single commit, and even when the file is there and empty, as long as more than one was lost.
        try folder.restore(whole)
        for name in try folder.segments("ledger") { try folder.write([], to: name) }
        #expect(throws: LogError.self) { try folder.open(segmentBytes: segmentBytes) { _ in } }
    }

    @Test func aSingleCommitWithoutItsLedgerIsNotCut() throws {
        let folder = try filled(1)
        try folder.remove("ledger/00000000000000000000.log")
        let error = try logError { try folder.open { _ in } }
        #expect(error.description.contains("ledger"))
    }

    /// Takes the entry off that says the last commit is durable: as when the process was killed at once.
    private func unconfirm(_ folder: LogFolder) throws {
        let last = try #require(try folder.segments("ledger").last)
        if try folder.frames(last).count == 1, try folder.segments("ledger").count > 1 {
            try folder.remove(last)
        } else {
            try folder.dropLastFrame(of: last)
        }
    }

    @Test(arguments: [64 << 20, 1_200, 1] as [Int64])
    func anUnconfirmedCommitThatLacksAFrameIsUndoneWhole(_ segmentBytes: Int64) throws {
        for commits in 1...4 {
            let folder = try filled(commits, segmentBytes: segmentBytes, producer: "p")
            try unconfirm(folder)
            try folder.dropLastFrame(of: try #require(try folder.segments("clicks/1").last))
            try folder.open(segmentBytes: segmentBytes) { log throws in
                #expect(log.cut().commit == Int64(commits - 1))
                let kept = try log.everything()
                #expect(kept.count == 5 * (commits - 1))
                #expect(kept.allSatisfy { $0.commit < commits })
                #expect(log.cut().totals.accepted == Int64(kept.count))
                #expect(!log.recoveryNotes.isEmpty)
                // Its sender tries again and is not taken for a repeat; those before it are.
                for sequence in 1...Int64(commits) {
                    let stamp = ProducerStamp(producer: "p", sequence: sequence)
                    let receipt = try log.appendAndWait(AppendBatch(["again"], stamp: stamp))
                    #expect(receipt.isRepeat == (sequence < commits), "\(sequence) of \(commits)")
                }
            }
            try folder.open(segmentBytes: segmentBytes) { log throws in
                #expect(log.recoveryNotes.isEmpty)
                #expect(try log.everything().count == 5 * (commits - 1) + 1)
            }
        }
    }

    @Test(arguments: [64 << 20, 1_200, 1] as [Int64])
    func anUnconfirmedCommitThatIsWholeIsKept(_ segmentBytes: Int64) throws {
        let folder = try filled(3, segmentBytes: segmentBytes)
        try unconfirm(folder)
        try folder.open(segmentBytes: segmentBytes) { log throws in
            #expect(log.recoveryNotes.isEmpty)
            #expect(try log.everything().count == 15)
        }
    }

    @Test(arguments: [64 << 20, 1_200, 1] as [Int64])
    func aConfirmedCommitThatLacksAFrameIsNamed(_ segmentBytes: Int64) throws {
        let folder = try filled(3, segmentBytes: segmentBytes)
        let name = try #require(try folder.segments("clicks/1").last)
        try folder.dropLastFrame(of: name)
        let tampered = try folder.contents()
        let error = try logError { try folder.open(segmentBytes: segmentBytes) { _ in } }
        guard case .missing(let partition, let path, _, _) = error else { throw error }
        #expect(partition == "clicks/1" && path.hasSuffix(name))
        #expect(try folder.contents() == tampered)
    }

    @Test(arguments: [64 << 20, 1] as [Int64])
    func aFlippedByteIsNamedOrHarmlessAndNeverASilentLoss(_ segmentBytes: Int64) throws {
        let folder = try filled(4, segmentBytes: segmentBytes, producer: "p")
        let whole = try folder.contents()
        let expected = try folder.open(segmentBytes: segmentBytes) { try $0.everything() }
        try folder.restore(whole)
        var harmless = 0
        var named = 0
        let stride = segmentBytes == 1 ? 31 : 11
        for name in whole.keys.sorted() where name.hasSuffix(".log") {
            let bytes = whole[name] ?? []
            for at in Swift.stride(from: 0, to: bytes.count, by: stride) {
                var flipped = bytes
                flipped[at] ^= 1 << UInt8(at % 8)
                try folder.write(flipped, to: name)
                do {
                    let found = try folder.open(segmentBytes: segmentBytes) { try $0.everything() }
                    #expect(found == expected, "byte \(at) of \(name)")
                    harmless += 1
                } catch {
                    #expect(error is LogError, "byte \(at) of \(name): \(error)")
                    named += 1
                }
                try folder.restore(whole)
            }
        }
        #expect(named > 20 && harmless > 2, "\(named) named, \(harmless) harmless")
    }

    @Test(arguments: ["clicks/0", "clicks/1", "purchases/0", "purchases/1", "ledger"] as [String])
    func aDeletedSegmentIsNamedOrHarmless(_ part: String) throws {
        let folder = try filled(5, segmentBytes: 1)
        let whole = try folder.contents()
        let expected = try folder.open(segmentBytes: 1) { try $0.everything() }
        try folder.restore(whole)
        for name in try folder.segments(part) {
            try folder.remove(name)
            do {
                let found = try folder.open(segmentBytes: 1) { try $0.everything() }
                #expect(part == "ledger" && found == expected, "\(name) is gone and nobody said so")
            } catch {
                let text = try #require(error as? LogError).description
                #expect(text.contains(part), "\(text)")
            }
            try folder.restore(whole)
        }
    }

    @Test func foreignFilesAreNamedOrLeftAlone() throws {
        let folder = try filled(2)
        try folder.write([1, 2, 3], to: "clicks/0/notes.txt")
        #expect(try folder.open { try $0.everything().count } == 10)
        #expect(try folder.read("clicks/0/notes.txt") == [1, 2, 3])
        for name in ["clicks/0/backup.log", "ledger/1.log", "stock/1/-0000000000000000001.log"] {
            try folder.write([1], to: name)
            let error = try logError { try folder.open { _ in } }
            guard case .incompatible(let path, _) = error else { throw error }
            #expect(path.hasSuffix(name))
            try folder.remove(name)
        }
    }

    @Test func aFormatThatIsNotOursIsNamed() throws {
        let folder = try filled(2)
        let format = try folder.read("format")
        #expect(String(decoding: format, as: UTF8.self) == "cartograph-log 1 partitions 2\n")
        for text in [
            "", "\u{0}", "cartograph-log 2 partitions 2", "cartograph-log 1 partitions 0",
            "cartograph-log 1 partitions 99999",
        ] {
            try folder.write(Array(text.utf8), to: "format")
            guard case .incompatible = try logError({ try folder.open { _ in } }) else { throw LogError.closed }
        }
        try folder.write([0xff, 0xfe], to: "format")
        guard case .incompatible = try logError({ try folder.open { _ in } }) else { throw LogError.closed }
        try folder.remove("format")
        let error = try logError { try folder.open(partitions: 4) { _ in } }
        guard case .incompatible(let path, _) = error else { throw error }
        #expect(path.hasSuffix("format"))
        try folder.write(format, to: "format")
        #expect(try folder.open { try $0.everything().count } == 10)
    }

    @Test func aFormatOfOtherPartitionsThanTheLedgersIsNamed() throws {
        let folder = try filled(2)
        try folder.write(Array("cartograph-log 1 partitions 3\n".utf8), to: "format")
        guard case .damaged(let path, _, let what) = try logError({ try folder.open { _ in } }) else {
            throw LogError.closed
        }
        #expect(path.contains("ledger") && what.contains("3 partitions"))
    }
}
