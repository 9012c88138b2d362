import Iceberg
import Storage

extension BronzeWriter {
    /// When files and rounds end.
    public struct Limits: Sendable {
        /// Rows after which a file ends, at the next frame of the log.
        public var fileRows = 2_000_000
        /// Bytes after which a file ends, at the next frame of the log.
        public var fileBytes = 32 << 20
        /// Bytes of all files of a round, which are held in memory until they are written.
        public var roundBytes = 64 << 20
        /// Seconds after which a round is committed although the log has more: what came first must not wait for what
        /// came last.
        public var roundSeconds = 2.0
        /// How fresh files are compressed.
        public var compression = Compression.byPlace
        /// Attempts to commit a round beside other writers.
        public var attempts = 16

        /// How fresh files are compressed, which compaction soon writes anew with Zstandard.
        public enum Compression: Sendable, Equatable {
            /// `fast` where the table lies on a disk, `zstd(1)` in an object store, where each byte is sent.
            case byPlace
            /// Only the events' text, with Snappy.
            case fast
            /// Every column, at this level.
            case zstd(Int32)

            /// Zstandard's level for a table's files; nil for none.
            func level(for table: Table) -> Int32? {
                switch self {
                case .byPlace: Location.isRemote(table.dataLocation) ? 1 : nil
                case .fast: nil
                case .zstd(let level): level
                }
            }
        }

        /// The limits of a platform that shares its machine.
        public init() {}
    }
}
