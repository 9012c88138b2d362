import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file descriptor and the location it was opened from, with whole reads and writes and named errors.
struct OpenFile {
    private let descriptor: Int32
    private let location: String

    /// Opens `location`; a new file gets mode 0666 less the process's mask.
    init(_ location: String, flags: Int32) throws {
        let path = try Location.path(of: location)
        var opened: Int32
        repeat { opened = open(path, flags | O_CLOEXEC, 0o666) } while opened < 0 && errno == EINTR
        guard opened >= 0 else {
            let code = errno
            if code == ENOENT || code == ENOTDIR {
                throw StorageError(.notFound, at: location, "nothing is there")
            }
            throw StorageError(.failed, at: location, "cannot be opened: \(systemReason(code))")
        }
        self.descriptor = opened
        self.location = location
    }

    /// Size in bytes of a regular file; anything else is refused.
    func size() throws -> Int64 {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else {
            throw StorageError(.failed, at: location, "its size cannot be read: \(systemReason())")
        }
        guard info.st_mode & S_IFMT == S_IFREG else {
            throw StorageError(.notFound, at: location, "is not a regular file")
        }
        return Int64(info.st_size)
    }

    /// Exactly `count` bytes from `offset`.
    func read(from offset: Int64, count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let rest = UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[filled..<count])
                let got = pread(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(filled))
                if got < 0, errno == EINTR { continue }
                guard got > 0 else {
                    let reason = got == 0 ? "became shorter while it was read" : "cannot be read: \(systemReason())"
                    throw StorageError(.failed, at: location, reason)
                }
                filled += got
            }
        }
    }

    /// All of `bytes`, from the start of the file.
    func write(_ bytes: [UInt8]) throws { try write(bytes, from: 0) }

    /// What of `bytes` is not written yet, to its place in the file.
    private func write(_ bytes: [UInt8], from start: Int) throws {
        try bytes.withUnsafeBytes { buffer in
            var written = start
            while written < buffer.count {
                let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
                let put = pwrite(descriptor, rest.baseAddress, rest.count, off_t(written))
                if put < 0, errno == EINTR { continue }
                guard put > 0 else {
                    throw StorageError(.failed, at: location, "cannot be written: \(systemReason())")
                }
                written += put
            }
        }
    }

    /// All of `bytes`, from the start of the file; much of it past the page cache where the file system can do that.
    /// Whoever writes a large file and syncs it at once gets nothing from a copy in the cache, which costs as much
    /// processor time as compressing it.
    func writeOnce(_ bytes: [UInt8]) throws {
        #if os(Linux)
            try write(bytes, from: writePastCache(bytes))
        #else
            try write(bytes)
        #endif
    }

    #if os(Linux)
        /// Bytes from which on a file is written past the page cache.
        private static let directBytesMin = 1 << 20
        /// Bytes that are copied to where the disk takes them from, at a time.
        private static let directChunkBytes = 1 << 20
        /// What direct output is aligned to, in bytes: the largest that disks ask for.
        private static let blockBytes = 4_096
        /// O_DIRECT of open(2), which the C library's module does not name.
        #if arch(arm64)
            private static let direct: Int32 = 0o200000
        #else
            private static let direct: Int32 = 0o40000
        #endif

        /// Writes the whole blocks of `bytes`; returns how far it came: not at all where the file system refuses.
        private func writePastCache(_ bytes: [UInt8]) throws -> Int {
            let end = bytes.count & ~(Self.blockBytes - 1)
            let flags = fcntl(descriptor, F_GETFL)
            guard end >= Self.directBytesMin, flags >= 0, fcntl(descriptor, F_SETFL, flags | Self.direct) == 0 else {
                return 0
            }
            let room = UnsafeMutableRawPointer.allocate(
                byteCount: Self.directChunkBytes, alignment: Self.blockBytes)
            defer { room.deallocate() }
            var done = 0
            bytes.withUnsafeBytes { buffer in
                guard let start = buffer.baseAddress else { return }
                while done < end {
                    let some = min(Self.directChunkBytes, end - done)
                    room.copyMemory(from: start + done, byteCount: some)
                    let put = pwrite(descriptor, room, some, off_t(done))
                    if put < 0, errno == EINTR { continue }
                    // What a failure means, and what follows a write that ended inside a block, is for the other way.
                    guard put > 0 else { break }
                    done += put & ~(Self.blockBytes - 1)
                    if put < some { break }
                }
            }
            guard fcntl(descriptor, F_SETFL, flags) == 0 else {
                throw StorageError(.failed, at: location, "cannot be written: \(systemReason())")
            }
            return done
        }
    #endif

    /// Forces content and size to the disk.
    func sync() throws {
        var result: Int32
        repeat { result = fsync(descriptor) } while result != 0 && errno == EINTR
        guard result == 0 else {
            throw StorageError(.failed, at: location, "cannot be synced to disk: \(systemReason())")
        }
    }

    /// Closes the descriptor; what matters was synced before.
    func close() {
        #if canImport(Glibc)
            _ = Glibc.close(descriptor)
        #elseif canImport(Musl)
            _ = Musl.close(descriptor)
        #elseif canImport(Darwin)
            _ = Darwin.close(descriptor)
        #endif
    }
}

/// What the operating system says of an error number.
func systemReason(_ code: Int32 = errno) -> String {
    String(cString: strerror(code))
}
