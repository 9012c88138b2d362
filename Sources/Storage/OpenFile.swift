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
    func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0, from: 0) } }

    /// What of `bytes` is not written yet, to its place in the file.
    private func write(_ bytes: UnsafeRawBufferPointer, from start: Int) throws {
        var written = start
        while written < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            let put = pwrite(descriptor, rest.baseAddress, rest.count, off_t(written))
            if put < 0, errno == EINTR { continue }
            guard put > 0 else {
                throw StorageError(.failed, at: location, "cannot be written: \(systemReason())")
            }
            written += put
        }
    }

    /// All of `bytes`, from the start of the file; much of it past the page cache where the file system can do that.
    /// Whoever writes a large file and syncs it at once gets nothing from a copy in the cache, which costs as much
    /// processor time as compressing it.
    func write(_ bytes: BlockBytes) throws {
        try bytes.withUnsafeBytes { bytes in
            #if os(Linux)
                try write(bytes, from: writePastCache(bytes))
            #else
                try write(bytes, from: 0)
            #endif
        }
    }

    #if os(Linux)
        /// Bytes from which on a file is written past the page cache.
        private static let directBytesMin = 1 << 20
        /// O_DIRECT of open(2), which the C library's module does not name.
        #if arch(arm64)
            private static let direct: Int32 = 0o200000
        #else
            private static let direct: Int32 = 0o40000
        #endif

        /// Writes the whole blocks of `bytes`, which begin at a block's boundary; returns how far it came: not at all
        /// where the file system refuses.
        private func writePastCache(_ bytes: UnsafeRawBufferPointer) throws -> Int {
            let end = bytes.count & ~(BlockBytes.blockBytes - 1)
            let flags = fcntl(descriptor, F_GETFL)
            guard let start = bytes.baseAddress, end >= Self.directBytesMin, flags >= 0,
                fcntl(descriptor, F_SETFL, flags | Self.direct) == 0
            else { return 0 }
            var done = 0
            while done < end {
                let put = pwrite(descriptor, start + done, end - done, off_t(done))
                if put < 0, errno == EINTR { continue }
                // What a failure means, and what follows a write that ended inside a block, is for the other way.
                guard put > 0 else { break }
                done += put & ~(BlockBytes.blockBytes - 1)
                if put & (BlockBytes.blockBytes - 1) != 0 { break }
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
