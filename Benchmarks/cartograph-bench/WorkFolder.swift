import CBench
import Foundation

/// Folders for what a benchmark writes: where files are really on a disk.
enum WorkFolder {
    /// Where they are made; set once, before anything is measured.
    nonisolated(unsafe) static var base = FileManager.default.temporaryDirectory.path

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

    static func remove(_ folder: String) {
        do {
            try FileManager.default.removeItem(atPath: folder)
            Started.remove(folder: folder)
        } catch {
            report("\(folder) could not be removed: \(error.localizedDescription)")
        }
    }
}
