internal import Crypto
import Foundation

/// A file that was looked through once: its identity, and what derived ids need to know of the whole file.
public struct ImportFile: Sendable {
    /// The file.
    public let path: String
    /// Its size in bytes.
    public let size: Int64
    /// SHA-256 (hex) of what the mapping says, the file's bytes and the chunk size: equal exactly when an import gives
    /// the same chunks.
    public let identity: String

    let mapping: Mapping
    let eventsPerChunk: Int
    let digest: [UInt8]
    let repeated: Set<UInt64>

    // Changes when the same file and mapping would give other events or chunks than before.
    private static let version = "cartograph import 1"

    /// Reads the whole file once.
    /// - Parameters:
    ///   - path: a regular file; it is read again by the stream.
    ///   - mapping: how its rows become events.
    ///   - eventsPerChunk: the most events in one chunk, at least one.
    ///   - progress: called now and then with the bytes read and the size; what it throws ends the reading.
    /// - Throws: `ImportError` when the file cannot be read or does not fit the mapping.
    public init(
        path: String, mapping: Mapping, eventsPerChunk: Int = ImportLimits.eventsPerChunk,
        progress: (_ bytesRead: Int64, _ totalBytes: Int64) throws -> Void = { _, _ in }
    ) throws {
        precondition(eventsPerChunk >= 1, "a chunk holds at least one event")
        self.path = path
        self.mapping = mapping
        self.eventsPerChunk = eventsPerChunk
        // Opened as rows in any case, so that a wrong header is reported before anything is imported.
        var (reader, _) = try RowReader.open(path, mapping)
        size = reader.blocks.size
        var row = Row()
        if mapping.numbersOccurrences {
            var sightings = RowSightings(fileBytes: size)
            var content: [UInt8] = []
            while let step = try reader.next(into: &row) {
                if reader.rows & 0xffff == 0 { try progress(reader.blocks.bytesRead, size) }
                guard step == .row else { continue }
                content.removeAll(keepingCapacity: true)
                reader.appendContent(of: row, to: &content)
                guard sightings.note(RowHash.of(content)) else {
                    throw ImportError(
                        path: path,
                        problem:
                            "has more than \(ImportLimits.repeatedRows) different rows that occur repeatedly; split the file, or make event_id of columns that tell rows apart, such as \"{order_id}-{line}\""
                    )
                }
            }
            repeated = sightings.repeated
            digest = reader.blocks.digest
        } else {
            let total = reader.blocks.size
            digest = try reader.digestOfRest { try progress($0, total) }
            repeated = []
        }
        try progress(size, size)
        var hash = SHA256()
        hash.update(data: Data("\(ImportFile.version)\n\(mapping.fingerprint)\n\(eventsPerChunk)\n".utf8))
        hash.update(data: digest)
        identity = Hex.text(hash.finalize())
    }

    /// Starts reading events from the beginning of the file.
    public func stream() throws -> ImportStream { try ImportStream(self) }
}
