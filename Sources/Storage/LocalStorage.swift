import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Objects as files of the local disk.
///
/// An object is written under a temporary name, synced, then linked to its own name (which fails when the name is
/// taken), and its folder is synced. A crash leaves at most a temporary file, which no listing shows and
/// ``unfinished(prefix:)`` does.
public struct LocalStorage: ObjectStorage {
    /// Storage on the local disk.
    public init() {}

    /// The whole file, if it has at most `limit` bytes.
    public func read(_ location: String, upTo limit: Int) throws -> [UInt8] {
        let file = try OpenFile(location, flags: O_RDONLY)
        defer { file.close() }
        let size = try file.size()
        guard size <= limit else {
            throw StorageError(
                .tooLarge, at: location, "has \(size) bytes, more than the \(limit) that are read at once")
        }
        return try file.read(from: 0, count: Int(size))
    }

    /// The bytes of `range` of the file.
    public func read(_ location: String, range: Range<Int64>) throws -> [UInt8] {
        let file = try OpenFile(location, flags: O_RDONLY)
        defer { file.close() }
        let size = try file.size()
        guard range.lowerBound >= 0, range.upperBound <= size else {
            throw StorageError(.badRange, at: location, "bytes \(range) asked of an object of \(size) bytes")
        }
        return try file.read(from: range.lowerBound, count: Int(range.upperBound - range.lowerBound))
    }

    /// Size of the file in bytes.
    public func size(of location: String) throws -> Int64 {
        let file = try OpenFile(location, flags: O_RDONLY)
        defer { file.close() }
        return try file.size()
    }

    /// Whether a regular file is there.
    public func exists(_ location: String) throws -> Bool {
        var info = stat()
        let path = try Location.path(of: location)
        if stat(path, &info) == 0 { return info.st_mode & S_IFMT == S_IFREG }
        if errno == ENOENT || errno == ENOTDIR { return false }
        throw StorageError(.failed, at: location, "cannot be looked up: \(systemReason())")
    }

    /// Writes, syncs and links each file, then syncs the folders, which are made if they are missing.
    public func create(_ objects: [NewObject]) throws {
        var folders: [String] = []
        for object in objects {
            let folder = try createOne(object.location) { try $0.write(object.bytes) }
            if !folders.contains(folder) { folders.append(folder) }
        }
        for folder in folders { try syncFolder(folder) }
    }

    /// Writes the file past the page cache, as far as the file system can do that; else as any other.
    public func create(_ bytes: BlockBytes, at location: String) throws {
        try syncFolder(try createOne(location) { try $0.write(bytes) })
    }

    /// The regular files below a path prefix, without those still being written. Links are not followed.
    public func list(prefix: String) throws -> [ObjectInfo] { try files(prefix, unfinished: false) }

    /// The temporary files of creates, below a path prefix.
    public func unfinished(prefix: String) throws -> [ObjectInfo] { try files(prefix, unfinished: true) }

    private func files(_ prefix: String, unfinished: Bool) throws -> [ObjectInfo] {
        let wanted = try Location.path(of: prefix) + (prefix.hasSuffix("/") ? "/" : "")
        let folder = wanted.hasSuffix("/") ? String(wanted.dropLast()) : parent(of: wanted)
        var found: [ObjectInfo] = []
        try walk(folder, prefix: wanted, unfinished, depth: 0, into: &found)
        return found.sorted { $0.location.utf8.lexicographicallyPrecedes($1.location.utf8) }
    }

    /// Unlinks the file.
    public func delete(_ location: String) throws {
        guard unlink(try Location.path(of: location)) != 0 else { return }
        let code = errno
        guard code == ENOENT || code == ENOTDIR else {
            throw StorageError(.failed, at: location, "cannot be removed: \(systemReason(code))")
        }
    }

    /// Syncs the files and their folders.
    public func sync(_ locations: [String]) throws {
        var folders: [String] = []
        for location in locations {
            let file = try OpenFile(location, flags: O_RDONLY)
            defer { file.close() }
            try file.sync()
            let folder = parent(of: try Location.path(of: location))
            if !folders.contains(folder) { folders.append(folder) }
        }
        for folder in folders { try syncFolder(folder) }
    }
}

