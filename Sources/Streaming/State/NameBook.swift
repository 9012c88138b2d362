import Events

/// The texts of names that are kept by their hash: each once, up to a number of them. A name once noted stays.
package struct NameBook: ~Copyable {
    private var places = TrackedTable<NameKey, UInt32>("names", empty: .max, limitBytes: 256 << 20)
    private var texts: [String] = []
    private let most: Int
    private let label: StaticString
    private var textBytes = 0

    /// A name's hash as a key. Its highest bits are the group, as in the cells that are counted by it.
    package struct NameKey: StateKey {
        let hash: UInt64
        package static var vacant: NameKey { NameKey(hash: 0) }
        package var stateHash: UInt64 { hash & ~(~0 >> 7) | mixed(hash) >> 7 }
    }

    /// No names yet, and room for `most`.
    package init(_ label: StaticString, most: Int) {
        self.label = label
        self.most = most
    }

    /// Has the processor fetch what looking for a name looks at.
    @inline(__always)
    func prefetch(_ hash: UInt64) { places.prefetch(NameKey(hash: hash)) }

    /// Keeps a name; false when there is no room for another.
    @inline(__always)
    mutating func note(_ hash: UInt64, _ name: StringRef) -> Bool {
        if places.find(NameKey(hash: hash)) != nil { return true }
        return add(hash, name.string)
    }

    @inline(never)
    private mutating func add(_ hash: UInt64, _ name: String) -> Bool {
        guard texts.count < most else { return false }
        do {
            try places.change(NameKey(hash: hash)).pointee.value.value = UInt32(texts.count)
        } catch {
            // No memory for another: as good as one name too many.
            return false
        }
        texts.append(name)
        textBytes += name.utf8.count
        return true
    }

    /// The name of a hash, if it was noted.
    func name(_ hash: UInt64) -> String? {
        places.find(NameKey(hash: hash)).map { texts[Int($0.pointee.value.value)] }
    }

    var usage: StateUsage {
        let places = places.usage
        return StateUsage(
            StateBudget(label, limitBytes: places.limitBytes), entries: texts.count,
            more: places.bytes + texts.capacity * MemoryLayout<String>.stride + textBytes)
    }

    var needsWhole: Bool { places.needsWhole }

    mutating func write(to writer: inout ByteWriter, _ scope: CheckpointScope) {
        writer.rows { out in
            var rows = 0
            places.forEachWritten(scope) { key, place in
                out.raw(key.hash)
                out.text(texts[Int(place)])
                rows += 1
            }
            return rows
        }
    }

    mutating func restore(from reader: inout ByteReader, _ isKept: (Int) -> Bool) throws {
        for _ in 0..<(try reader.count()) {
            let key = NameKey(hash: try reader.raw(UInt64.self))
            let name = try reader.text()
            guard isKept(KeyGroup.of(key)), places.find(key) == nil else { continue }
            guard add(key.hash, name) else { throw reader.damaged("it holds more than \(most) names") }
        }
        places.forgetChanges()
    }
}
