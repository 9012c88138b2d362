import EventLog
import Foundation
import Testing

@Suite struct FolderLockTests {
    @Test func aLockedFolderNamesItsOwner() throws {
        let folder = try LogFolder()
        let lock = try FolderLock(folder: folder.path, owner: "the first")
        guard case .inUse(_, let owner) = try logError({ _ = try FolderLock(folder: folder.path, owner: "b") }) else {
            throw LogError.closed
        }
        #expect(owner == "the first" && lock.path == folder.path + "/LOCK")
        lock.describe("the first, on port 1")
        #expect(FolderLock.owner(folder: folder.path) == "the first, on port 1")
        withExtendedLifetime(lock) {}
    }

    @Test func aLockGoesWithItsOwnerAndTheFileMayStay() throws {
        let folder = try LogFolder()
        do {
            let lock = try FolderLock(folder: folder.path, owner: "a long description of the first owner")
            withExtendedLifetime(lock) {}
        }
        #expect(FolderLock.owner(folder: folder.path) != nil)
        let second = try FolderLock(folder: folder.path, owner: "second")
        #expect(FolderLock.owner(folder: folder.path) == "second")
        withExtendedLifetime(second) {}
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/flock"), "needs flock of util-linux"))
    func anotherProcessHoldsTheLockUntilItIsKilled() throws {
        let folder = try LogFolder()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
        // It says so once it has the lock, then waits for its input, which never comes.
        process.arguments = ["--no-fork", folder.path + "/LOCK", "sh", "-c", "echo locked; exec cat"]
        let output = Pipe()
        process.standardInput = Pipe()
        process.standardOutput = output
        try process.run()
        defer { if process.isRunning { process.terminate() } }
        #expect(String(decoding: output.fileHandleForReading.availableData, as: UTF8.self) == "locked\n")
        guard case .inUse = try logError({ _ = try FolderLock(folder: folder.path, owner: "b") }) else {
            throw LogError.closed
        }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        let lock = try FolderLock(folder: folder.path, owner: "b")
        withExtendedLifetime(lock) {}
    }
}
