/// Cuts bytes into one row at a time. Free of I/O: it is given what is at hand, and asks for more.
struct RowSplitter {
    enum Cut: Equatable {
        /// The row goes on behind the bytes given.
        case more
        /// A row without content, `length` bytes with its line end.
        case blank(length: Int)
        /// A row of `length` bytes with its line end and `content` bytes without, over so many lines; rejected as a
        /// whole if there is a reason.
        case row(length: Int, content: Int, lines: Int, reason: Reason?)
        /// No row begins here: the line is to be rejected and the next one tried.
        case malformed(Reason)
    }

    let layout: FileLayout
    /// How many columns each row must have; nil while that is not known.
    var width: Int?
    private let paths: JSONPaths

    init(layout: FileLayout, columns: [String] = [], lists: [ListColumns] = []) {
        self.layout = layout
        paths = JSONPaths(columns: columns, lists: lists)
    }

    /// Cuts the first row off `bytes` and reads its cells.
    /// - Parameter atEnd: whether the file ends behind `bytes`.
    func cut(_ bytes: UnsafeBufferPointer<UInt8>, atEnd: Bool, into row: inout Row) -> Cut {
        row.clear()
        switch layout.format {
        case .csv: return cutQuoted(bytes, atEnd: atEnd, into: &row)
        case .whitespace: return cutLine(bytes, atEnd: atEnd) { line in words(line, into: &row) }
        case .ndjson:
            return cutLine(bytes, atEnd: atEnd) { line in
                guard UTF8Check.isValid(line) else { return .badUTF8 }
                return paths.read(line, into: &row) ? nil : .notJSON
            }
        }
    }

    /// Appends what the row says, independent of line ends, quoting and the delimiter: two rows have equal content
    /// exactly when all their cells are equal.
    func appendContent(of row: Row, _ bytes: UnsafeBufferPointer<UInt8>, to content: inout [UInt8]) {
        guard layout.format != .ndjson else {
            content.append(contentsOf: bytes)
            return
        }
        row.text.withUnsafeBufferPointer { text in
            for cell in row.cells {
                withUnsafeBytes(of: UInt32(cell.end - cell.start).littleEndian) { content.append(contentsOf: $0) }
                content.append(contentsOf: UnsafeBufferPointer(rebasing: text[Int(cell.start)..<Int(cell.end)]))
            }
        }
    }

    private func cutLine(
        _ bytes: UnsafeBufferPointer<UInt8>, atEnd: Bool, _ read: (UnsafeBufferPointer<UInt8>) -> Reason?
    ) -> Cut {
        let end = bytes.firstIndex(of: 0x0a)
        guard end != nil || atEnd else { return .more }
        let length = end.map { $0 + 1 } ?? bytes.count
        var content = end ?? bytes.count
        if content > 0, bytes[content - 1] == 0x0d { content -= 1 }
        let line = UnsafeBufferPointer(rebasing: bytes[0..<content])
        if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { return .blank(length: length) }
        return .row(length: length, content: content, lines: 1, reason: read(line))
    }

    private func words(_ line: UnsafeBufferPointer<UInt8>, into row: inout Row) -> Reason? {
        var at = 0
        while true {
            while at < line.count, line[at] == 0x20 || line[at] == 0x09 { at += 1 }
            if at == line.count { break }
            let start = at
            while at < line.count, line[at] != 0x20, line[at] != 0x09 { at += 1 }
            guard row.cells.count < ImportLimits.columns else { return .notARow }
            guard at - start <= ImportLimits.fieldBytes else { return .tooLarge }
            let cell = row.text.count
            row.text.append(contentsOf: UnsafeBufferPointer(rebasing: line[start..<at]))
            row.closeCell(from: cell)
        }
        if let width, row.cells.count != width { return .notARow }
        return decode(line, &row)
    }

