import EventLog
import Events
import Foundation
import Glibc
import Testing

/// Where a log's bytes go: past the page cache where the file system lets them, through it elsewhere.
@Suite struct OutputTests {
    /// File systems that tests find on a machine; which of them take direct output depends on the kernel.
    static let places = Set([LogFolder.memory, NSTemporaryDirectory()]).sorted()

    private static func isDirectTaken(in folder: LogFolder) -> Bool {
        let path = folder.path + "/probe"
        #if arch(arm64)
            let direct: Int32 = 0o200000
        #else
            let direct: Int32 = 0o40000
        #endif
        let descriptor = open(path, O_RDWR | O_CREAT | direct, 0o644)
        defer { unlink(path) }
        guard descriptor >= 0 else { return false }
        close(descriptor)
        return true
    }

    private func write(_ bytes: [UInt8], to file: borrowing SystemFile, at position: Int64, shift: Int = 0) throws {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes.count + 4_096, alignment: 4_096)
        defer { memory.deallocate() }
        memory.advanced(by: shift).copyMemory(from: bytes, byteCount: bytes.count)
        try file.write(UnsafeRawBufferPointer(start: memory + shift, count: bytes.count), at: position)
    }

    @Test(arguments: places) func outputIsDirectWhereTheFileSystemTakesIt(_ place: String) throws {
        let folder = try LogFolder(in: place)
        var random = SeededGenerator(seed: 3)
        let bytes = random.bytes(3 * 4_096)
        do {
            let file = try SystemFile(openingDirect: folder.path + "/file", flags: O_RDWR | O_CREAT | O_EXCL)
            #expect(file.isDirect == Self.isDirectTaken(in: folder))
            try write(bytes, to: file, at: 0)
            try write(bytes, to: file, at: 4_096)
            try file.sync()
            #expect(try file.size() == 4 * 4_096)
        }
        #expect(try folder.read("file") == bytes[..<4_096] + bytes)
    }

    @Test(arguments: places) func whatIsNotAlignedIsWrittenThroughThePageCache(_ place: String) throws {
        let folder = try LogFolder(in: place)
        var random = SeededGenerator(seed: 4)
        let bytes = random.bytes(5_000)
        let whole = random.bytes(8_192)
        do {
            let file = try SystemFile(openingDirect: folder.path + "/file", flags: O_RDWR | O_CREAT | O_EXCL)
            // A file system on disk refuses these from a direct file; one in memory may take them.
            try write(bytes, to: file, at: 17, shift: 3)
            try write(whole, to: file, at: 8_192)
            try file.sync()
        }
        #expect(try folder.read("file")[17..<5_017] == bytes[...])
        #expect(try folder.read("file")[8_192...] == whole[...])
        do {
            // An existing file keeps its bytes.
            let again = try SystemFile(openingDirect: folder.path + "/file", flags: O_RDWR)
            #expect(try again.size() == 16_384)
        }
        guard
            case .system(_, _, let code, _) = try logError({
                _ = try SystemFile(openingDirect: folder.path + "/none/file", flags: O_RDWR | O_CREAT | O_EXCL)
            })
        else { throw LogError.closed }
        #expect(code == ENOENT)
    }

    /// ramfs knows no direct output on any kernel; only root may mount it.
    @Test(.enabled(if: geteuid() == 0, "needs root, to mount a file system without direct output"))
    func aLogWorksWhereDirectOutputIsRefused() throws {
        let outer = try LogFolder()
        // Containers may forbid even root to mount.
        guard mount("ramfs", outer.path, "ramfs", 0, nil) == 0 else { return }
        defer { withExtendedLifetime(outer) { _ = umount2(outer.path, Int32(MNT_DETACH)) } }
        let folder = try LogFolder(in: outer.path + "/")
        try #require(!Self.isDirectTaken(in: folder))
        var expected: [String] = []
        for session in 0..<3 {
            try folder.open(segmentBytes: 20_000) { log throws in
                #expect(log.recoveryNotes.isEmpty)
                for i in 0..<30 {
                    expected.append("\(session)-\(i)" + String(repeating: "r", count: i * 83))
                    _ = try log.appendAndWait(AppendBatch([expected[expected.count - 1]]))
                }
                #expect(try log.everything().map(\.text) == expected)
            }
        }
        #expect(try folder.segments().count > 3)
    }
}

