import EventLog
import Foundation

/// The folder with everything a shop has: the log, the lake, the live state. One process at a time changes it.
struct DataFolder {
    let path: String

    var log: String { path + "/log" }
    var lake: String { path + "/lake" }
    var catalog: String { path + "/lake/catalog.sqlite" }
    var checkpoint: String { path + "/stream/checkpoint" }
    /// The shop's own rules for fraud scores, where it has some.
    var fraudRules: String { path + "/fraud-rules.yaml" }
    /// What people said of purchases.
    var fraudLabels: String { path + "/fraud-labels.json" }
    /// Who was erased, as keyed hashes, and the certificates.
    var erasures: String { path + "/erasures" }
    var temporary: String { path + "/tmp" }

    /// Makes the folder if need be, and sees that it can be written.
    static func open(_ path: String) throws -> DataFolder {
        let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
        do {
            try FileManager.default.createDirectory(atPath: absolute, withIntermediateDirectories: true)
        } catch {
            throw CommandError(
                "the data folder \(absolute) cannot be made: \(reason(error)); choose another with --data")
        }
        guard access(absolute, W_OK | X_OK) == 0 else {
            throw CommandError(
                "the data folder \(absolute) cannot be written (\(String(cString: strerror(errno)))); choose another "
                    + "with --data")
        }
        return DataFolder(path: absolute)
    }

    /// A folder that must be there already.
    static func existing(_ path: String) throws -> DataFolder {
        let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
        guard FileManager.default.fileExists(atPath: absolute + "/log") else {
            throw CommandError("there is no shop in \(absolute): import or simulate one first, or check --data")
        }
        return try open(absolute)
    }

    /// Takes the folder for this process.
    func lock() throws -> FolderLock {
        try FolderLock(folder: path, owner: Owner(process: getpid(), address: nil).text)
    }

    /// The running server that holds the folder, if there is one that answers.
    func runningServer() -> String? {
        guard let text = FolderLock.owner(folder: path), let owner = Owner(text), let address = owner.address else {
            return nil
        }
        // The file outlives its writer; only a process that still holds the lock counts.
        do {
            _ = try FolderLock(folder: path, owner: text)
            return nil
        } catch { return address }
    }

    private static func reason(_ error: any Error) -> String {
        let system = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        if let system, system.domain == NSPOSIXErrorDomain { return String(cString: strerror(Int32(system.code))) }
        return error.localizedDescription
    }
}

/// What the holder of a data folder writes into its lock file.
struct Owner {
    var process: Int32
    /// Where its server answers, such as `http://127.0.0.1:8080`.
    var address: String?

    init(process: Int32, address: String?) {
        self.process = process
        self.address = address
    }

    var text: String { "process \(process)" + (address.map { " at \($0)" } ?? "") }

    init?(_ text: String) {
        let words = text.split(separator: " ").map(String.init)
        guard words.count >= 2, words[0] == "process", let process = Int32(words[1]) else { return nil }
        self.process = process
        address = words.count == 4 && words[2] == "at" ? words[3] : nil
    }
}
