import Glibc

/// Exclusive use of a folder by one process, for as long as this value lives.
///
/// The kernel drops the lock when the process ends, however it ends, so a lock file left behind means nothing.
public final class FolderLock: Sendable {
    private let descriptor: Int32
    /// The lock file.
    public let path: String

    /// Takes the lock `folder/LOCK`.
    ///
    /// - Throws: `LogError.inUse` with what the owner wrote about itself; `LogError.system` when the file cannot be
    ///   made.
    public init(folder: String, owner: String) throws(LogError) {
        let path = folder + "/LOCK"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        if descriptor < 0 { throw LogError.last("open", path) }
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            close(descriptor)
            if code == EWOULDBLOCK {
                throw LogError.inUse(path: folder, owner: FolderLock.owner(folder: folder) ?? "unknown")
            }
            throw LogError.system(operation: "lock", path: path, code: code, reason: String(cString: strerror(code)))
        }
        self.descriptor = descriptor
        self.path = path
        describe(owner)
    }

    deinit { close(descriptor) }

    /// Writes what the owner says of itself, such as its process and address, for others to read.
    public func describe(_ owner: String) {
        // Only for people and for commands that look for a running server; the lock itself does not depend on it.
        _ = ftruncate(descriptor, 0)
        _ = owner.withCString { pwrite(descriptor, $0, strlen($0), 0) }
    }

    /// What the present or last owner of a folder wrote about itself.
    public static func owner(folder: String) -> String? {
        guard let file = fopen(folder + "/LOCK", "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = fread(&bytes, 1, bytes.count, file)
        return count > 0 ? String(decoding: bytes[0..<count], as: UTF8.self) : nil
    }
}
