/// Reads a file row by row. A line that is no row costs itself and nothing else: reading goes on with the next line.
struct RowReader {
    enum Step: Equatable {
        /// The row is read.
        case row
        /// The row, or the line, is to be rejected.
        case rejected(Reason)
    }

    private(set) var blocks: FileBlocks
    private(set) var splitter: RowSplitter
    /// The line the last row began on, counted from one.
    private(set) var firstLine = 0
    /// The line the last row ended on.
    private(set) var lastLine = 0
    /// How many rows and rejected lines were read, blank ones and the header apart.
    private(set) var rows = 0
    private var lines = 0
    /// The last row's bytes: how many, or a copy when they are no longer at hand.
    private var content = 0
    private var length = 0
    private var copy: [UInt8]?

    /// Opens a file and reads its header.
    /// - Returns: the reader, and for each column that the mapping names its place in a row.
    static func open(_ path: String, _ mapping: Mapping) throws -> (reader: RowReader, places: [Int]) {
        let splitter = RowSplitter(layout: mapping.layout, columns: mapping.columns, lists: mapping.lists)
        var reader = RowReader(blocks: try FileBlocks(path: path), splitter: splitter)
        try reader.skipMark()
        if mapping.layout.format == .ndjson { return (reader, Array(mapping.columns.indices)) }
        let names = try reader.header(
            mapping.layout, "check format, delimiter, quote and encoding in mapping \(mapping.name)")
        reader.splitter.width = names.count
        if let given = mapping.layout.columns, given.count != names.count {
            throw ImportError(
                path: path,
                problem:
                    "has \(names.count) columns where mapping \(mapping.name) names \(given.count); correct its columns or its delimiter"
            )
        }
        return (
            reader,
            try mapping.columns.map { try reader.place(of: $0, among: mapping.layout.columns ?? names, mapping) }
        )
    }

    /// Opens a file that no mapping describes, and reads its header.
    static func open(_ path: String, _ layout: FileLayout) throws -> (reader: RowReader, names: [String]) {
        var reader = RowReader(blocks: try FileBlocks(path: path), splitter: RowSplitter(layout: layout))
        try reader.skipMark()
        let names = try reader.header(layout, "save it as CSV in UTF-8")
        reader.splitter.width = names.count
        return (reader, names)
    }

    private init(blocks: FileBlocks, splitter: RowSplitter) {
        self.blocks = blocks
        self.splitter = splitter
    }

    private mutating func skipMark() throws {
        while blocks.available < 3, !blocks.isAtEnd { try blocks.fill() }
        let start = blocks.withBytes(3) { Array($0) }
        if start.starts(with: [0xff, 0xfe]) || start.starts(with: [0xfe, 0xff]) {
            throw ImportError(path: blocks.path, problem: "is UTF-16; save it as UTF-8 and import it again")
        }
        if start == [0xef, 0xbb, 0xbf] { blocks.consume(3) }
    }

    /// The names of the header; those given where the file has none.
    private mutating func header(_ layout: FileLayout, _ advice: String) throws -> [String] {
        guard layout.hasHeader else { return layout.columns ?? [] }
        var row = Row()
        guard let step = try next(into: &row) else {
            throw ImportError(path: blocks.path, problem: "is empty; a header line with column names is expected")
        }
        rows = 0
        guard step == .row else {
            throw ImportError(path: blocks.path, problem: "line \(firstLine) is not a readable header; \(advice)")
        }
        return row.cells.indices.map { RowReader.trimmed(row.string($0)) }
    }

    static func trimmed(_ name: String) -> String {
        String(name.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }

    private func place(of name: String, among names: [String], _ mapping: Mapping) throws -> Int {
        let places = names.indices.filter { names[$0] == name }
        guard places.count == 1, let place = places.first else {
            let shown = names.prefix(20).joined(separator: ", ").prefix(400)
            let problem = places.isEmpty ? "has no column '\(name)'" : "has \(places.count) columns named '\(name)'"
            throw ImportError(
                path: blocks.path,
                problem: "\(problem), which mapping \(mapping.name) reads; its columns are: \(shown)")
        }
        return place
    }

    /// Reads the next row or rejected line; nil at the end of the file.
    mutating func next(into row: inout Row) throws -> Step? {
        blocks.consume(length)
        (length, content, copy) = (0, 0, nil)
        while true {
            if blocks.available == 0 {
                if blocks.isAtEnd { return nil }
                try blocks.fill()
                continue
            }
            let window = min(blocks.available, ImportLimits.rowBytes + 2)
            let sees = blocks.isAtEnd && window == blocks.available
            switch blocks.withBytes(window, { splitter.cut($0, atEnd: sees, into: &row) }) {
            case .more:
                if window == blocks.available, window < ImportLimits.rowBytes + 2 {
                    try blocks.fill()
                } else {
                    return .rejected(try rejectLine(.notARow))
                }
            case .blank(let length):
                blocks.consume(length)
                lines += 1
            case .row(let length, let content, let lines, let reason):
                (self.length, self.content) = (length, content)
                advance(lines)
                guard content <= ImportLimits.rowBytes else { return .rejected(.tooLarge) }
                return reason.map { .rejected($0) } ?? .row
            case .malformed(let reason):
                return .rejected(try rejectLine(reason))
            }
        }
    }

    private mutating func advance(_ count: Int) {
        firstLine = lines + 1
        lines += count
        lastLine = lines
        rows += 1
    }

    /// Takes one line as the last row, whatever it holds.
    private mutating func rejectLine(_ reason: Reason) throws -> Reason {
        advance(1)
        while true {
            let window = min(blocks.available, ImportLimits.rowBytes + 2)
            if let end = blocks.withBytes(window, { $0.firstIndex(of: 0x0a) }) {
                length = end + 1
                content = blocks.withBytes(end) { $0.last == 0x0d ? end - 1 : end }
                return reason
            }
            if window == ImportLimits.rowBytes + 2 { break }
            if blocks.isAtEnd {
                (length, content) = (window, window)
                return reason
            }
            try blocks.fill()
        }
        // Longer than any row may be: keep its beginning, pass over the rest.
        copy = blocks.withBytes(ImportLimits.rejectedBytes) { Array($0) }
        while true {
            if let end = blocks.withBytes(.max, { $0.firstIndex(of: 0x0a) }) {
                blocks.consume(end + 1)
                return .tooLarge
            }
            blocks.consume(blocks.available)
            if blocks.isAtEnd { return .tooLarge }
            try blocks.fill()
        }
    }

    /// Gives the bytes of the last row as they are in the file, without its line end.
    func withRaw<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        if let copy { return try copy.withUnsafeBufferPointer(body) }
        return try blocks.withBytes(content, body)
    }

    /// Reads to the end of the file without looking for rows.
    /// - Parameter progress: called with the bytes read so far.
    /// - Returns: SHA-256 of the whole file.
    mutating func digestOfRest(_ progress: (Int64) throws -> Void) throws -> [UInt8] {
        while !blocks.isAtEnd {
            blocks.consume(blocks.available)
            length = 0
            try blocks.fill()
            try progress(blocks.bytesRead)
        }
        return blocks.digest
    }

    /// Appends what the last row says; see `RowSplitter.appendContent`.
    func appendContent(of row: Row, to content: inout [UInt8]) {
        withRaw { splitter.appendContent(of: row, $0, to: &content) }
    }

    /// A copy of the last row's bytes, at most `ImportLimits.rowBytes` of them.
    func rawBytes() -> [UInt8] {
        withRaw { Array(UnsafeBufferPointer(rebasing: $0[..<min($0.count, ImportLimits.rowBytes)])) }
    }
}
