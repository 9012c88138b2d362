import CBytes
import Glibc
public import Iceberg
public import Storage

/// The CRC-32C of all bytes of a data file, which the file's own name carries: `data-….crc32c-1a2b3c4d.parquet`.
///
/// A flipped bit in a value is read by most engines as another value. The name is the one place that every commit,
/// compaction and copy of a table by any engine keeps, and that needs no second object beside the file. Files of other
/// writers have no such name and are not checked; nor have those that the engine writes straight into an object store,
/// where nothing can be renamed and which keeps checksums of its own.
public enum FileChecksum {
    private static let mark = ".crc32c-"
    private static let digits = 8
    private static let suffix = ".parquet"
    /// Bytes of a file that are held at once.
    private static let chunkBytes: Int64 = 1 << 20

    /// The location of a file with these bytes.
    /// - Parameter stem: the location without `.parquet`.
    static func location(_ stem: String, of crc: UInt32) -> String {
        let text = String(crc, radix: 16)
        return stem + mark + String(repeating: "0", count: digits - text.count) + text + suffix
    }

    /// The checksum that a file's name says; nil when it says none.
    public static func stated(by location: String) -> UInt32? {
        guard location.hasSuffix(suffix) else { return nil }
        let stem = location.dropLast(suffix.count)
        let text = stem.suffix(digits)
        guard stem.dropLast(digits).hasSuffix(mark), text.utf8.count == digits,
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        return UInt32(text, radix: 16)
    }

    /// The checksum of a file that is there.
    /// - Parameter size: of the file, in bytes.
    static func of(_ location: String, size: Int64, in storage: any ObjectStorage) throws -> UInt32 {
        var crc: UInt32 = 0
        var first: Int64 = 0
        while first < size {
            let end = min(size, first + chunkBytes)
            crc = try storage.read(location, range: first..<end).withUnsafeBytes {
                cbytes_crc32c(crc, $0.baseAddress, $0.count)
            }
            first = end
        }
        return crc
    }

    /// Gives a file of the local disk that the engine wrote the name that its bytes ask for; returns its new location. It
    /// is as durable as before: not yet.
    static func seal(_ location: String, size: Int64, in storage: any ObjectStorage) throws -> String {
        guard !Location.isRemote(location), location.hasSuffix(suffix) else { return location }
        let crc = try of(location, size: size, in: storage)
        let sealed = Self.location(String(location.dropLast(suffix.count)), of: crc)
        guard rename(try Location.path(of: location), try Location.path(of: sealed)) == 0 else {
            throw LakeTableError("\(location) cannot be renamed: \(String(cString: strerror(errno)))")
        }
        return sealed
    }

    /// Sees that a file of a table is what was written.
    /// - Returns: whether its name says what it must sum to.
    /// - Throws: ``DamagedFileError`` when it does not, or has another size, `StorageError` when it cannot be read.
    @discardableResult
    public static func check(_ file: DataFile, of table: TableIdentifier, in storage: any ObjectStorage) throws -> Bool
    {
        guard let stated = stated(by: file.location) else { return false }
        let size = try storage.size(of: file.location)
        guard size == file.fileSizeInBytes else {
            throw DamagedFileError(file.location, table, "has \(size) bytes instead of \(file.fileSizeInBytes)")
        }
        guard try of(file.location, size: size, in: storage) == stated else {
            throw DamagedFileError(file.location, table, "does not sum to what its name says")
        }
        return true
    }
}

/// A data file that is not what was written.
public struct DamagedFileError: Error, CustomStringConvertible {
    /// Which, and what to do.
    public let description: String

    init(_ location: String, _ table: TableIdentifier, _ what: String) {
        description =
            "\(location) of \(table) is damaged: it \(what); restore it from a copy, or read the table as it was "
            + "before (--at)"
    }
}

extension LakeTable {
    /// What a look at the bytes of all files of a table found.
    public struct FileCheck: Sendable {
        /// Files that sum to what their names say, or fail to.
        public var checked = 0
        /// Files whose names say nothing.
        public var unchecked = 0
        /// Files that are damaged or missing, each with its name.
        public var problems: [String] = []
    }

    /// Reads every file of the current snapshot, and compares it with the checksum in its name.
    public func checkFiles() throws -> FileCheck {
        var found = FileCheck()
        for file in try files(of: self) {
            do {
                if try FileChecksum.check(file, of: table.identifier, in: table.catalog.storage) {
                    found.checked += 1
                } else {
                    found.unchecked += 1
                }
            } catch let error as DamagedFileError {
                found.checked += 1
                found.problems.append(error.description)
            } catch let error as StorageError where error.kind == .notFound {
                // It may have been joined with others and forgotten meanwhile.
                let newest = LakeTable(try table.catalog.loadTable(table.identifier))
                guard try files(of: newest).contains(where: { $0.location == file.location }) else { continue }
                found.checked += 1
                found.problems.append("\(file.location) of \(table.identifier) is missing")
            }
        }
        return found
    }

    /// The data files of a table's current snapshot, and its delete files.
    private func files(of lake: LakeTable) throws -> [DataFile] {
        let plan = try lake.plan()
        return plan.tasks.map(\.file) + plan.deletes.map(\.file) + plan.idleDeletes
    }
}
