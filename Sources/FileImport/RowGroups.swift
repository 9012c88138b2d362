/// Rows that wait for the rest of their group until the end of the file, as the bytes they were read from.
struct RowGroups {
    struct Group {
        let rule: Int
        var first: Int
        var last: Int
        var rows: Int
    }

    struct HeldRow {
        let slab: Int32
        let start: Int32
        let length: Int32
        var next: Int32
        let line: Int
        let lines: Int32
    }

    /// The bound that is reached.
    enum Full { case rows(Int), bytes }

    private static let slabBytes = 4 << 20

    /// Held behind every row, so that it is cut again exactly as it was in the file.
    static let lineEnd: [UInt8] = [0x0d, 0x0a]

    /// In the order of their first rows.
    private(set) var groups: [Group] = []
    private var index: [[UInt8]: Int] = [:]
    private var rows: [HeldRow] = []
    private var rowsOfRule: [Int]
    // Slabs instead of one array, which would be copied as a whole each time it grows.
    private var slabs: [[UInt8]] = []
    private var bytes = 0

    init(rules: Int) { rowsOfRule = Array(repeating: 0, count: rules) }

    /// Holds one row of a rule's group, given without its line end; when a bound is reached it is not
    /// held and the bound is returned.
    mutating func hold(
        _ raw: UnsafeBufferPointer<UInt8>, lines: ClosedRange<Int>, rule: Int, key: [UInt8], most: Int
    ) -> Full? {
        guard rowsOfRule[rule] < most, rows.count < Int(Int32.max) else { return .rows(min(most, Int(Int32.max))) }
        // A group costs its key and a table entry, a row its bytes and its place: small rows are not free.
        let length = raw.count + RowGroups.lineEnd.count
        bytes += length + MemoryLayout<HeldRow>.stride + key.count
        guard bytes <= ImportLimits.heldBytes else { return .bytes }
        rowsOfRule[rule] += 1
        if slabs.isEmpty || slabs[slabs.count - 1].count + length > RowGroups.slabBytes {
            var slab: [UInt8] = []
            slab.reserveCapacity(RowGroups.slabBytes)
            slabs.append(slab)
        }
        let start = slabs[slabs.count - 1].count
        slabs[slabs.count - 1].append(contentsOf: raw)
        slabs[slabs.count - 1] += RowGroups.lineEnd
        let row = rows.count
        rows.append(
            HeldRow(
                slab: Int32(slabs.count - 1), start: Int32(start), length: Int32(length), next: -1,
                line: lines.lowerBound, lines: Int32(lines.count)))
        if let group = index[key] {
            rows[groups[group].last].next = Int32(row)
            groups[group].last = row
            groups[group].rows += 1
        } else {
            index[key] = groups.count
            groups.append(Group(rule: rule, first: row, last: row, rows: 1))
        }
        return nil
    }

    /// Gives each row of a group with its `lineEnd`, in the order of the file.
    func forEachRow(of group: Group, _ body: (HeldRow, UnsafeBufferPointer<UInt8>) -> Void) {
        var at = group.first
        while at >= 0 {
            let row = rows[at]
            slabs[Int(row.slab)].withUnsafeBufferPointer { slab in
                let end = Int(row.start) + Int(row.length)
                body(row, UnsafeBufferPointer(rebasing: slab[Int(row.start)..<end]))
            }
            at = Int(row.next)
        }
    }
}
