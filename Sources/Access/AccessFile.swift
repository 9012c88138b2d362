import Foundation
import Glibc

/// Files that only their owner may read, and that are there whole or not at all.
enum AccessFile {
    static func makeFolder(_ folder: String) throws(AccessError) {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw AccessError("\(folder) cannot be made: \(error.localizedDescription)")
        }
    }

    /// A file's bytes; nil when there is none.
    static func read(_ path: String, limit: Int) throws(AccessError) -> Data? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw .last("open", path)
        }
        defer { close(file) }
        var bytes = Data()
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(file, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .last("read", path) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: piece[..<count])
            guard bytes.count <= limit else { throw AccessError("\(path) is larger than \(limit) bytes") }
        }
    }

    /// Replaces a file so that after a crash either the old or the new content is there.
    static func replace(_ path: String, with bytes: [UInt8]) throws(AccessError) {
        let temporary = path + ".new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .last("open", temporary) }
        defer { close(file) }
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes { write(file, $0.baseAddress.map { $0 + done }, $0.count - done) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw .last("write", temporary) }
            done += written
        }
        guard fsync(file) == 0 else { throw .last("fsync", temporary) }
        guard rename(temporary, path) == 0 else { throw .last("rename", temporary) }
        let folder = (path as NSString).deletingLastPathComponent
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw .last("open", folder) }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw .last("fsync", folder) }
    }

    /// What tells one content of a file from another without reading it; nil when there is no file.
    struct Stamp: Equatable {
        let inode: UInt
        let bytes: Int
        let modifiedSeconds: Int
        let modifiedNanoseconds: Int
    }

    static func stamp(_ path: String) -> Stamp? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Stamp(
            inode: UInt(status.st_ino), bytes: Int(status.st_size), modifiedSeconds: status.st_mtim.tv_sec,
            modifiedNanoseconds: status.st_mtim.tv_nsec)
    }
}

extension AccessError {
    /// The error of the system call that just failed.
    static func last(_ operation: String, _ path: String) -> AccessError {
        AccessError("\(operation) failed for \(path): \(String(cString: strerror(errno)))")
    }
}
