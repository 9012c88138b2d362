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

    @Test func aFullDiskLosesNothingThatWasAcknowledged() async throws {
        // Containers may forbid even root to mount.
        guard let disk = try SmallDisk(bytes: 2 << 20) else { return }
        var log = try EmbeddedLog(folder: disk.folder.path)
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
        log = try EmbeddedLog(folder: disk.folder.path)
        #expect(Set(try log.everything().map(\.text)) == good)
        #expect(log.cut().totals.accepted == Int64(good.count))
        _ = try log.appendAndWait(AppendBatch(["more"]))
        #expect(try log.everything().count == good.count + 1)
        withExtendedLifetime(disk) { log.close() }
    }
}
