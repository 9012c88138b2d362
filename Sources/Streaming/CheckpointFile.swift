import CBytes
import EventLog
import Foundation

/// One file of a checkpoint: a header, and the state's sections.
///
/// `"CTGS"`, the version, a CRC-32C of the rest; then the file's number and that of the one before it, the key groups that
/// it holds whole, the offsets that it covers, the time zone, and named sections up to the end. Little-endian.
struct CheckpointFile {
    static let magic: UInt32 = 0x5347_5443
    static let version: UInt32 = 3
    /// Where what the checksum is of begins.
    static let checkedFrom = 12

    /// Its number; a file written later has a higher one.
    var sequence: Int64
    /// The file that its changes follow; nil where it holds all groups whole.
    var previous: Int64?
    /// The key groups that it holds whole.
    var whole: Range<Int>
    var position: Checkpoint.Position
    var zone: String
    /// At the first section.
    var sections: ByteReader

    /// Begins the bytes of a file whose checksum is still to be put in.
    static func begin(
        _ out: inout ByteWriter, sequence: Int64, previous: Int64?, whole: Range<Int>,
        _ position: Checkpoint.Position, zone: String
    ) {
        out.raw(magic)
        out.raw(version)
        out.raw(UInt32(0))
        out.put(sequence)
        out.put(previous ?? -1)
        out.put(Int64(whole.lowerBound))
        out.put(Int64(whole.upperBound))
        out.text(position.offsets.description)
        out.text(position.filterOffsets.description)
        out.text(position.youngFilterOffsets.description)
        out.put(position.commit)
        out.text(zone)
    }

    /// Puts the checksum in.
    static func seal(_ memory: ByteMemory) { memory.set(checksum(memory.bytes), at: 8) }

    private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        cbytes_crc32c(0, bytes.baseAddress.map { $0 + checkedFrom }, bytes.count - checkedFrom)
    }

    /// Opens a file's bytes.
    ///
    /// - Throws: `CheckpointError` where they are damaged, of another version or another number of partitions.
    init(_ bytes: [UInt8], _ path: String, partitions: Int) throws {
        var reader = ByteReader(bytes, path)
        guard try reader.raw(UInt32.self) == CheckpointFile.magic else { throw reader.damaged("not a checkpoint") }
        guard try reader.raw(UInt32.self) == CheckpointFile.version else {
            throw reader.damaged("another version's checkpoint")
        }
        guard try reader.raw(UInt32.self) == bytes.withUnsafeBytes({ CheckpointFile.checksum($0) }) else {
            throw reader.damaged("its checksum does not hold")
        }
        sequence = try reader.raw(Int64.self)
        let previous = try reader.raw(Int64.self)
        self.previous = previous < 0 ? nil : previous
        let (first, last) = (try reader.raw(Int64.self), try reader.raw(Int64.self))
        guard 0 <= first, first <= last, last <= Int64(KeyGroup.count) else {
            throw reader.damaged("its key groups are out of bounds")
        }
        whole = Int(first)..<Int(last)
        guard let offsets = LogOffsets(try reader.text()), let old = LogOffsets(try reader.text()),
            let young = LogOffsets(try reader.text()),
            [offsets, old, young].allSatisfy({ $0.partitions == partitions })
        else { throw reader.damaged("its offsets are not those of this log") }
        position = Checkpoint.Position(
            commit: try reader.raw(Int64.self), offsets: offsets, filterOffsets: old, youngFilterOffsets: young)
        zone = try reader.text()
        sections = reader
    }
}
