import CBytes

/// A frame as its bytes in a file say, read by the format's description and not by the code under test.
struct StoredFrame: Equatable {
    static let headerBytes = 64

    var start: Int
    var payloadBytes: Int
    var records: Int
    var baseOffset: Int64
    var receivedAt: Int64
    var commit: Int64
    var topic: Int
    var partition: Int
    var kind: Kind
    var logID: UInt64

    enum Kind: Int { case records, commit, state, repair }

    var end: Int { start + StoredFrame.headerBytes + payloadBytes }

    /// The frames that stand one behind the other from a position on; what follows the last one is no frame.
    static func all(in bytes: [UInt8], from start: Int = 0) -> [StoredFrame] {
        var found: [StoredFrame] = []
        var at = start
        while let frame = StoredFrame(bytes, at) {
            found.append(frame)
            at = frame.end
        }
        return found
    }

    private init?(_ bytes: [UInt8], _ start: Int) {
        guard start + StoredFrame.headerBytes <= bytes.count, Array(bytes[start..<(start + 4)]) == Array("CTG2".utf8)
        else { return nil }
        func number(_ offset: Int, _ count: Int) -> UInt64 {
            (0..<count).reduce(0) { $0 | UInt64(bytes[start + offset + $1]) << (8 * UInt64($1)) }
        }
        self.start = start
        payloadBytes = Int(number(8, 4))
        records = Int(number(12, 4))
        baseOffset = Int64(bitPattern: number(16, 8))
        receivedAt = Int64(bitPattern: number(24, 8))
        commit = Int64(bitPattern: number(32, 8))
        topic = Int(number(40, 2))
        partition = Int(number(42, 2))
        logID = number(48, 8)
        guard let kind = Kind(rawValue: Int(number(44, 2))), number(46, 2) == 0, number(56, 8) == 0 else { return nil }
        self.kind = kind
        let end = end
        guard end <= bytes.count else { return nil }
        let sum = bytes.withUnsafeBytes { bytes in
            bytes.baseAddress.map { cbytes_crc32c(0, $0 + start + 8, end - start - 8) }
        }
        guard let sum, UInt64(sum) == number(4, 4) else { return nil }
    }

    /// The bytes of a frame whose checksum holds, for a test that forges one.
    static func bytes(
        kind: Kind, commit: Int64, payload: [UInt8], logID: UInt64, topic: Int = 0xffff, partition: Int = 0,
        records: Int = 1, baseOffset: Int64 = 0, receivedAt: Int64 = 1
    ) -> [UInt8] {
        var frame: [UInt8] = []
        func put(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { frame.append(contentsOf: $0) }
        }
        frame += Array("CTG2".utf8)
        put(UInt32(0))
        put(UInt32(payload.count))
        put(UInt32(records))
        put(baseOffset)
        put(receivedAt)
        put(commit)
        put(UInt16(topic))
        put(UInt16(partition))
        put(UInt16(kind.rawValue))
        put(UInt16(0))
        put(logID)
        put(UInt64(0))
        frame += payload
        let sum = frame.withUnsafeBytes { bytes in
            bytes.baseAddress.map { cbytes_crc32c(0, $0 + 8, bytes.count - 8) } ?? 0
        }
        withUnsafeBytes(of: sum.littleEndian) { frame.replaceSubrange(4..<8, with: $0) }
        return frame
    }
}

/// A segment file, split where its last write began.
struct SegmentImage {
    static let sectorBytes = 512
    static let blockBytes = 4_096

    /// The file's bytes.
    let bytes: [UInt8]
    let frames: [StoredFrame]
    /// The frames of the last write: those of the last commit, or the record that says it is durable.
    let lastWrite: [StoredFrame]

    /// Splits a file.
    ///
    /// - Parameter headIsDurable: whether the segment was there before its last commit was written; otherwise, if that
    ///   is its first one, its head came with it.
    init(_ bytes: [UInt8], headIsDurable: Bool = false) {
        self.bytes = bytes
        let frames = StoredFrame.all(in: bytes)
        self.frames = frames
        guard let last = frames.last else {
            lastWrite = []
            return
        }
        if last.kind == .commit {
            let own = frames.filter { $0.commit == last.commit }
            let bringsHead = own.count + 1 == frames.count && last.commit > 1 && !headIsDurable
            lastWrite = bringsHead ? frames : own
        } else {
            lastWrite = [last]
        }
    }

    /// Where the last write's own bytes begin and end.
    var lastStart: Int { lastWrite.first?.start ?? 0 }
    var lastEnd: Int { lastWrite.last?.end ?? 0 }

    /// The file without what says that its last commit is durable: as when the process was killed at once.
    var unconfirmed: SegmentImage {
        guard let last = frames.last, last.kind == .state, frames.count > 1 else { return self }
        return SegmentImage(SegmentImage.padded(Array(bytes[..<last.start])))
    }

    /// The bytes before the last write, as they were on the disk then: filled up to a whole block with zeros.
    var before: [UInt8] { SegmentImage.padded(Array(bytes[..<lastStart])) }

    /// The file as the last write left it when whole.
    var written: [UInt8] { SegmentImage.padded(Array(bytes[..<lastEnd])) }

    static func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: (blockBytes - bytes.count % blockBytes) % blockBytes)
    }

    /// The sectors that the last write touches.
    var lastSectors: Range<Int> { lastStart / Self.sectorBytes..<(written.count / Self.sectorBytes) }

    /// What may become of a sector when the power goes during the write.
    enum Fate: CaseIterable { case written, old, zeros, garbage }

    /// The file after a write of which each sector had its own fate, cut to a size that is at least the old one. A sector
    /// that holds older bytes is written wholly or not at all: that is what disks promise.
    func torn(_ fates: [Fate], size: Int? = nil, using random: inout SeededGenerator) -> [UInt8] {
        var file = written
        let old = before
        for (sector, fate) in zip(lastSectors, fates) {
            let range = sector * Self.sectorBytes..<((sector + 1) * Self.sectorBytes)
            let isShared = range.lowerBound < lastStart
            switch fate {
            case .written: continue
            case .garbage where !isShared: file.replaceSubrange(range, with: random.bytes(Self.sectorBytes))
            case .zeros where !isShared:
                file.replaceSubrange(range, with: repeatElement(0, count: Self.sectorBytes))
            default:
                // Beyond the old end the file may have grown before its bytes came.
                file.replaceSubrange(
                    range,
                    with: range.upperBound <= old.count
                        ? old[range] : [UInt8](repeating: 0, count: Self.sectorBytes)[...])
            }
        }
        return size.map { Array(file.prefix(max($0, old.count))) } ?? file
    }

    /// Whether a torn file still holds every byte of the last write.
    func isWhole(in torn: [UInt8]) -> Bool {
        torn.count >= lastEnd && torn[lastStart..<lastEnd] == bytes[lastStart..<lastEnd]
    }
}
