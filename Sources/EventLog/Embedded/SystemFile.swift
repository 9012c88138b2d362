import Glibc

/// An open file, closed when it goes.
struct SystemFile: ~Copyable {
    let descriptor: Int32
    let path: String

    /// Opens a file with the flags of open(2).
    init(opening path: String, flags: Int32, mode: mode_t = 0o644) throws(LogError) {
        descriptor = open(path, flags | O_CLOEXEC, mode)
        self.path = path
        if descriptor < 0 { throw LogError.last("open", path) }
    }

    deinit { close(descriptor) }

    /// The file's size in bytes.
    borrowing func size() throws(LogError) -> Int64 {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { throw LogError.last("stat", path) }
        return Int64(info.st_size)
    }

    /// Writes all bytes at a position, however many calls it takes.
    borrowing func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(LogError) {
        var done = 0
        while done < bytes.count {
            let written = pwrite(
                descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(position) + done)
            if written < 0 {
                if errno == EINTR { continue }
                throw LogError.last("write", path)
            }
            // A write of nothing would never end.
            if written == 0 {
                throw LogError.system(operation: "write", path: path, code: ENOSPC, reason: "no space was taken")
            }
            done += written
        }
    }

    /// Reads up to `count` bytes at a position; fewer only at the file's end.
    borrowing func read(_ count: Int, at position: Int64, into target: UnsafeMutableRawPointer) throws(LogError) -> Int
    {
        var done = 0
        while done < count {
            let got = pread(descriptor, target + done, count - done, off_t(position) + done)
            if got < 0 {
                if errno == EINTR { continue }
                throw LogError.last("read", path)
            }
            if got == 0 { break }
            done += got
        }
        return done
    }

    /// Makes the written bytes durable.
    borrowing func sync() throws(LogError) {
        guard fdatasync(descriptor) == 0 else { throw LogError.last("fdatasync", path) }
    }

    /// Cuts the file to a size, durably.
    borrowing func truncate(to size: Int64) throws(LogError) {
        guard ftruncate(descriptor, off_t(size)) == 0, fsync(descriptor) == 0 else {
            throw LogError.last("truncate", path)
        }
    }
}

/// Folders as the log needs them.
enum SystemFolder {
    /// Makes a folder and those above it, durably.
    static func create(_ path: String) throws(LogError) {
        var at = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            at += at.isEmpty && part.isEmpty ? "/" : (at.hasSuffix("/") || at.isEmpty ? "" : "/") + part
            guard !part.isEmpty else { continue }
            if mkdir(at, 0o755) == 0 {
                try sync(at + "/..")
            } else if errno != EEXIST {
                throw LogError.last("create folder", at)
            }
        }
        try sync(path)
    }

    /// Makes new and removed names in a folder durable.
    static func sync(_ path: String) throws(LogError) {
        let folder = try SystemFile(opening: path, flags: O_RDONLY | O_DIRECTORY)
        guard fsync(folder.descriptor) == 0 else { throw LogError.last("fsync", path) }
    }

    /// The names in a folder, sorted.
    static func names(in path: String) throws(LogError) -> [String] {
        guard let folder = opendir(path) else { throw LogError.last("list", path) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
