extension LogStart {
    private static let stateName = "start.state"

    /// The state before the first commit that the log holds, as retention noted it; the empty one for a log that still
    /// has all its commits, or when the note is not readable.
    static func state(_ folder: String, _ first: Int64, _ format: LogFormat) throws(LogError) -> CommitRecord {
        var empty = CommitRecord.empty(partitions: format.partitions)
        empty.namesAllProducers = true
        empty.commit = first - 1
        guard first > 1, try SystemFolder.names(in: folder).contains(stateName) else { return empty }
        let bytes = try SystemFile.readWhole(folder + "/" + stateName, limit: FrameHeader.payloadLimit)
        let record = bytes.withUnsafeBytes { bytes -> CommitRecord? in
            guard bytes.count > FrameHeader.size, let start = bytes.baseAddress,
                let header = FrameHeader(start, logID: format.logID), header.frameBytes == bytes.count,
                header.kind == .state, header.checksumHolds(start)
            else { return nil }
            let payload = UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.size...])
            return CommitRecord(header, payload, partitions: format.partitions)
        }
        guard let record, record.commit == first - 1 else { return empty }
        return record
    }

    /// Notes the state before the first commit that the log will hold, for a repair that finds its first segment gone.
    static func writeState(_ folder: String, _ state: CommitRecord, _ format: LogFormat) throws(LogError) {
        try SystemFile.replace(folder, stateName, with: state.frame(.state, format))
    }

    /// Takes names of senders out of the note.
    static func overwrite(
        _ folder: String, _ senders: (String) -> Bool, _ format: LogFormat
    ) throws(LogError) {
        guard try SystemFolder.names(in: folder).contains(stateName), let first = try read(folder) else { return }
        var state = try state(folder, first, format)
        guard state.producers.contains(where: { senders($0.producer) }) else { return }
        state.producers.removeAll { senders($0.producer) }
        try writeState(folder, state, format)
    }
}

extension CommitRecord {
    /// The record as a frame of its own.
    func frame(_ kind: FrameHeader.Kind, _ format: LogFormat) -> [UInt8] {
        let payload = encoded()
        var bytes = [UInt8](repeating: 0, count: FrameHeader.size) + payload
        let header = FrameHeader(
            payloadBytes: payload.count, records: 1, baseOffset: commit, receivedAt: receivedAt, commit: commit,
            topic: FrameHeader.recordTopic, partition: 0, kind: kind, logID: format.logID)
        bytes.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            header.write(to: start)
        }
        return bytes
    }
}
