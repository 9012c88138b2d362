internal import Crypto
import Foundation

/// The bytes of a file, block by block, with the part not yet consumed in one piece, and their SHA-256.
struct FileBlocks {
    let path: String
    /// The size when it was opened.
    let size: Int64
    private(set) var bytesRead: Int64 = 0
    /// Whether the last read found the end.
    private(set) var isAtEnd = false
    private let handle: FileHandle
    private var hash = SHA256()
    private var buffer: [UInt8] = []
    private var start = 0

    /// Opens a regular file.
    init(path: String) throws {
        self.path = path
        let url = URL(fileURLWithPath: path)
        do {
            let attributes = try FileManager.default.attributesOfItem(atPath: url.resolvingSymlinksInPath().path)
            guard attributes[.type] as? FileAttributeType == .typeRegular else {
                throw ImportError(
                    path: path, problem: "is not a regular file; save the data into a file first, it is read twice")
            }
            size = (attributes[.size] as? NSNumber)?.int64Value ?? 0
            handle = try FileHandle(forReadingFrom: url)
        } catch let error as ImportError {
            throw error
        } catch {
            throw ImportError(
                path: path,
                problem: "cannot be opened (\(error.localizedDescription)); check the path and its permissions")
        }
    }

    /// The bytes at hand.
    var available: Int { buffer.count - start }

    /// The position in the file of the first byte at hand.
    var position: Int64 { bytesRead - Int64(available) }

    /// Reads one more block behind the bytes at hand.
    mutating func fill() throws {
        let block: Data?
        do {
            block = try handle.read(upToCount: ImportLimits.blockBytes)
        } catch {
            throw ImportError(
                path: path,
                problem:
                    "cannot be read at byte \(bytesRead) (\(error.localizedDescription)); check the disk and import again"
            )
        }
        guard let block, !block.isEmpty else {
            isAtEnd = true
            return
        }
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer.append(contentsOf: block)
        hash.update(data: block)
        bytesRead += Int64(block.count)
    }

    /// Gives the bytes at hand, at most `limit` of them.
    func withBytes<Result>(_ limit: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        try buffer.withUnsafeBufferPointer { all in
            try body(UnsafeBufferPointer(rebasing: all[start..<start + min(limit, all.count - start)]))
        }
    }

    mutating func consume(_ count: Int) {
        precondition(count <= available, "cannot consume more than is at hand")
        start += count
    }

    /// SHA-256 of everything read so far.
    var digest: [UInt8] { Array(hash.finalize()) }
}
