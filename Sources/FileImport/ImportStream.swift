internal import Crypto

/// The events of a file, chunk by chunk.
public struct ImportStream {
    private let file: ImportFile
    private var reader: RowReader
    private var builder: EventBuilder
    private var groups: RowGroups
    private var occurrences: RowOccurrences
    private var state = State.reading
    private var chunks = 0
    // One row, reused, as the builder takes rows.
    private var rows = [Row()]
    private var content: [UInt8] = []
    /// Rows of a rejected group that are still to be given, the next one last.
    private var pending: [RejectedRow] = []

    private enum State {
        case reading
        /// The file is read; the groups from this one on are still to be given.
        case grouping(Int)
        case done
    }

    init(_ file: ImportFile) throws {
        self.file = file
        let (reader, places) = try RowReader.open(file.path, file.mapping)
        self.reader = reader
        builder = EventBuilder(file.mapping, places: places)
        groups = RowGroups(rules: file.mapping.rules.count)
        occurrences = RowOccurrences(repeated: file.repeated)
    }

    /// The next chunk; nil when the file is imported.
    /// - Throws: `ImportError` when the file cannot be read on, changed since it was looked through, or a rule would
    ///   hold more rows than its bound.
    public mutating func next() throws -> ImportChunk? {
        if case .done = state { return nil }
        var chunk = ImportChunk(index: chunks, totalBytes: file.size)
        while case .reading = state, !chunk.isFull(file.eventsPerChunk) {
            guard let step = try reader.next(into: &rows[0]) else {
                guard reader.blocks.digest == file.digest else {
                    throw ImportError(path: file.path, problem: "changed while it was imported; import it again")
                }
                state = .grouping(0)
                break
            }
            switch step {
            case .rejected(let reason): reject(reason, &chunk)
            case .row: try take(&chunk)
            }
        }
        while case .grouping(let index) = state, !chunk.isFull(file.eventsPerChunk) {
            if let row = pending.popLast() {
                chunk.add(row)
                continue
            }
            guard index < groups.groups.count else {
                state = .done
                break
            }
            give(groups.groups[index], &chunk)
            state = .grouping(index + 1)
        }
        chunks += 1
        chunk.close(rows: reader.rows, bytesRead: reader.blocks.position)
        return chunk
    }

    private func reject(_ reason: Reason, _ chunk: inout ImportChunk) {
        chunk.add(RejectedRow(line: reader.firstLine, raw: reader.rawBytes(), reason: reason.text))
    }

    /// Makes an event of the row just read, or holds it for its group.
    private mutating func take(_ chunk: inout ImportChunk) throws {
        content.removeAll(keepingCapacity: true)
        var number: UInt64 = 0
        if file.mapping.numbersOccurrences {
            reader.appendContent(of: rows[0], to: &content)
            number = occurrences.number(RowHash.of(content))
        }
        guard let index = builder.rule(for: rows[0]) else { return reject(.unknownType, &chunk) }
        let rule = file.mapping.rules[index]
        guard rule.groupBy.isEmpty else { return try hold(index, rule, &chunk) }
        let id = rule.isDerived ? derivedID(rule, number) : []
        if let reason = builder.build(index, from: rows, derivedID: id) { return reject(reason, &chunk) }
        chunk.add(
            ImportedEvent(
                firstLine: reader.firstLine, lastLine: reader.lastLine, rows: 1, json: builder.json,
                sourceLines: reader.rawBytes()))
    }

    private mutating func hold(_ index: Int, _ rule: EventRule, _ chunk: inout ImportChunk) throws {
        // A row that could not stand alone is rejected by itself, and its group goes on without it.
        if let reason = builder.build(index, from: rows, derivedID: [], isTrial: true) { return reject(reason, &chunk) }
        let (key, missing) = builder.groupKey(index, rows[0])
        if let missing { return reject(.missing(missing), &chunk) }
        let lines = reader.firstLine...reader.lastLine
        let full = reader.withRaw { raw in
            groups.hold(raw, lines: lines, rule: index, key: key, most: rule.rowsHeld)
        }
        if let full {
            let columns = rule.groupBy.map { file.mapping.columns[$0.index] }.joined(separator: ", ")
            let bound =
                switch full {
                case .rows(let most):
                    "\(most) rows; raise max_rows_held in \(rule.path) of mapping \(file.mapping.name)"
                case .bytes: "\(ImportLimits.heldBytes >> 20) MiB of rows; split the file by \(columns)"
                }
            throw ImportError(
                path: file.path,
                problem:
                    "line \(reader.firstLine): grouping by \(columns) would hold more than \(bound) and import again")
        }
        chunk.addHeld()
    }

    /// Makes an event of a group's rows, or rejects all of them.
    private mutating func give(_ group: RowGroups.Group, _ chunk: inout ImportChunk) {
        guard group.rows <= ImportLimits.rowsPerEvent else { return reject(group, .tooLarge) }
        var raws: [[UInt8]] = []
        raws.reserveCapacity(group.rows)
        var groupRows = Array(repeating: Row(), count: group.rows)
        var lines: ClosedRange<Int>?
        var fault: Reason?
        content.removeAll(keepingCapacity: true)
        groups.forEachRow(of: group) { held, bytes in
            let raw = UnsafeBufferPointer(rebasing: bytes.dropLast(RowGroups.lineEnd.count))
            // The row was whole when it was held; should it not be so now, its group is rejected, not guessed.
            if case .row(_, _, _, nil) = reader.splitter.cut(bytes, atEnd: true, into: &groupRows[raws.count]) {
                reader.splitter.appendContent(of: groupRows[raws.count], raw, to: &content)
            } else {
                fault = .notARow
            }
            raws.append(Array(raw))
            let last = held.line + Int(held.lines) - 1
            lines = (lines?.lowerBound ?? held.line)...last
        }
        let rule = file.mapping.rules[group.rule]
        let id = rule.isDerived ? derivedID(rule, 0) : []
        if let reason = fault ?? builder.build(group.rule, from: groupRows, derivedID: id) {
            return reject(group, reason)
        }
        chunk.add(
            ImportedEvent(
                firstLine: lines?.lowerBound ?? 0, lastLine: lines?.upperBound ?? 0, rows: raws.count,
                json: builder.json, sourceLines: Array(raws.joined(separator: [0x0a]))))
    }

    /// Puts the rows of a group where the next chunks take them from: they may be more than fit into one.
    private mutating func reject(_ group: RowGroups.Group, _ reason: Reason) {
        groups.forEachRow(of: group) { held, bytes in
            let raw = Array(UnsafeBufferPointer(rebasing: bytes.dropLast(RowGroups.lineEnd.count)))
            pending.append(RejectedRow(line: held.line, raw: raw, reason: reason.text))
        }
        pending.reverse()
    }

    /// 128 bits of SHA-256 (hex) over the mapping's name, the event's type, the occurrence and the rows' content.
    private func derivedID(_ rule: EventRule, _ occurrence: UInt64) -> [UInt8] {
        var hash = SHA256()
        rule.idDomain.withUnsafeBytes { hash.update(bufferPointer: $0) }
        withUnsafeBytes(of: occurrence.littleEndian) { hash.update(bufferPointer: $0) }
        content.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return Hex.ascii(hash.finalize().prefix(16))
    }
}
