/// What the quarantine keeps of a rejected event besides its bytes.
public struct QuarantineRecord: Sendable, Equatable {
    /// The reason, as the contract writes it.
    public let reason: String
    /// Where the event came from, such as `http` or `import cdnow_master.txt:17`.
    public let source: String

    /// A record's words; each is cut at 1,000 bytes.
    public init(reason: String, source: String) {
        self.reason = reason
        self.source = source
    }

    private static let wordBytes = 1_000

    /// The record's bytes: each word as a length of two bytes and its UTF-8, then the rejected event as it came.
    func encoded(raw: UnsafeRawBufferPointer) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(raw.count + reason.utf8.count + source.utf8.count + 4)
        for word in [reason, source] {
            let text = word.utf8.prefix(QuarantineRecord.wordBytes)
            withUnsafeBytes(of: UInt16(text.count).littleEndian) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: text)
        }
        bytes.append(contentsOf: raw)
        return bytes
    }

    /// Reads a record: its words, and its rejected bytes in place; nil when it is not one.
    public static func decode(
        _ bytes: UnsafeRawBufferPointer
    ) -> (record: QuarantineRecord, raw: UnsafeRawBufferPointer)? {
        var at = 0
        var words: [String] = []
        for _ in 0..<2 {
            guard at + 2 <= bytes.count else { return nil }
            let length = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self)))
            at += 2
            guard at + length <= bytes.count else { return nil }
            words.append(String(decoding: bytes[at..<(at + length)], as: UTF8.self))
            at += length
        }
        return (QuarantineRecord(reason: words[0], source: words[1]), UnsafeRawBufferPointer(rebasing: bytes[at...]))
    }
}
