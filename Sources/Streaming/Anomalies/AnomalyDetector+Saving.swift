import Events
import Foundation

extension AnomalyDetector {
    /// The version of what is saved; another one is learned anew from the log.
    private static let version: Int32 = 2

    /// The whole state as bytes.
    func saved() -> [UInt8] {
        var out = ByteWriter()
        save(to: &out)
        return out.bytes
    }

    /// Writes the whole state.
    func save(to out: inout ByteWriter) {
        out.raw(Self.version)
        out.text(calendar.name)
        out.raw(currency.code)
        for value in [clock, settled, hasBegun ? 1 : 0, firstMinute, uncounted] { out.put(value) }
        out.raw(historyDays)
        out.raw(lastTotals?.received ?? -1)
        out.raw(lastTotals?.quarantined ?? -1)
        out.raw(lastTotals?.at ?? -1)
        out.list(live.pointee.names.countries.names) { $0.text($1) }
        out.list(live.pointee.names.devices.names) { $0.text($1) }
        save(counts: &out)
        live.pointee.products.save(to: &out)
        out.list(shares.sums) { $0.raw($1) }
        out.put(Int64(shares.hour))
        out.list(history.slots.filter { $0.index >= 0 }) { $0.raw($1) }
        save(state: &out)
    }

    /// The whole state as it is saved.
    package var savedBytes: [UInt8] { saved() }

    /// Writes what a checkpoint takes of it into memory that is used again: for measurements.
    ///
    /// - Returns: how many bytes.
    package func checkpoint(reusing spare: inout CheckpointMemory) -> Int { spare.write { save(to: &$0) } }

    /// Takes over what `savedBytes` gave.
    package func restore(from bytes: [UInt8]) throws { try restore(bytes, "memory") }

    private func save(counts out: inout ByteWriter) {
        var minutes: [(Int64, MinuteCounts.Total)] = []
        live.pointee.counts.forEachMinute { minutes.append(($0, $1)) }
        out.list(minutes) { out, minute in
            out.put(minute.0)
            out.raw(minute.1)
            let cells = live.pointee.counts.row(minute.0)
            var used: UInt64 = 0
            for cell in 0..<MinuteCounts.width where cells[cell] != MinuteCounts.Cell() { used |= 1 << UInt64(cell) }
            out.raw(used)
            while used != 0 {
                out.raw(cells[used.trailingZeroBitCount])
                used &= used &- 1
            }
        }
    }

    private func save(state out: inout ByteWriter) {
        out.put(state.lastEvents)
        for value in [state.amounts, state.squares, state.amountCount] { out.raw(value) }
        out.optional(state.missing)
        out.list(state.ended) { out, ended in
            out.put(Int64(ended.series))
            out.raw(ended.episode)
            out.put(ended.anomaly.endMinute ?? ended.episode.bestEnd)
            out.put(Int64(ended.json.count))
            out.append(ended.json)
        }
        for (series, incident) in zip(state.series, state.incidents) {
            out.text(incident ?? "")
            series.save(&out)
        }
    }

    /// Takes over a saved state; one of another version, zone or currency is left aside.
    ///
    /// - Throws: `CheckpointError` when it is damaged.
    func restore(_ bytes: [UInt8], _ path: String) throws {
        var reader = ByteReader(bytes, path)
        guard try reader.raw(Int32.self) == Self.version, try reader.text() == calendar.name,
            try reader.raw(UInt16.self) == currency.code
        else { return }
        clock = try reader.minute()
        settled = try reader.minute()
        hasBegun = try reader.raw(Int64.self) == 1
        firstMinute = try reader.minute()
        guard settled <= clock, clock - settled <= 2 * AnomalyBounds.latenessMinutes, firstMinute <= clock + 1 else {
            throw reader.damaged("the anomalies' clock is out of bounds")
        }
        uncounted = try reader.raw(Int64.self)
        historyDays = try reader.raw(Double.self)
        let totals = try (reader.raw(Int64.self), reader.raw(Int64.self), reader.raw(Int64.self))
        lastTotals = totals.0 < 0 ? nil : (totals.0, totals.1, totals.2)
        for _ in 0..<(try reader.count()) { _ = live.pointee.names.countries.cell(named: try reader.text()) }
        for _ in 0..<(try reader.count()) { _ = live.pointee.names.devices.cell(named: try reader.text()) }
        try restore(counts: &reader)
        try live.pointee.products.restore(from: &reader)
        var sums: [Double] = []
        for _ in 0..<(try reader.count(exactly: UsualShares.size)) { sums.append(try reader.raw(Double.self)) }
        let hour = try reader.raw(Int64.self)
        guard (-1..<24).contains(hour) else { throw reader.damaged("an hour is out of bounds") }
        shares.restore(sums, hour: Int(hour))
        for _ in 0..<(try reader.count(atMost: AnomalyHistory.capacity)) {
            history.restore(try reader.raw(AnomalyHistory.Slot.self))
        }
        try restore(state: &reader)
        guard reader.isAtEnd else { throw reader.damaged("bytes are left over among the anomalies") }
        wasRestored = true
    }

    private func restore(counts reader: inout ByteReader) throws {
        for _ in 0..<(try reader.count(atMost: AnomalyBounds.ringMinutes)) {
            let minute = try reader.minute()
            live.pointee.counts.total(minute).pointee = try reader.raw(MinuteCounts.Total.self)
            let row = live.pointee.counts.row(minute)
            var used = try reader.raw(UInt64.self)
            guard used >> UInt64(MinuteCounts.width) == 0 else { throw reader.damaged("a cell is unknown") }
            while used != 0 {
                row[used.trailingZeroBitCount] = try reader.raw(MinuteCounts.Cell.self)
                used &= used &- 1
            }
        }
    }

