import CBench
import Foundation

/// Folders for what a benchmark writes: where files are really on a disk.
enum WorkFolder {
    /// Where they are made; set once, before anything is measured.
    nonisolated(unsafe) static var base = FileManager.default.temporaryDirectory.path

    private static let removal = NSLock()

    /// Makes a new one.
    static func make() throws -> String {
        let isMemory = cbench_is_memory(base)
        guard isMemory >= 0 else { throw BenchError("there is no folder \(base): choose another with --folder") }
        guard isMemory == 0 else {
            throw BenchError("\(base) is memory, where nothing is durable: choose a folder on a disk with --folder")
        }
        let folder = base + "/cartograph-bench-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        Started.add(folder: folder)
        return folder
    }

    /// Removes one, unless that was done before.
    static func remove(_ folder: String) {
        // Two at it at once, one of them because of a signal, would trip over each other.
        removal.lock()
        defer { removal.unlock() }
        guard FileManager.default.fileExists(atPath: folder) else { return }
        do {
            try FileManager.default.removeItem(atPath: folder)
            Started.remove(folder: folder)
        } catch {
            report("\(folder) could not be removed: \(error.localizedDescription)")
        }
    }
}
