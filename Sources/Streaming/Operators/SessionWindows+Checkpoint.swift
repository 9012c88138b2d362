/// Open sessions in the shop's checkpoints, which hold what changed.
extension SessionWindows where Late: ~Copyable {
    /// Notes from now on which keys change.
    mutating func noteChanges() { epoch = changes.epoch }

    /// Whether changes are no longer noted, so that the next checkpoint has to hold everything.
    var needsWhole: Bool { changes.areTooMany }

    /// Has the processor fetch what an element of this key looks at.
    @inline(__always)
    func prefetch(_ key: Key) { table.prefetch(key) }

    /// Writes the sessions of the groups `whole`, and of the others of the scope those of keys that changed since the last
    /// time; a key whose sessions are all over is written with none.
    mutating func write(to writer: inout ByteWriter, _ scope: CheckpointScope) {
        let changed = changes.take()
        epoch = changes.epoch
        let entry = MemoryLayout<Key>.size + 4 + 16 + MemoryLayout<A.Partial>.size
        writer.reserve((table.count + others.count + changed.count) * entry)
        writer.put(watermark)
        writer.rows { out in
            var rows = 0
            table.forEach(in: scope.whole.clamped(to: scope.owned)) { slot in
                write(slot, to: &out)
                rows += 1
            }
            Changes.forEach(changed, prefetch: { table.prefetch($0) }) { key in
                guard scope.isChange(KeyGroup.of(key)) else { return }
                if let slot = table.find(key) {
                    write(slot, to: &out)
                } else {
                    out.raw(key)
                    out.raw(UInt32(0))
                }
                rows += 1
            }
            return rows
        }
    }

    private func write(_ slot: UnsafeMutablePointer<KeyedTable<Key, Session>.Slot>, to out: inout ByteWriter) {
        out.raw(slot.pointee.key)
        let place = out.count
        out.raw(UInt32(0))
        var sessions: UInt32 = 0
        var session = slot.pointee.value
        while true {
            out.raw(session.first)
            out.raw(session.last)
            out.raw(session.partial)
            sessions += 1
            guard session.next != Self.none else { break }
            session = others[session.next].pointee
        }
        out.set(sessions, at: place)
    }

    /// Takes over what `write` wrote of some groups; later writings of a key take the place of earlier ones.
    mutating func restore(from reader: inout ByteReader, _ isKept: (Int) -> Bool) throws {
        // What comes from a checkpoint has not changed since.
        let noted = epoch
        epoch = 0
        defer { epoch = noted }
        watermark = max(watermark, try reader.raw(Int64.self))
        for _ in 0..<(try reader.count()) {
            let key = try reader.raw(Key.self)
            let sessions = try reader.raw(UInt32.self)
            let isTaken = isKept(KeyGroup.of(key))
            if isTaken { forget(key) }
            for _ in 0..<sessions {
                let (first, last) = (try reader.raw(Int64.self), try reader.raw(Int64.self))
                let partial = try reader.raw(A.Partial.self)
                guard first <= last else { throw reader.damaged("a session ends before it begins") }
                guard isTaken else { continue }
                let slot = try table.slot(key, &budget)
                try join(
                    Session(first: first, last: last, partial: partial, next: Self.none, timer: .max), key: key, slot)
            }
        }
    }

    private mutating func forget(_ key: Key) {
        guard let slot = table.find(key) else { return }
        var next = slot.pointee.value.next
        while next != Self.none {
            let following = others[next].pointee.next
            others.remove(next)
            next = following
        }
        table.remove(key, &budget)
    }
}