extension LocalStorage {
    /// Writes and links one object, and says which folder is still to be synced.
    private func createOne(_ location: String, _ write: (OpenFile) throws -> Void) throws -> String {
        let path = try Location.path(of: location)
        let folder = parent(of: path)
        try makeFolder(folder)
        let temporary = folder + "/" + Self.temporaryPrefix + UUID().uuidString.lowercased()
        defer { unlink(temporary) }
        let file = try OpenFile(temporary, flags: O_WRONLY | O_CREAT | O_EXCL)
        do {
            defer { file.close() }
            try write(file)
            try file.sync()
        }
        guard link(temporary, path) == 0 else {
            let code = errno
            if code == EEXIST {
                throw StorageError(.alreadyExists, at: location, "already exists, and is left as it was")
            }
            throw StorageError(.failed, at: location, "cannot be created: \(systemReason(code))")
        }
        return folder
    }

    /// Makes the folder and its missing parents, and syncs what links to each new one.
    private func makeFolder(_ folder: String) throws {
        if mkdir(folder, 0o777) == 0 { return try syncFolder(parent(of: folder)) }
        let code = errno
        switch code {
        case EEXIST: return
        case ENOENT where folder != "/":
            try makeFolder(parent(of: folder))
            guard mkdir(folder, 0o777) == 0 || errno == EEXIST else {
                throw StorageError(.failed, at: folder, "the folder cannot be made: \(systemReason())")
            }
            try syncFolder(parent(of: folder))
        default: throw StorageError(.failed, at: folder, "the folder cannot be made: \(systemReason(code))")
        }
    }

    private func syncFolder(_ folder: String) throws {
        let handle = try OpenFile(folder, flags: O_RDONLY | O_DIRECTORY)
        defer { handle.close() }
        try handle.sync()
    }

    private func walk(
        _ folder: String, prefix: String, _ unfinished: Bool, depth: Int, into found: inout [ObjectInfo]
    ) throws {
        guard depth <= StorageLimits.listedDepth else {
            throw StorageError(.tooLarge, at: folder, "lies more than \(StorageLimits.listedDepth) folders deep")
        }
        guard let directory = opendir(folder) else {
            let code = errno
            if code == ENOENT || code == ENOTDIR { return }
            throw StorageError(.failed, at: folder, "cannot be listed: \(systemReason(code))")
        }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: entry.pointee.d_name)) {
                    String(cString: $0)
                }
            }
            guard name != ".", name != ".." else { continue }
            let isTemporary = name.utf8.starts(with: Self.temporaryPrefix.utf8)
            let path = folder == "/" ? "/" + name : folder + "/" + name
            // Bytes count, not characters: a name may go on with an accent for the prefix's last letter.
            guard path.utf8.starts(with: prefix.utf8) || prefix.utf8.starts(with: (path + "/").utf8) else { continue }
            var info = stat()
            // A file that vanished between the two calls is simply not listed; links are not followed.
            guard lstat(path, &info) == 0 else { continue }
            if info.st_mode & S_IFMT == S_IFDIR {
                try walk(path, prefix: prefix, unfinished, depth: depth + 1, into: &found)
            } else if info.st_mode & S_IFMT == S_IFREG, isTemporary == unfinished, path.utf8.starts(with: prefix.utf8) {
                guard found.count < StorageLimits.listedObjects else {
                    throw StorageError(.tooLarge, at: prefix, "has more than \(StorageLimits.listedObjects) objects")
                }
                found.append(
                    ObjectInfo(
                        location: "file://" + path, size: Int64(info.st_size), modifiedMicroseconds: modified(info)))
            }
        }
    }

    private func modified(_ info: stat) -> Int64 {
        #if canImport(Darwin)
            Int64(info.st_mtimespec.tv_sec) * 1_000_000 + Int64(info.st_mtimespec.tv_nsec) / 1000
        #else
            Int64(info.st_mtim.tv_sec) * 1_000_000 + Int64(info.st_mtim.tv_nsec) / 1000
        #endif
    }

    private func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    /// Names that begin so are objects still being written, or were when their writer was killed.
    public static let temporaryPrefix = ".cartograph-new-"
}
