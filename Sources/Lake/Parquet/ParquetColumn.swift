import Events

/// Collects the values of one leaf of a file: pages of a row group, compressed as they fill up, its dictionary and its
/// statistics.
///
/// Values are given a batch at a time. A column of few distinct values is written as codes into a dictionary; one that
/// turns out to have many goes on plain, also in later files, since a table's columns do not change their nature.
final class ParquetColumn {
    /// Bytes of plain values at which a page ends.
    static let pageBytes = 1 << 20
    /// Values at which a page ends.
    static let pageValues = 32_768
    /// Values of a row group after which a dictionary must have proved itself.
    private static let trialValues = 2_048

    let leaf: ParquetSchema.Leaf
    /// Statistics of the row groups that are closed.
    private(set) var statistics = ParquetStatistics()
    /// Compressed bytes of the row groups that are closed, headers included.
    private(set) var bytesInFile = 0

    private let physical: ParquetSchema.Physical
    private let countsBounds: Bool
    private var group = ParquetStatistics()
    private var dictionary: ParquetDictionary?
    /// Whether the row group goes on with codes.
    private var isCoding = false
    /// Whether an earlier row group was not worth a dictionary.
    private var isPlain: Bool
    private var hasCodedPages = false

    // The page that is being filled.
    private let values = ByteRoom(capacity: 64 << 10)
    private let codes = ByteRoom(capacity: 64 << 10)
    private var codeCount = 0
    private let definitions = ByteRoom()
    private let repetitions = ByteRoom()
    private var entries = 0

    private let head = ByteRoom(capacity: 64 << 10)

    /// The row group's pages.
    private let pages: ParquetPages

    /// - Parameters:
    ///   - hasManyValues: the values are known to be nearly all different: no dictionary is tried.
    ///   - countsBounds: whether the smallest and the largest value are of use to anybody.
    init(_ leaf: ParquetSchema.Leaf, _ codec: ParquetCodec, hasManyValues: Bool, countsBounds: Bool) {
        self.leaf = leaf
        pages = ParquetPages(codec)
        self.countsBounds = countsBounds
        physical = leaf.physical
        switch physical {
        case .boolean, .fixed: isPlain = true
        default: isPlain = hasManyValues
        }
        beginGroup()
    }

    /// Bytes of the row group so far, as far as they are compressed.
    var bytesHeld: Int { pages.bytes.count }

    private func beginGroup() {
        group = ParquetStatistics()
        isCoding = !isPlain
        if isCoding {
            let dictionary = dictionary ?? ParquetDictionary()
            dictionary.removeAll()
            self.dictionary = dictionary
        } else {
            dictionary = nil
        }
        hasCodedPages = false
        pages.removeAll()
    }

    // MARK: - Levels

    /// Notes, for rows outside of lists, which of them have a value; returns how many do.
    private func addLevels(_ rows: Int, _ presence: UnsafePointer<FieldSet>?, _ bit: FieldSet) -> Int {
        entries += rows
        group.values += rows
        guard leaf.definitionMax > 0 else { return rows }
        definitions.reserve(rows)
        let levels = definitions.end
        definitions.count += rows
        guard let presence else {
            levels.update(repeating: 1, count: rows)
            return rows
        }
        var present = 0
        for row in 0..<rows {
            let level: UInt8 = presence[row] & bit != 0 ? 1 : 0
            levels[row] = level
            present &+= Int(level)
        }
        group.nulls += rows - present
        return present
    }

    /// Notes the levels of a list's inside: one entry an element, or one for a list without elements.
    func addLevels(repetitions: ByteRoom, definitions: ByteRoom, nulls: Int) {
        self.repetitions.append(repetitions)
        self.definitions.append(definitions)
        entries += definitions.count
        group.values += definitions.count
        group.nulls += nulls
    }

    // MARK: - Strings

    /// Appends strings of rows, of which only those with `bit` have one where `presence` is given.
    func append(
        _ strings: UnsafePointer<StringRef>, _ rows: Int, _ presence: UnsafePointer<FieldSet>? = nil,
        _ bit: FieldSet = 0
    ) {
        _ = addLevels(rows, presence, bit)
        appendValues(strings, rows, presence, bit)
        endBatch()
    }

    /// Appends the strings of a list's inside, whose levels were given before.
    func appendInside(_ strings: UnsafePointer<StringRef>, _ count: Int) {
        appendValues(strings, count, nil, 0)
        endBatch()
    }

    private func appendValues(
        _ strings: UnsafePointer<StringRef>, _ rows: Int, _ presence: UnsafePointer<FieldSet>?, _ bit: FieldSet
    ) {
        var done = 0
        if isCoding, let dictionary {
            codes.reserve(rows * 4)
            let found = codes.end.withMemoryRebound(to: UInt32.self, capacity: rows) {
                dictionary.encode(strings, rows, presence, bit, to: $0)
            }
            codes.count += found.codes * 4
            codeCount += found.codes
            done = found.rows
            if done == rows { return }
            goOnPlain()
        }
        appendPlain(strings + done, rows - done, presence.map { $0 + done }, bit)
    }

