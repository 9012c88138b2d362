import CBytes
import Storage

/// The bytes of a file that is being put together, and their checksum.
final class FileBytes {
    /// Bytes that are summed up while they are still in the processor's cache from being copied.
    private static let stepBytes = 64 << 10

    let block: BlockBytes
    /// CRC-32C of all bytes.
    private(set) var checksum: UInt32 = 0

    /// - Parameter block: empty; where the bytes go.
    init(_ block: BlockBytes) { self.block = block }

    var count: Int { block.count }

    func append(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty {
            let step = UnsafeRawBufferPointer(rebasing: rest.prefix(FileBytes.stepBytes))
            let copied = block.append(step)
            checksum = cbytes_crc32c(checksum, copied.baseAddress, copied.count)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(step.count))
        }
    }

    func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    func append(_ room: ByteRoom) { append(UnsafeRawBufferPointer(room.bytes)) }
}
