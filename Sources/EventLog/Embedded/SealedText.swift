import CBytes
import Events
import Glibc

/// Lines of text with a checksum behind them, for small files that must be what was written.
enum SealedText {
    private static let mark = "crc32c "

    /// The bytes of a file that holds a text, which ends with a line end.
    static func sealed(_ body: [UInt8]) -> [UInt8] { body + Array("\(mark)\(checksum(body))\n".utf8) }

    /// The text of such a file; nil when the checksum does not hold.
    static func opened(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.last == 0x0a, let end = bytes.dropLast().lastIndex(of: 0x0a) else { return nil }
        let body = Array(bytes[...end])
        return Array(bytes[(end + 1)...]) == Array("\(mark)\(checksum(body))\n".utf8) ? body : nil
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { cbytes_crc32c(0, $0.baseAddress, $0.count) }
    }
}

/// Exclusive use of a folder's files among processes, dropped by the kernel with the process.
struct FileLock: ~Copyable {
    private let file: SystemFile

    /// Takes the lock, waiting for it unless told not to; nil when another holds it and there is no waiting.
    init?(_ path: String, waiting: Bool = true) throws(LogError) {
        let opened = try SystemFile(opening: path, flags: O_RDWR | O_CREAT)
        var code: Int32 = 0
        repeat {
            code = flock(opened.descriptor, waiting ? LOCK_EX : LOCK_EX | LOCK_NB)
        } while code != 0 && errno == EINTR
        if code != 0 {
            if errno == EWOULDBLOCK { return nil }
            throw LogError.last("lock", path)
        }
        file = opened
    }
}