    private func restore(state reader: inout ByteReader) throws {
        state.lastEvents = try reader.minute()
        guard state.lastEvents <= clock else { throw reader.damaged("the last event lies in the future") }
        state.amounts = try reader.raw(Double.self)
        state.squares = try reader.raw(Double.self)
        state.amountCount = try reader.raw(Double.self)
        state.missing = try reader.optionalEpisode()
        for _ in 0..<(try reader.count(atMost: AnomalyBounds.remembered)) {
            let series = Int(try reader.raw(Int64.self))
            guard state.series.indices.contains(series) else { throw reader.damaged("a series is unknown") }
            let episode = try reader.episode()
            let end = try reader.minute()
            let json = try reader.take(try reader.count())
            var anomaly: Anomaly
            do {
                anomaly = try JSONDecoder().decode(Anomaly.self, from: Data(json))
            } catch {
                throw reader.damaged("an anomaly cannot be read: \(error)")
            }
            anomaly.startMinute = episode.start
            anomaly.endMinute = end
            anomaly.noticedMinute = episode.alarmedAt + 1
            state.ended.append(Ended(series: series, episode: episode, anomaly: anomaly, json: json))
        }
        for i in state.series.indices {
            let incident = try reader.text()
            state.incidents[i] = incident.isEmpty ? nil : incident
            try state.series[i].restore(&reader)
            guard state.series[i].last == settled || state.series[i].last < state.series[i].first else {
                throw reader.damaged("a series ends at another minute")
            }
            if let episode = state.series[i].open, episode.start > settled {
                throw reader.damaged("an anomaly begins in the future")
            }
        }
    }
}

extension SeriesDetector {
    fileprivate func save(_ out: inout ByteWriter) {
        profile.save(&out)
        for dispersion in dispersions { out.raw(dispersion) }
        out.put(first)
        out.put(last)
        let kept = last < first ? 0 : min(last - first + 1, AnomalyBounds.memoryMinutes + 1)
        out.put(kept)
        for t in stride(from: last - kept + 1, through: last, by: 1) {
            if let minute = minute(t) { out.raw(minute) }
        }
        out.raw(levelObserved)
        out.raw(levelBase)
        out.optional(open)
        out.raw(unitFloor)
        out.put(Int64(slot))
        out.raw(gathered)
        out.put(isDoubtful ? 1 : 0)
    }

    fileprivate mutating func restore(_ reader: inout ByteReader) throws {
        try profile.restore(&reader)
        for i in dispersions.indices { dispersions[i] = try reader.raw(Dispersion.self) }
        first = try reader.minute()
        last = try reader.minute()
        let kept = Int64(try reader.count(atMost: Int(AnomalyBounds.memoryMinutes) + 1))
        for t in stride(from: last - kept + 1, through: last, by: 1) {
            minutes[Int(t & Int64(AnomalyBounds.ringMinutes - 1))] = try reader.raw(Minute.self)
        }
        levelObserved = try reader.raw(Double.self)
        levelBase = try reader.raw(Double.self)
        open = try reader.optionalEpisode()
        unitFloor = try reader.raw(Double.self)
        let slot = try reader.raw(Int64.self)
        guard (-1..<Int64(SeasonalRate.weekSlots)).contains(slot) else { throw reader.damaged("a slot is unknown") }
        self.slot = Int(slot)
        gathered = try reader.raw(AnomalyEpisode.Sums.self)
        isDoubtful = try reader.raw(Int64.self) == 1
    }
}

extension SeasonalRate {
    fileprivate func save(_ out: inout ByteWriter) {
        for slot in week { out.raw(slot) }
        for slot in day { out.raw(slot) }
    }

    fileprivate mutating func restore(_ reader: inout ByteReader) throws {
        for i in week.indices { week[i] = try reader.raw(Slot.self) }
        for i in day.indices { day[i] = try reader.raw(Slot.self) }
    }
}

extension ByteWriter {
    fileprivate mutating func list<Element>(_ elements: [Element], _ write: (inout ByteWriter, Element) -> Void) {
        put(Int64(elements.count))
        for element in elements { write(&self, element) }
    }

    fileprivate mutating func optional<Value: BitwiseCopyable>(_ value: Value?) {
        put(value == nil ? 0 : 1)
        if let value { raw(value) }
    }
}

extension ByteReader {
    fileprivate mutating func count(exactly expected: Int) throws -> Int {
        let count = try count()
        guard count == expected else { throw damaged("a count is out of bounds") }
        return count
    }

    /// A minute since 1970, within some million years.
    fileprivate mutating func minute() throws -> Int64 {
        let minute = try raw(Int64.self)
        guard (-1..<1 << 40).contains(minute) else { throw damaged("a minute is out of bounds") }
        return minute
    }

    fileprivate mutating func episode() throws -> AnomalyEpisode {
        let episode = try raw(AnomalyEpisode.self)
        guard (0..<1 << 40).contains(episode.start), (episode.start...1 << 40).contains(episode.bestEnd),
            (0..<1 << 40).contains(episode.alarmedAt), (0...1 << 20).contains(episode.window)
        else { throw damaged("an anomaly's time is out of bounds") }
        return episode
    }

    fileprivate mutating func optionalEpisode() throws -> AnomalyEpisode? {
        try raw(Int64.self) == 1 ? try episode() : nil
    }
}
