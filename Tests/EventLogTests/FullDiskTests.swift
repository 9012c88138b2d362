import EventLog
import Events
import Glibc
import Testing

/// Appends to a small file system of its own; only root may mount one.
@Suite(.enabled(if: geteuid() == 0, "needs root, to mount a small file system"))
struct FullDiskTests {
    final class SmallDisk {
        let folder: LogFolder

        init?(bytes: Int) throws {
            folder = try LogFolder()
            guard mount("tmpfs", folder.path, "tmpfs", 0, "size=\(bytes)") == 0 else { return nil }
        }

        func grow(to bytes: Int) -> Bool {
            mount("tmpfs", folder.path, "tmpfs", UInt(MS_REMOUNT), "size=\(bytes)") == 0
        }

        deinit { umount2(folder.path, Int32(MNT_DETACH)) }
    }

    @Test(arguments: [64 << 20, 60_000] as [Int64])
    func aFullDiskLosesNothingThatWasAcknowledged(_ segmentBytes: Int64) async throws {
        // Containers may forbid even root to mount.
        guard let disk = try SmallDisk(bytes: 2 << 20) else { return }
        var log = try EmbeddedLog(folder: disk.folder.path, segmentBytes: segmentBytes)
        let text = String(repeating: "x", count: 10_000)
        // Many at a time, so that others wait in the queue when one of them fails.
        let running = log
        let acknowledged = await withTaskGroup(of: (Int, LogError?).self) { group in
            for task in 0..<400 {
                group.addTask {
                    do throws(LogError) {
                        _ = try await running.append(AppendBatch(["\(task) \(text)"]))
                        return (task, nil)
                    } catch {
                        return (task, error)
                    }
                }
            }
            return await group.reduce(into: [Int: LogError?]()) { $0[$1.0] = $1.1 }
        }
        let failures = acknowledged.values.compactMap { $0 }
        #expect(!failures.isEmpty)
        for failure in failures {
            switch failure {
            case .system(_, _, let code, _): #expect(code == ENOSPC)
            case .failed: break
            default: Issue.record("\(failure)")
            }
        }
        let good = Set(acknowledged.filter { $0.value == nil }.map { "\($0.key) \(text)" })
        // Still readable, and closed to writers even though there is room again.
        #expect(Set(try log.everything().map(\.text)) == good)
        try #require(disk.grow(to: 16 << 20))
        guard case .failed = try logError({ _ = try log.appendAndWait(AppendBatch(["more"])) }) else {
            throw LogError.closed
        }
        log.close()
        log = try EmbeddedLog(folder: disk.folder.path, segmentBytes: segmentBytes)
        #expect(Set(try log.everything().map(\.text)) == good)
        #expect(log.cut().totals.accepted == Int64(good.count))
        _ = try log.appendAndWait(AppendBatch(["more"]))
        #expect(try log.everything().count == good.count + 1)
        withExtendedLifetime(disk) { log.close() }
    }

    /// Disks of a few sizes, so that the space ends in the middle of a commit, with one, or where a segment begins.
    @Test func whereverTheSpaceEndsTheCommitIsUndoneWhole() throws {
        for blocks in 8..<40 {
            guard let disk = try SmallDisk(bytes: blocks * 4_096) else { return }
            var stored: [String] = []
            var random = SeededGenerator(seed: UInt64(blocks))
            do {
                let log = try EmbeddedLog(folder: disk.folder.path, segmentBytes: 12_000)
                defer { log.close() }
                while true {
                    let batch = AppendBatch(partitions: 2)
                    let sizes = (0..<3).map { _ in Int.random(in: 1...2_500, using: &random) }
                    let texts = sizes.map { "\(stored.count) " + String(repeating: "d", count: $0) }
                    for (index, text) in texts.enumerated() {
                        batch.add(Array(text.utf8), to: Topic.events[index], partition: index % 2)
                    }
                    _ = try log.appendAndWait(batch)
                    stored += texts
                }
            } catch {
                guard case .system(_, _, ENOSPC, _) = error else {
                    Issue.record("\(error)")
                    return
                }
            }
            let reading = try EmbeddedLog(reading: disk.folder.path)
            #expect(try reading.everything().map(\.text) == stored, "\(blocks) blocks")
            try #require(disk.grow(to: 1 << 20))
            try disk.folder.open(segmentBytes: 12_000) { log throws in
                #expect(try log.everything().map(\.text) == stored)
                _ = try log.appendAndWait(AppendBatch(["more"]))
            }
            #expect(try disk.folder.open(segmentBytes: 12_000) { try $0.everything().map(\.text) } == stored + ["more"])
        }
    }
}
