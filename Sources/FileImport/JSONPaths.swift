/// Reads the named columns out of one JSON object: `customer.id` is the member `id` of the member `customer`.
struct JSONPaths: Sendable {
    private struct Branch: Sendable {
        var members: [(key: [UInt8], branch: Int)] = []
        var column: Int?
        var list: Int?
    }

    private var branches: [Branch] = [Branch()]
    private var listRoots: [Int] = []
    private let columnCount: Int
    private let listWidths: [Int]

    init(columns: [String], lists: [ListColumns]) {
        columnCount = columns.count
        listWidths = lists.map(\.names.count)
        for (index, name) in columns.enumerated() { branches[branch(from: 0, name)].column = index }
        for (index, list) in lists.enumerated() {
            branches[branch(from: 0, list.path)].list = index
            branches.append(Branch())
            let root = branches.count - 1
            listRoots.append(root)
            for (column, name) in list.names.enumerated() { branches[branch(from: root, name)].column = column }
        }
    }

    private mutating func branch(from root: Int, _ path: String) -> Int {
        var at = root
        for key in path.split(separator: ".", omittingEmptySubsequences: false).map({ Array($0.utf8) }) {
            if let next = branches[at].members.first(where: { $0.key == key }) {
                at = next.branch
            } else {
                branches.append(Branch())
                branches[at].members.append((key, branches.count - 1))
                at = branches.count - 1
            }
        }
        return at
    }

    /// Reads a line of valid UTF-8; false when it is not exactly one JSON object.
    func read(_ line: UnsafeBufferPointer<UInt8>, into row: inout Row) -> Bool {
        row.cells.append(contentsOf: repeatElement(.missing, count: columnCount))
        if row.lists.count != listWidths.count { row.lists = Array(repeating: [], count: listWidths.count) }
        var reader = Reader(paths: self, bytes: line, row: row)
        // The reader owns the row meanwhile, so that its buffers are not copied.
        row = Row()
        reader.skipSpace()
        let done =
            reader.peek == UInt8(ascii: "{") && reader.object(branch: 0, base: 0, list: nil, depth: 0)
            && reader.isAtEnd
        row = reader.row
        return done
    }

    private struct Reader {
        let paths: JSONPaths
        let bytes: UnsafeBufferPointer<UInt8>
        var row: Row
        var at = 0
        var key: [UInt8] = []

        init(paths: JSONPaths, bytes: UnsafeBufferPointer<UInt8>, row: Row) {
            self.paths = paths
            self.bytes = bytes
            self.row = row
        }

        var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

        var isAtEnd: Bool {
            mutating get {
                skipSpace()
                return at == bytes.count
            }
        }

        mutating func skipSpace() {
            while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x09 || bytes[at] == 0x0d { at += 1 }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            guard at < bytes.count, bytes[at] == byte else { return false }
            at += 1
            return true
        }

        mutating func object(branch: Int?, base: Int, list: Int?, depth: Int) -> Bool {
            guard depth < ImportLimits.jsonDepth, take(UInt8(ascii: "{")) else { return false }
            skipSpace()
            if take(UInt8(ascii: "}")) { return true }
            while true {
                skipSpace()
                let start = row.text.count
                guard string() else { return false }
                var next: Int?
                if let branch {
                    for member in paths.branches[branch].members where row.text[start...].elementsEqual(member.key) {
                        next = member.branch
                    }
                }
                row.text.removeSubrange(start...)
                skipSpace()
                guard take(UInt8(ascii: ":")), value(branch: next, base: base, list: list, depth: depth + 1) else {
                    return false
                }
                skipSpace()
                if take(UInt8(ascii: ",")) { continue }
                return take(UInt8(ascii: "}"))
            }
        }

        mutating func array(branch: Int?, depth: Int) -> Bool {
            guard depth < ImportLimits.jsonDepth, take(UInt8(ascii: "[")) else { return false }
            let list = branch.flatMap { paths.branches[$0].list }
            // A repeated key replaces the list that came before.
            if let list { row.lists[list].removeAll(keepingCapacity: true) }
            skipSpace()
            if take(UInt8(ascii: "]")) { return true }
            while true {
                skipSpace()
                var base = 0
                var root: Int?
                if let list {
                    base = row.lists[list].count
                    root = paths.listRoots[list]
                    let kind = peek == UInt8(ascii: "{") ? Row.Cell.Kind.missing : .other
                    row.lists[list].append(
                        contentsOf: repeatElement(
                            Row.Cell(kind: kind, start: 0, end: 0), count: paths.listWidths[list]))
                }
                guard value(branch: root, base: base, list: list, depth: depth + 1) else { return false }
                skipSpace()
                if take(UInt8(ascii: ",")) { continue }
                return take(UInt8(ascii: "]"))
            }
        }