    private func appendPlain(
        _ strings: UnsafePointer<StringRef>, _ rows: Int, _ presence: UnsafePointer<FieldSet>?, _ bit: FieldSet
    ) {
        var bounds = StringBounds()
        let prefix = physical == .bytes ? 4 : 0
        var total = 0
        for row in 0..<rows where presence.map({ $0[row] & bit != 0 }) ?? true {
            total &+= strings[row].count &+ prefix
        }
        values.reserve(total + ByteRoom.slack)
        var out = values.end
        for row in 0..<rows where presence.map({ $0[row] & bit != 0 }) ?? true {
            let value = strings[row]
            if prefix != 0 {
                UnsafeMutableRawPointer(out).storeBytes(of: UInt32(truncatingIfNeeded: value.count), as: UInt32.self)
                out += 4
            }
            ParquetColumn.copy(value.start, value.count, to: out)
            out += value.count
            if countsBounds { bounds.count(value.start, value.count) }
        }
        values.count = out - values.start
        if countsBounds { group.count(bounds) }
    }

    /// Copies in steps of 32 bytes, past the end, for which both sides have room: most strings are short.
    @inline(__always)
    private static func copy(_ from: UnsafePointer<UInt8>, _ count: Int, to: UnsafeMutablePointer<UInt8>) {
        let source = UnsafeRawPointer(from)
        let target = UnsafeMutableRawPointer(to)
        guard count <= 64 else { return target.copyMemory(from: source, byteCount: count) }
        var at = 0
        repeat {
            target.storeBytes(
                of: source.loadUnaligned(fromByteOffset: at, as: SIMD32<UInt8>.self), toByteOffset: at,
                as: SIMD32<UInt8>.self)
            at &+= 32
        } while at < count
    }

    /// Appends strings of rows that all have one, as they stand in a plain page: each after its length. The bytes are
    /// followed by 64 readable ones.
    func append(plain bytes: UnsafePointer<UInt8>, _ count: Int, _ rows: Int) {
        precondition(!isCoding && !countsBounds && physical == .bytes, "bytes for a column of counted strings")
        _ = addLevels(rows, nil, 0)
        if !pages.compressAtOnce(bytes, count) { values.append(UnsafeRawPointer(bytes), count) }
        endBatch()
    }

    // MARK: - Numbers

    /// Appends numbers of rows: integers, unscaled decimals, instants, booleans as 0 and 1, bit patterns of floating
    /// point.
    func append(
        _ numbers: UnsafePointer<Int64>, _ rows: Int, _ presence: UnsafePointer<FieldSet>? = nil, _ bit: FieldSet = 0
    ) {
        let present = addLevels(rows, presence, bit)
        let presence = present == rows ? nil : presence
        if countsBounds {
            if let presence {
                group.count(numbers: numbers, rows, presence, bit)
            } else {
                group.count(numbers: numbers, rows)
            }
        }
        appendValues(numbers, rows, presence, bit)
        endBatch()
    }

    /// Appends the numbers of a list's inside, whose levels were given before.
    func appendInside(_ numbers: UnsafePointer<Int64>, _ count: Int) {
        if countsBounds { group.count(numbers: numbers, count) }
        appendValues(numbers, count, nil, 0)
        endBatch()
    }

    private var width: Int {
        switch physical {
        case .int32, .float: 4
        case .boolean: 1
        default: 8
        }
    }

    private func appendValues(
        _ numbers: UnsafePointer<Int64>, _ rows: Int, _ presence: UnsafePointer<FieldSet>?, _ bit: FieldSet
    ) {
        var done = 0
        if isCoding, let dictionary {
            codes.reserve(rows * 4)
            let found = codes.end.withMemoryRebound(to: UInt32.self, capacity: rows) {
                dictionary.encode(numbers, rows, presence, bit, bytes: width, to: $0)
            }
            codes.count += found.codes * 4
            codeCount += found.codes
            done = found.rows
            if done == rows { return }
            goOnPlain()
        }
        values.reserve((rows - done) * width)
        switch width {
        case 1: appendPlain(numbers, done..<rows, presence, bit, as: UInt8.self)
        case 4: appendPlain(numbers, done..<rows, presence, bit, as: Int32.self)
        default:
            if presence == nil {
                values.append(UnsafeRawPointer(numbers + done), (rows - done) * 8)
            } else {
                appendPlain(numbers, done..<rows, presence, bit, as: Int64.self)
            }
        }
    }

    @inline(__always)
    private func appendPlain<Number: FixedWidthInteger>(
        _ numbers: UnsafePointer<Int64>, _ rows: Range<Int>, _ presence: UnsafePointer<FieldSet>?, _ bit: FieldSet,
        as type: Number.Type
    ) {
        var out = UnsafeMutableRawPointer(values.end)
        for row in rows {
            if let presence, presence[row] & bit == 0 { continue }
            out.storeBytes(of: Number(truncatingIfNeeded: numbers[row]), as: Number.self)
            out += MemoryLayout<Number>.size
        }
        values.count = out - UnsafeMutableRawPointer(values.start)
    }