/// The last block of a segment is written again with every commit that begins in it.
@Suite struct TailBlockTests {
    /// The bytes of one commit of one record around its event: the frame's header, the record's length, and the frame of
    /// the commit's record.
    private static func overhead(_ folder: LogFolder) throws -> Int {
        try folder.open { log throws in _ = try log.appendAndWait(AppendBatch(["12345"])) }
        let frames = try folder.frames("segments/00000000000000000001.log")
            .filter { $0.commit == 1 && $0.kind != .state }
        return (frames.last?.end ?? 0) - (frames.first?.start ?? 0) - 5
    }

    @Test(arguments: OutputTests.places, [true, false])
    func commitsOfEverySizeAroundABlockLeaveWhatIsBeforeThemAsItWas(_ place: String, _ reopens: Bool) throws {
        let overhead = try Self.overhead(try LogFolder())
        let folder = try LogFolder(in: place)
        let name = "segments/00000000000000000001.log"
        var log = try EmbeddedLog(folder: folder.path)
        defer { withExtendedLifetime(folder) { log.close() } }
        var expected: [String] = []
        var random = SeededGenerator(seed: 6)
        var ends: Set<Int> = []
        for blocks in 0..<3 {
            for offset in [-80, -3, -2, -1, 0, 1, 2, 3, 64, 80] {
                // So that the commit, or with luck the file, ends about a whole number of blocks.
                let before = try folder.frames(name).last?.end ?? 0
                let isFileEnd = offset.isMultiple(of: 2)
                var size = blocks * 4_096 + offset - overhead - (isFileEnd ? before % 4_096 : 0)
                while size < 1 { size += 4_096 }
                expected.append(String(decoding: random.bytes(size).map { 32 + $0 % 90 }, as: UTF8.self))
                let old = try folder.read(name)
                _ = try log.appendAndWait(AppendBatch([expected[expected.count - 1]]))
                let new = try folder.read(name)
                #expect(old[..<before] == new[..<before], "bytes before a commit of \(size) changed")
                #expect(new.count % 4_096 == 0)
                if let commit = StoredFrame.all(in: new).last(where: { $0.kind == .commit }) {
                    ends.insert((commit.end + 100) % 4_096 - 100)
                    if isFileEnd, commit.commit == expected.count { #expect((commit.end - offset) % 4_096 == 0) }
                }
                if reopens {
                    log.close()
                    log = try EmbeddedLog(folder: folder.path)
                    #expect(log.recoveryNotes.isEmpty)
                }
                #expect(try log.everything().map(\.text) == expected)
            }
        }
        if reopens { #expect(ends.isSuperset(of: [-80, -2, 0, 2, 64, 80]), "\(ends)") }
    }

    @Test func segmentsBeginAtTheSizeThatTheyAreGiven() throws {
        for segmentBytes in [1, 300, 1_000, 4_095, 4_096, 4_097, 10_000] as [Int64] {
            let folder = try LogFolder()
            try folder.open(segmentBytes: segmentBytes) { log throws in
                for i in 0..<40 {
                    _ = try log.appendAndWait(AppendBatch(["\(i)" + String(repeating: "s", count: i * 7)]))
                }
            }
            let names = try folder.segments()
            #expect(names.count > (segmentBytes > 4_097 ? 1 : 2))
            var next: Int64 = 1
            for name in names {
                let bytes = try folder.read(name)
                let frames = StoredFrame.all(in: bytes)
                #expect(name.hasSuffix("/" + String(repeating: "0", count: 20 - "\(next)".count) + "\(next).log"))
                #expect(frames.first?.kind == .state && frames.first?.commit == next - 1)
                let commits = frames.filter { $0.kind == .commit }
                #expect(commits.map(\.commit) == Array(next..<(next + Int64(commits.count))) && !commits.isEmpty)
                next += Int64(commits.count)
                // Full only with its last commit, and no zeros behind it.
                #expect(frames.last?.end == bytes.count)
                if name != names.last { #expect((frames.last?.end ?? 0) >= segmentBytes) }
                if commits.count > 1 { #expect(commits[commits.count - 2].end < segmentBytes) }
            }
            #expect(next == 41)
        }
    }
}
