import Events
import Glibc

/// An open file, closed when it goes.
package struct SystemFile: ~Copyable {
    /// What direct input and output must be aligned to, in bytes: the largest that disks ask for.
    package static let blockBytes = 4_096

    package let descriptor: Int32
    package let path: String

    /// Opens a file with the flags of open(2).
    init(opening path: String, flags: Int32, mode: mode_t = 0o644) throws(LogError) {
        descriptor = open(path, flags | O_CLOEXEC, mode)
        self.path = path
        if descriptor < 0 { throw LogError.last("open", path) }
    }

    /// Opens a file for reading or writing past the page cache, or through it where the file system refuses that.
    package init(openingDirect path: String, flags: Int32) throws(LogError) {
        var opened = open(path, flags | SystemFile.direct | O_CLOEXEC, 0o644)
        // With O_CREAT | O_EXCL the refused call may have made the file already.
        if opened < 0, errno == EINVAL { opened = open(path, flags & ~O_EXCL | O_CLOEXEC, 0o644) }
        descriptor = opened
        self.path = path
        if descriptor < 0 { throw LogError.last("open", path) }
    }

    deinit { close(descriptor) }

    /// The file's size in bytes.
    package borrowing func size() throws(LogError) -> Int64 {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { throw LogError.last("stat", path) }
        return Int64(info.st_size)
    }

    /// Whether another file has taken this one's place under its name; not when there is none any more.
    package borrowing func isExchanged() throws(LogError) -> Bool {
        var own = stat()
        var there = stat()
        guard fstat(descriptor, &own) == 0 else { throw LogError.last("stat", path) }
        guard stat(path, &there) == 0 else {
            if errno == ENOENT { return false }
            throw LogError.last("stat", path)
        }
        return own.st_ino != there.st_ino || own.st_dev != there.st_dev
    }

    /// Writes all bytes at a position, however many calls it takes.
    ///
    /// Direct files take only whole aligned blocks from aligned memory. One that refuses those after all is written
    /// through the page cache from then on.
    package borrowing func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(LogError) {
        var done = 0
        while done < bytes.count {
            let written = pwrite(
                descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(position) + done)
            if written < 0 {
                if errno == EINTR { continue }
                if errno == EINVAL, isDirect { try goThroughCache() } else { throw LogError.last("write", path) }
                continue
            }
            // What follows a short write must be aligned again; a block written in part is written anew.
            let kept = isDirect && done + written < bytes.count ? written & ~(SystemFile.blockBytes - 1) : written
            // A write of nothing would never end.
            if kept == 0 {
                throw LogError.system(operation: "write", path: path, code: ENOSPC, reason: "no space was taken")
            }
            done += kept
        }
    }

    private borrowing func flags() -> Int32 { fcntl(descriptor, F_GETFL) }

    /// O_DIRECT of open(2), which the C library's module does not name.
    private static let direct: Int32 = {
        #if arch(arm64)
            0o200000
        #else
            0o40000
        #endif
    }()

    /// Whether the file is written past the page cache.
    package var isDirect: Bool { flags() & SystemFile.direct != 0 }

    private borrowing func goThroughCache() throws(LogError) {
        guard fcntl(descriptor, F_SETFL, flags() & ~SystemFile.direct) == 0 else {
            throw LogError.last("fcntl", path)
        }
    }

    /// Reads up to `count` bytes at a position; fewer only at the file's end.
    ///
    /// Direct files give only whole aligned blocks into aligned memory. One that refuses those after all is read through
    /// the page cache from then on.
    package borrowing func read(_ count: Int, at position: Int64, into target: UnsafeMutableRawPointer) throws(LogError)
        -> Int
    {
        var done = 0
        while done < count {
            let got = pread(descriptor, target + done, count - done, off_t(position) + done)
            if got < 0 {
                if errno == EINTR { continue }
                if errno == EINVAL, isDirect { try goThroughCache() } else { throw LogError.last("read", path) }
                continue
            }
            if got == 0 { break }
            done += got
            // Only the file's end lies inside a block, and what follows it cannot be asked for.
            if done % SystemFile.blockBytes != 0, isDirect { break }
        }
        return done
    }

    /// Makes the written bytes durable.
    package borrowing func sync() throws(LogError) {
        guard fdatasync(descriptor) == 0 else { throw LogError.last("fdatasync", path) }
    }

    /// Cuts the file to a size, durably.
    borrowing func truncate(to size: Int64) throws(LogError) {
        guard ftruncate(descriptor, off_t(size)) == 0, fsync(descriptor) == 0 else {
            throw LogError.last("truncate", path)
        }
    }

    /// Puts a file of these bytes in a folder, durably, in place of one of that name: a crash leaves the old one or the
    /// new one.
    package static func replace(_ folder: String, _ name: String, with bytes: [UInt8]) throws(LogError) {
        try bytes.withUnsafeBufferPointer { bytes throws(LogError) in
            try replace(folder, name, with: UnsafeRawBufferPointer(bytes))
        }
    }

    /// Puts a file of these bytes in the place of one of that name, atomically and durably.
    package static func replace(
        _ folder: String, _ name: String, with bytes: UnsafeRawBufferPointer
    ) throws(LogError) {
        let path = folder + "/" + name
        try writeWhole(path + ".new", bytes)
        guard rename(path + ".new", path) == 0 else { throw LogError.last("rename", path + ".new") }
        try SystemFolder.sync(folder)
    }

    /// The bytes of a file of at most `limit`.
    static func readWhole(_ path: String, limit: Int) throws(LogError) -> [UInt8] {
        let file = try SystemFile(opening: path, flags: O_RDONLY)
        let size = Int(try file.size())
        guard size <= limit else { throw .damaged(path: path, at: Int64(limit), what: "larger than it can be") }
        var bytes = PaddedBytes(capacity: size)
        try bytes.append(room: size) { target throws(LogError) in try file.read(size, at: 0, into: target) }
        return bytes.withBytes { Array($0) }
    }

    /// Writes a file of these bytes and syncs it.
    static func writeWhole(_ path: String, _ bytes: UnsafeRawBufferPointer) throws(LogError) {
        let file = try SystemFile(opening: path, flags: O_RDWR | O_CREAT | O_TRUNC)
        try file.write(bytes, at: 0)
        try file.sync()
    }
}

/// Folders as the log needs them.
package enum SystemFolder {
    /// Makes a folder and those above it, durably.
    package static func create(_ path: String) throws(LogError) {
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