    // MARK: - Pages

    private func endBatch() {
        if isCoding, let dictionary, group.values - group.nulls >= ParquetColumn.trialValues,
            dictionary.count * 5 > (group.values - group.nulls) * 2
        {
            goOnPlain()
        }
        if values.count + pages.elementBytes >= ParquetColumn.pageBytes || entries >= ParquetColumn.pageValues {
            endPage()
        }
    }

    /// Writes the page's codes out as values, and goes on without a dictionary.
    private func goOnPlain() {
        guard isCoding, let dictionary else { return }
        isCoding = false
        isPlain = true
        codes.start.withMemoryRebound(to: UInt32.self, capacity: codeCount) { codes in
            for index in 0..<codeCount {
                if physical == .bytes {
                    dictionary.appendValue(of: codes[index], to: values)
                } else {
                    dictionary.appendNumber(of: codes[index], bytes: width, to: values)
                }
            }
        }
        codes.removeAll()
        codeCount = 0
        if countsBounds, physical == .bytes { countEntries(dictionary) }
    }

    /// The bounds of a dictionary's strings are those of the values.
    private func countEntries(_ dictionary: ParquetDictionary) {
        var bounds = StringBounds()
        dictionary.forEachString { bounds.count($0, $1) }
        group.count(bounds)
    }

    private func endPage() {
        guard entries > 0 else { return }
        head.removeAll(keeping: ParquetPages.keptBytes)
        if leaf.repetitionMax > 0 { addLevelsToPage(repetitions, leaf.repetitionMax) }
        if leaf.definitionMax > 0 { addLevelsToPage(definitions, leaf.definitionMax) }
        if isCoding, let dictionary {
            hasCodedPages = true
            let width = dictionary.codeWidth
            head.append(UInt8(width))
            codes.start.withMemoryRebound(to: UInt32.self, capacity: codeCount) {
                RunLength.encode($0, codeCount, width: width, to: head)
            }
        } else if physical == .boolean {
            appendBits()
            values.removeAll()
        }
        pages.add(head, values, entries: entries, isCoded: isCoding)
        values.removeAll(keeping: ParquetPages.keptBytes)
        codes.removeAll()
        codeCount = 0
        definitions.removeAll()
        repetitions.removeAll()
        entries = 0
    }

    private func addLevelsToPage(_ levels: ByteRoom, _ highest: UInt8) {
        let at = head.count
        head.append(UInt32(0))
        RunLength.encode(levels.start, levels.count, width: 8 - highest.leadingZeroBitCount, to: head)
        UnsafeMutableRawPointer(head.start + at).storeBytes(of: UInt32(head.count - at - 4), as: UInt32.self)
    }

    private func appendBits() {
        var byte: UInt8 = 0
        for index in 0..<values.count {
            byte |= (values.start[index] & 1) << UInt8(index & 7)
            if index & 7 == 7 || index == values.count - 1 {
                head.append(byte)
                byte = 0
            }
        }
    }

    // MARK: - Row groups

    /// What a file's footer says of a column's part of a row group.
    struct Chunk {
        let leaf: ParquetSchema.Leaf
        let codec: Int
        let statistics: ParquetStatistics
        let encodings: [Int]
        let dictionaryOffset: Int?
        let dataOffset: Int
        let uncompressedBytes: Int
        let compressedBytes: Int
    }

    /// Ends the row group and appends it to a file.
    func endGroup(to file: FileBytes) -> Chunk {
        if isCoding, countsBounds, physical == .bytes, let dictionary { countEntries(dictionary) }
        endPage()
        let start = file.count
        var encodings = [0, 3]
        var dictionaryOffset: Int?
        if hasCodedPages, let dictionary {
            dictionaryOffset = start
            encodings = [0, 3, 8]
            file.append(pages.dictionaryPage(dictionary))
        }
        let dataOffset = file.count
        file.append(pages.bytes)
        let chunk = Chunk(
            leaf: leaf, codec: pages.codec.number, statistics: group, encodings: encodings,
            dictionaryOffset: dictionaryOffset,
            dataOffset: dataOffset, uncompressedBytes: pages.uncompressedBytes, compressedBytes: file.count - start)
        statistics.merge(group)
        bytesInFile += chunk.compressedBytes
        beginGroup()
        return chunk
    }

    /// Forgets what belongs to the file that was written.
    func endFile() {
        statistics = ParquetStatistics()
        bytesInFile = 0
    }

    /// Forgets everything since the last file.
    func discard() {
        values.removeAll(keeping: ParquetPages.keptBytes)
        codes.removeAll()
        codeCount = 0
        definitions.removeAll()
        repetitions.removeAll()
        entries = 0
        beginGroup()
        endFile()
    }
}
