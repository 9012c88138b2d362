import Engine
import Foundation
import IcebergFuzz
import Lake
import Storage

/// Damaged Parquet files: our reader of footers must give a named error or agree with the engine about what is in the
/// file, and of what it lets pass the engine must give an error or rows. What it refuses the engine never sees, here as
/// in a scan: of schemas that are nested too deep DuckDB 1.5.5 dies.
///
/// A crash ends the run by itself, and leaves the file that caused it. Rows that the engine reads wrong without a word
/// are what the checksums in files' names are for, so values are not compared here.
public final class ParquetFuzz {
    /// What was done so far.
    public struct Tally: Sendable {
        /// Files read.
        public var cases = 0
        /// Footers that our reader read.
        public var footersRead = 0
        /// Footers that it refused with an error.
        public var footersRefused = 0
        /// Files with a footer that was read, whose rows the engine read.
        public var filesRead = 0
        /// Files with a footer that was read, which the engine refused with an error.
        public var filesRefused = 0
    }

    /// A file that was not treated as it should.
    public struct Finding: Error, CustomStringConvertible {
        /// The run's seed, which of its files, and what went wrong.
        public let description: String
    }

    /// What was done so far.
    public private(set) var tally = Tally()

    /// Where the file at hand is.
    public let path: String

    private let seed: UInt64
    private let seeds: [ParquetParts]
    private let connection: Connection
    private let storage = LocalStorage()

    /// The longest that one file may take.
    private static let caseLimit = Duration.seconds(20)

    /// A run whose files follow from its seed, each written to `path` before it is read.
    public init(seed: UInt64, path: String) throws {
        self.seed = seed
        self.path = path
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Seeds/parquet")
        seeds = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map { name in
            try ParquetParts([UInt8](Data(contentsOf: folder.appendingPathComponent(name))))
        }
        connection = try DuckDB().connect()
    }

    /// Reads `count` more files.
    ///
    /// - Throws: the first ``Finding``.
    public func run(_ count: Int) throws {
        for _ in 0..<count {
            var random = IcebergRandom(seed: seed ^ UInt64(tally.cases) &* 0xd134_2543_de82_ef95)
            let bombs = ParquetBombs.all
            let bomb = tally.cases < bombs.count ? bombs[tally.cases] : nil
            let bytes = bomb?.bytes ?? damaged(&random)
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let began = ContinuousClock.now
            let footer = try readFooter(size: Int64(bytes.count))
            if let bomb, footer != nil { throw finding("\(bomb.name) was read, and should be refused") }
            let rows = try footer != nil && readRows()
            if let footer, let objection = try disagreement(footer) { throw finding(objection) }
            let took = ContinuousClock.now - began
            guard took < Self.caseLimit else { throw finding("took \(took)") }
            tally.footersRead += footer == nil ? 0 : 1
            tally.footersRefused += footer == nil ? 1 : 0
            if footer != nil {
                tally.filesRead += rows ? 1 : 0
                tally.filesRefused += rows ? 0 : 1
            }
            tally.cases += 1
        }
    }

    private func damaged(_ random: inout IcebergRandom) -> [UInt8] {
        var parts = random.pick(seeds)
        var damage = Damage(random: random)
        switch random.below(8) {
        case 0: return damage.few(parts.file)
        case 1...3: parts.pages = damage.few(parts.pages)
        // A page is small beside its header, and bytes of headers are what lengths and counts are made of.
        default: parts.footer = damage.few(parts.footer)
        }
        return parts.file
    }

    // MARK: - Readers

    private func readFooter(size: Int64) throws -> ParquetFooter? {
        do {
            return try ParquetFooter(of: path, size: size, from: storage)
        } catch let error as LakeTableError {
            guard error.description.contains(path) else { throw finding("the error does not name the file: \(error)") }
            return nil
        } catch {
            throw finding("our reader failed with another error: \(error)")
        }
    }

    /// Whether the engine reads all rows.
    private func readRows() throws -> Bool {
        do {
            try connection.stream("SELECT * FROM read_parquet(\(SQL.literal(path)))") { _ in true }
            return true
        } catch let error as EngineError {
            guard !error.message.isEmpty else { throw finding("the engine's error says nothing") }
            return false
        } catch {
            throw finding("the engine failed with another error: \(error)")
        }
    }

    /// Where our reader and the engine differ about rows, and names and ids of columns; nil when they agree, or the engine
    /// reads nothing.
    private func disagreement(_ footer: ParquetFooter) throws -> String? {
        let file = SQL.literal(path)
        let rows: Int64?
        let columns: [String]
        do {
            rows = try connection.query("SELECT num_rows FROM parquet_file_metadata(\(file))").rows.first?[0].integer
            var nodes = try connection.query(
                "SELECT name, field_id, num_children FROM parquet_schema(\(file))", rowsMax: .max
            ).rows[...]
            guard let root = nodes.popFirst() else { return nil }
            columns = Self.columns(&nodes, root[2].integer ?? 0)
        } catch is EngineError {
            return nil
        }
        guard rows == footer.rowCount else {
            return "our reader sees \(footer.rowCount) rows, and the engine \(rows.map(String.init) ?? "none")"
        }
        let ours = footer.columns.map { "\($0.name) \($0.fieldID.map(String.init) ?? "")" }
        guard ours == columns else { return "our reader sees columns \(ours), and the engine \(columns)" }
        return nil
    }

    /// Name and id of each of the next `count` nodes of a schema, which is listed parents first.
    private static func columns(_ nodes: inout ArraySlice<[Value]>, _ count: Int64) -> [String] {
        var found: [String] = []
        for _ in 0..<count {
            guard let node = nodes.popFirst() else { break }
            found.append("\(node[0].string ?? "") \(node[1].integer.map(String.init) ?? "")")
            _ = columns(&nodes, node[2].integer ?? 0)
        }
        return found
    }

    private func finding(_ objection: String) -> Finding {
        Finding(description: "seed \(seed), case \(tally.cases): \(objection); the file is \(path)")
    }
}

/// A Parquet file taken apart, so that a part can be changed and the rest still fits around it.
struct ParquetParts {
    /// From the beginning to the footer.
    var pages: [UInt8]
    var footer: [UInt8]

    static let magic = Array("PAR1".utf8)

    init(pages: [UInt8] = magic, footer: [UInt8]) {
        (self.pages, self.footer) = (pages, footer)
    }

    /// The parts of a whole file.
    init(_ file: [UInt8]) throws {
        let length = file.dropLast(4).suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard file.count >= length + 12, file.suffix(4) == Self.magic[...] else {
            throw ParquetFuzz.Finding(description: "a seed is no Parquet file")
        }
        pages = Array(file.dropLast(length + 8))
        footer = Array(file.dropLast(8).suffix(length))
    }

    /// The file, with the footer's length as it should be.
    var file: [UInt8] {
        pages + footer + (0..<4).map { UInt8(truncatingIfNeeded: footer.count >> (8 * $0)) } + Self.magic
    }
}