        mutating func value(branch: Int?, base: Int, list: Int?, depth: Int) -> Bool {
            skipSpace()
            guard let first = peek else { return false }
            let start = row.text.count
            let kind: Row.Cell.Kind
            switch first {
            case UInt8(ascii: "{"):
                kind = .other
                guard object(branch: branch, base: base, list: list, depth: depth) else { return false }
            case UInt8(ascii: "["):
                kind = .other
                guard array(branch: branch, depth: depth) else { return false }
            case UInt8(ascii: "\""):
                kind = .text
                guard string() else { return false }
            case UInt8(ascii: "t"), UInt8(ascii: "f"):
                kind = .boolean
                guard word("true") || word("false") else { return false }
            case UInt8(ascii: "n"):
                kind = .missing
                guard word("null") else { return false }
            default:
                kind = .number
                guard number() else { return false }
            }
            guard let branch, let column = paths.branches[branch].column else { return true }
            let isValue = kind == .text || kind == .number || kind == .boolean
            let cell = Row.Cell(
                kind: kind, start: isValue ? Int32(truncatingIfNeeded: start) : 0,
                end: isValue ? Int32(truncatingIfNeeded: row.text.count) : 0)
            if let list { row.lists[list][base + column] = cell } else { row.cells[column] = cell }
            return true
        }

        mutating func word(_ word: StaticString) -> Bool {
            guard at + word.utf8CodeUnitCount <= bytes.count else { return false }
            for index in 0..<word.utf8CodeUnitCount where bytes[at + index] != word.utf8Start[index] { return false }
            row.text.append(contentsOf: bytes[at..<at + word.utf8CodeUnitCount])
            at += word.utf8CodeUnitCount
            return true
        }

        mutating func number() -> Bool {
            let start = at
            _ = take(UInt8(ascii: "-"))
            if !take(UInt8(ascii: "0")), !digits() { return false }
            if take(UInt8(ascii: ".")), !digits() { return false }
            if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
                _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
                guard digits() else { return false }
            }
            row.text.append(contentsOf: bytes[start..<at])
            return true
        }

        mutating func digits() -> Bool {
            let start = at
            while at < bytes.count, bytes[at] &- 48 < 10 { at += 1 }
            return at > start
        }

        mutating func string() -> Bool {
            guard take(UInt8(ascii: "\"")) else { return false }
            while at < bytes.count {
                let byte = bytes[at]
                if byte < 0x20 { return false }
                at += 1
                if byte == UInt8(ascii: "\"") { return true }
                if byte != UInt8(ascii: "\\") {
                    row.text.append(byte)
                } else if !escape() {
                    return false
                }
            }
            return false
        }

        private mutating func escape() -> Bool {
            guard let letter = peek else { return false }
            at += 1
            switch letter {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): row.text.append(letter)
            case UInt8(ascii: "b"): row.text.append(0x08)
            case UInt8(ascii: "f"): row.text.append(0x0c)
            case UInt8(ascii: "n"): row.text.append(0x0a)
            case UInt8(ascii: "r"): row.text.append(0x0d)
            case UInt8(ascii: "t"): row.text.append(0x09)
            case UInt8(ascii: "u"):
                guard var code = hex() else { return false }
                if (0xd800...0xdbff).contains(code) {
                    // The upper half of a pair; halves alone are no text.
                    guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")), let low = hex(),
                        (0xdc00...0xdfff).contains(low)
                    else { return false }
                    code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
                }
                guard let scalar = Unicode.Scalar(code) else { return false }
                row.text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            default: return false
            }
            return true
        }

        private mutating func hex() -> UInt32? {
            guard at + 4 <= bytes.count else { return nil }
            var code: UInt32 = 0
            for _ in 0..<4 {
                let byte = bytes[at]
                switch byte {
                case 48...57: code = code << 4 | UInt32(byte - 48)
                case 65...70: code = code << 4 | UInt32(byte - 55)
                case 97...102: code = code << 4 | UInt32(byte - 87)
                default: return nil
                }
                at += 1
            }
            return code
        }
    }
}