    // RFC 4180, and what files in the wild add: any line end, a quote inside an unquoted field is itself.
    private func cutQuoted(_ bytes: UnsafeBufferPointer<UInt8>, atEnd: Bool, into row: inout Row) -> Cut {
        var at = 0
        var lines = 1
        var isLong = false
        if let blank = blank(bytes, atEnd: atEnd) { return blank }
        while true {
            guard row.cells.count < ImportLimits.columns else { return .malformed(.notARow) }
            let cell = row.text.count
            if at < bytes.count, bytes[at] == layout.quote {
                at += 1
                switch quoted(bytes, &at, atEnd: atEnd, &lines, into: &row) {
                case .open: return atEnd ? .malformed(.notARow) : .more
                case .tooManyLines: return .malformed(.notARow)
                case .closed: break
                }
            } else {
                let start = at
                while at < bytes.count, bytes[at] != layout.delimiter, bytes[at] != 0x0a { at += 1 }
                if at == bytes.count, !atEnd { return .more }
                var end = at
                if end > start, bytes[end - 1] == 0x0d, at == bytes.count || bytes[at] == 0x0a { end -= 1 }
                row.text.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<end]))
            }
            if row.text.count - cell > ImportLimits.fieldBytes { isLong = true }
            row.closeCell(from: cell)
            if at < bytes.count, bytes[at] == layout.delimiter {
                at += 1
                if at == bytes.count, !atEnd { return .more }
                continue
            }
            guard let end = lineEnd(bytes, at, atEnd: atEnd) else {
                return at == bytes.count || (at + 1 == bytes.count && bytes[at] == 0x0d) ? .more : .malformed(.notARow)
            }
            var content = at
            // The unquoted branch has already passed the CR of its line end.
            if content > 0, bytes[content - 1] == 0x0d { content -= 1 }
            if let width, row.cells.count != width { return .malformed(.notARow) }
            let reason = isLong ? .tooLarge : decode(UnsafeBufferPointer(rebasing: bytes[0..<content]), &row)
            return .row(length: end, content: content, lines: lines, reason: reason)
        }
    }

    private func blank(_ bytes: UnsafeBufferPointer<UInt8>, atEnd: Bool) -> Cut? {
        guard let first = bytes.first else { return atEnd ? .blank(length: 0) : .more }
        if first == 0x0a { return .blank(length: 1) }
        guard first == 0x0d else { return nil }
        if bytes.count == 1 { return atEnd ? .blank(length: 1) : .more }
        return bytes[1] == 0x0a ? .blank(length: 2) : nil
    }

    private enum Quoted { case closed, open, tooManyLines }

    /// Reads a field behind its opening quote, up to behind its closing one.
    private func quoted(
        _ bytes: UnsafeBufferPointer<UInt8>, _ at: inout Int, atEnd: Bool, _ lines: inout Int, into row: inout Row
    ) -> Quoted {
        var start = at
        while at < bytes.count {
            let byte = bytes[at]
            if byte == 0x0a {
                lines += 1
                if lines > ImportLimits.rowLines { return .tooManyLines }
                // CRLF inside a field becomes LF, so that a file says the same with either line end.
                if at > start, bytes[at - 1] == 0x0d {
                    row.text.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<at - 1]))
                    start = at
                }
            } else if byte == layout.quote {
                row.text.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<at]))
                at += 1
                guard at < bytes.count else { return atEnd ? .closed : .open }
                guard bytes[at] == layout.quote else { return .closed }
                // A doubled quote is one quote, and the next run begins with it.
                start = at
            }
            at += 1
        }
        return .open
    }

    /// Where the row ends when its last field ended at `at`; nil when it does not end there, or not yet.
    private func lineEnd(_ bytes: UnsafeBufferPointer<UInt8>, _ at: Int, atEnd: Bool) -> Int? {
        if at == bytes.count { return atEnd ? at : nil }
        if bytes[at] == 0x0a { return at + 1 }
        guard bytes[at] == 0x0d else { return nil }
        if at + 1 == bytes.count { return atEnd ? at + 1 : nil }
        return bytes[at + 1] == 0x0a ? at + 2 : nil
    }

    /// Makes UTF-8 of the row's text.
    private func decode(_ bytes: UnsafeBufferPointer<UInt8>, _ row: inout Row) -> Reason? {
        if UTF8Check.isASCII(bytes) { return nil }
        switch layout.encoding {
        case .utf8: return UTF8Check.isValid(bytes) ? nil : .badUTF8
        case .latin1: break
        case .auto: if UTF8Check.isValid(bytes) { return nil }
        }
        let old = row.text
        row.text.removeAll(keepingCapacity: true)
        for index in row.cells.indices {
            let start = row.text.count
            for byte in old[Int(row.cells[index].start)..<Int(row.cells[index].end)] {
                if byte < 0x80 {
                    row.text.append(byte)
                } else {
                    row.text.append(0xc0 | byte >> 6)
                    row.text.append(0x80 | byte & 0x3f)
                }
            }
            row.cells[index].start = Int32(truncatingIfNeeded: start)
            row.cells[index].end = Int32(truncatingIfNeeded: row.text.count)
        }
        return nil
    }
}

/// Whether bytes are text.
enum UTF8Check {
    static func isASCII(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var all: UInt8 = 0
        for byte in bytes { all |= byte }
        return all < 0x80
    }

    /// Whether the bytes are well-formed UTF-8: shortest forms, no surrogates, nothing beyond U+10FFFF.
    static func isValid(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        if isASCII(bytes) { return true }
        var at = 0
        while at < bytes.count {
            let lead = bytes[at]
            at += 1
            if lead < 0x80 { continue }
            let following: Int
            // The second byte's range is narrower for some leads; the others' is 80 to BF.
            var least: UInt8 = 0x80
            var most: UInt8 = 0xbf
            switch lead {
            case 0xc2...0xdf: following = 1
            case 0xe0...0xef:
                following = 2
                if lead == 0xe0 { least = 0xa0 }
                if lead == 0xed { most = 0x9f }
            case 0xf0...0xf4:
                following = 3
                if lead == 0xf0 { least = 0x90 }
                if lead == 0xf4 { most = 0x8f }
            default: return false
            }
            guard at + following <= bytes.count, bytes[at] >= least, bytes[at] <= most else { return false }
            for next in at + 1..<at + following where bytes[next] & 0xc0 != 0x80 { return false }
            at += following
        }
        return true
    }
}
