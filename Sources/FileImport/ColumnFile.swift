/// A delimited file whose header says what its columns are: for lists that make no events, such as a shop's products.
///
/// It is read by the same rules and within the same bounds (`ImportLimits`) as files that a mapping describes: RFC 4180
/// with any line end, in UTF-8. The columns are set apart by commas, semicolons or tabs, whichever make most of the header.
public struct ColumnFile {
    /// A row of the file.
    public enum Step: Equatable, Sendable {
        /// The fields in the order of the columns that were picked, without blanks around them.
        case row([String])
        /// A line that is no row of this file, and why.
        case rejected(String)
    }

    /// The file.
    public let path: String
    /// The names in the header, in its order.
    public let columns: [String]
    /// The size of the file in bytes.
    public let size: Int64
    /// The line that the last row began on, counted from one.
    public var line: Int { reader.firstLine }

    private var reader: RowReader
    private var row = Row()
    private var picked: [Int] = []

    /// Opens a file and reads its header.
    /// - Throws: `ImportError` when it cannot be read or has no header.
    public init(path: String) throws {
        let layouts = [",", ";", "\t"].map { (delimiter: Character) in
            FileLayout(delimiter: delimiter.asciiValue ?? 0x2c)
        }
        var best = try RowReader.open(path, layouts[0])
        for layout in layouts.dropFirst() {
            // A header that is none with this delimiter may be one with another.
            guard let other = try? RowReader.open(path, layout), other.names.count > best.names.count else { continue }
            best = other
        }
        self.path = path
        columns = best.names
        reader = best.reader
        size = best.reader.blocks.size
    }

    /// Says which columns rows are to have, by their places in `columns`.
    public mutating func pick(_ places: [Int]) {
        precondition(places.allSatisfy(columns.indices.contains), "a column that the file does not have")
        picked = places
    }

    /// The next row; nil at the end of the file.
    /// - Throws: `ImportError` when the file cannot be read on.
    public mutating func next() throws -> Step? {
        guard let step = try reader.next(into: &row) else { return nil }
        switch step {
        case .row: return .row(picked.map { RowReader.trimmed(row.string($0)) })
        case .rejected(.tooLarge):
            return .rejected(
                "it has more than \(ImportLimits.rowBytes) bytes, or a field of more than \(ImportLimits.fieldBytes)")
        case .rejected(.badUTF8): return .rejected("it is not UTF-8: save the file as UTF-8")
        case .rejected:
            return .rejected("it has not \(columns.count) columns as the header has, or a quote without its other one")
        }
    }
}
