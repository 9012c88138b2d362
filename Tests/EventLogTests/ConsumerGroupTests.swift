import EventLog
import Events
import Foundation
import Testing

@Suite struct ConsumerGroupTests {
    private func filled() throws -> LogFolder {
        let folder = try LogFolder()
        try folder.open { log throws in
            for number in 1...6 { _ = try log.appendAndWait(DamagedLog.batch(Int64(number))) }
        }
        return folder
    }

    private func offsets(_ clicks: Int64, _ purchases: Int64 = 0) -> LogOffsets {
        var offsets = LogOffsets(partitions: 2)
        offsets[.clicks, 0] = clicks
        offsets[.purchases, 0] = purchases
        return offsets
    }

    @Test func aGroupGoesOnWhereItWas() throws {
        let folder = try filled()
        let groups = try ConsumerGroups(folder: folder.path)
        #expect(try groups.offsets(of: "readers") == nil && groups.list().isEmpty)
        try groups.commit("readers", offsets(3, 1), of: [.purchases, .clicks], at: 77)
        try groups.commit("others", offsets(1), of: [.clicks])
        let again = try ConsumerGroups(folder: folder.path)
        let group = try #require(try again.group("readers"))
        #expect(group.offsets == offsets(3, 1) && group.topics == [.clicks, .purchases] && group.committedAt == 77)
        #expect(try again.list().map(\.name) == ["others", "readers"])
        // The last one counts, whoever wrote it, and be it less.
        try again.commit("readers", offsets(2), of: [.clicks])
        #expect(try groups.offsets(of: "readers") == offsets(2))
        #expect(try groups.remove("readers") && !groups.remove("readers"))
        #expect(try groups.offsets(of: "readers") == nil)
    }

    @Test func theLagIsThatOfTheGroupsOwnTopics() throws {
        let folder = try filled()
        let groups = try ConsumerGroups(folder: folder.path)
        try groups.commit("clicks", offsets(2), of: [.clicks])
        let cut = try EmbeddedLog(reading: folder.path).cut()
        #expect(try groups.group("clicks")?.lag(behind: cut) == cut.offsets.records(in: .clicks) - 2)
        try groups.commit("all", cut.offsets)
        #expect(try groups.group("all")?.lag(behind: cut) == 0)
    }

    @Test func namesAreHeldToTheirRules() throws {
        let folder = try filled()
        defer { withExtendedLifetime(folder) {} }
        let groups = try ConsumerGroups(folder: folder.path)
        for name in ["", ".", "..", "a/b", "a b", "ä", "#new", String(repeating: "x", count: 101), "a\n"] {
            #expect(!ConsumerGroups.isName(name), "\(name)")
            #expect(throws: LogError.self) { try groups.commit(name, LogOffsets(partitions: 2)) }
            #expect(throws: LogError.self) { try groups.offsets(of: name) }
            #expect(throws: LogError.self) { try groups.remove(name) }
        }
        for name in ["a", "A-b_c.9", "..a", String(repeating: "x", count: 100)] {
            try groups.commit(name, LogOffsets(partitions: 2))
        }
        #expect(try groups.list().count == 4)
    }

    @Test func thereAreOnlySoMany() throws {
        let folder = try filled()
        defer { withExtendedLifetime(folder) {} }
        let groups = try ConsumerGroups(folder: folder.path)
        for number in 0..<ConsumerGroups.limit { try groups.commit("g\(number)", LogOffsets(partitions: 2)) }
        let error = try logError { try groups.commit("one-more", LogOffsets(partitions: 2)) }
        #expect(error.description.contains("remove"))
        try groups.commit("g7", offsets(9))
        try groups.remove("g8")
        try groups.commit("one-more", offsets(1))
        #expect(try groups.list().count == ConsumerGroups.limit)
    }

    @Test func aFileThatIsNotWhatWasWrittenIsNamed() throws {
        let folder = try filled()
        let groups = try ConsumerGroups(folder: folder.path)
        try groups.commit("readers", offsets(3, 1))
        let bytes = try folder.read("groups/readers")
        for at in bytes.indices {
            var wrong = bytes
            wrong[at] ^= 1
            try folder.write(wrong, to: "groups/readers")
            let error = try logError { _ = try groups.group("readers") }
            #expect(error.description.contains("groups/readers"), "byte \(at): \(error)")
            try folder.write(bytes.prefix(at), to: "groups/readers")
            #expect(throws: LogError.self) { try groups.group("readers") }
        }
        // Nor is one of another log taken for this one's.
        let other = try filled()
        try ConsumerGroups(folder: other.path).commit("readers", offsets(1))
        try folder.write(try other.read("groups/readers"), to: "groups/readers")
        guard case .incompatible = try logError({ _ = try groups.group("readers") }) else { throw LogError.closed }
        // What was half written before a crash is not in the way.
        try folder.write([1, 2, 3], to: "groups/#new")
        try groups.commit("readers", offsets(4))
        #expect(try groups.offsets(of: "readers") == offsets(4))
    }

    @Test func severalMayCommitAtOnce() throws {
        let folder = try filled()
        let path = folder.path
        try onThreads(
            (0..<6).map { worker in
                {
                    let groups = try ConsumerGroups(folder: path)
                    for number in 0..<50 {
                        var offsets = LogOffsets(partitions: 2)
                        offsets[.clicks, 0] = Int64(number)
                        offsets[.clicks, 1] = Int64(number)
                        try groups.commit("shared", offsets)
                        try groups.commit("own-\(worker)", offsets)
                        let read = try groups.offsets(of: "shared")
                        #expect(read.map { $0[.clicks, 0] == $0[.clicks, 1] } == true)
                    }
                }
            })
        #expect(
            try ConsumerGroups(folder: path).list().map { $0.offsets[.clicks, 0] } == Array(repeating: 49, count: 7))
    }

    @Test func thereAreNoneWithoutALog() throws {
        #expect(throws: LogError.self) { try ConsumerGroups(folder: try LogFolder().path) }
    }
}
