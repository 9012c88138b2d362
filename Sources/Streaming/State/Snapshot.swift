internal import CBytes

/// Writes what operators hold as sections: a name, a version, a number of entries and their bytes, with a checksum.
///
/// The format is of the machine that runs it: little-endian, with the compiler's layout of plain values. Each section
/// tells the sizes of its values, so that a program whose types changed refuses it instead of reading it wrong.
public struct StateWriter {
    static let sectionMagic: UInt32 = 0x4753_5443

    /// The sections so far.
    public private(set) var bytes: [UInt8] = []
    private var sectionStart: Int?
    private var entries: UInt64 = 0

    /// A writer without sections.
    public init() {}

    /// Begins a section.
    public mutating func begin(_ name: StaticString, version: UInt16) {
        precondition(sectionStart == nil, "the section before is not ended")
        sectionStart = bytes.count
        entries = 0
        put(StateWriter.sectionMagic)
        put(version)
        put(UInt16(name.utf8CodeUnitCount))
        // The checksum, the length and the number of entries, once they are known.
        put(UInt32(0))
        put(UInt64(0))
        put(UInt64(0))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// Counts one entry of the section; its values follow.
    public mutating func entry() { entries += 1 }

    /// The bytes of a plain value.
    public mutating func put<Value: BitwiseCopyable>(_ value: Value) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    /// A row with its texts.
    public mutating func put<R: Row>(row: R) {
        put(row)
        var row = row
        row.forEachText { bytes.append(contentsOf: $0.bytes) }
    }

    /// Ends the section.
    public mutating func end() {
        guard let start = sectionStart else { preconditionFailure("no section was begun") }
        set(UInt64(bytes.count - start), at: start + 12)
        set(entries, at: start + 20)
        let crc = bytes.withUnsafeBytes { all in
            let rest = UnsafeRawBufferPointer(rebasing: all[(start + 12)...])
            return cbytes_crc32c(0, rest.baseAddress, rest.count)
        }
        set(crc, at: start + 8)
        sectionStart = nil
    }

    private mutating func set<Value: BitwiseCopyable>(_ value: Value, at offset: Int) {
        withUnsafeBytes(of: value) { source in
            for (index, byte) in source.enumerated() { bytes[offset + index] = byte }
        }
    }
}

/// Reads sections that a `StateWriter` wrote, in their order, and trusts none of their bytes.
public struct StateReader {
    private let bytes: [UInt8]
    private var offset = 0
    private var sectionEnd = 0
    private var section = ""
    /// Entries of the section that were not read yet.
    private var entriesLeft: UInt64 = 0

    /// A reader at the first section.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether all sections were read.
    public var isAtEnd: Bool { offset == bytes.count }

    /// Opens the next section.
    ///
    /// - Throws: `StreamError.damagedSnapshot` where it is another one, of another version, or its checksum is wrong.
    public mutating func begin(_ name: StaticString, version: UInt16) throws(StreamError) {
        section = name.description
        let start = offset
        sectionEnd = bytes.count
        guard try take(UInt32.self) == StateWriter.sectionMagic else { throw damaged("no section begins here") }
        let found = try take(UInt16.self)
        let nameCount = try Int(take(UInt16.self))
        let crc = try take(UInt32.self)
        let length = try take(UInt64.self)
        entriesLeft = try take(UInt64.self)
        guard length >= 28, length <= UInt64(bytes.count - start) else { throw damaged("its length is wrong") }
        sectionEnd = start + Int(length)
        let actual = bytes.withUnsafeBytes { all in
            let rest = UnsafeRawBufferPointer(rebasing: all[(start + 12)..<sectionEnd])
            return cbytes_crc32c(0, rest.baseAddress, rest.count)
        }
        guard actual == crc else { throw damaged("its checksum is wrong") }
        guard nameCount <= sectionEnd - offset else { throw damaged("its name is too long") }
        let foundName = String(decoding: bytes[offset..<offset + nameCount], as: UTF8.self)
        offset += nameCount
        guard foundName == section else { throw damaged("it is \(foundName)") }
        guard found == version else { throw damaged("its version is \(found), and this program reads \(version)") }
    }

    /// Whether there is another entry; its values follow.
    public mutating func nextEntry() -> Bool {
        guard entriesLeft > 0 else { return false }
        entriesLeft -= 1
        return true
    }

    /// A plain value.
    public mutating func take<Value: BitwiseCopyable>(_ type: Value.Type) throws(StreamError) -> Value {
        let size = MemoryLayout<Value>.size
        guard size <= sectionEnd - offset else { throw damaged("it ends too early") }
        let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Value.self) }
        offset += size
        return value
    }

    /// A row with its texts. These are valid until `body` returns, which keeps what it needs.
    public mutating func takeRow<R: Row>(
        _ type: R.Type, _ body: (R) throws(StreamError) -> Void
    ) throws(StreamError) {
        var row = try take(type)
        let start = offset
        let end = sectionEnd
        var at = offset
        var isWhole = true
        row.forEachText { text in
            if text.count <= end - at { at += text.count } else { isWhole = false }
        }
        guard isWhole else { throw damaged("a text reaches past its end") }
        offset = at
        // The texts' addresses in the file mean nothing here.
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, at - start))
        defer { copy.deallocate() }
        for index in start..<at { copy[index - start] = bytes[index] }
        var from = 0
        row.forEachText { text in
            text = TextRef(copy + from, text.count)
            from += text.count
        }
        try body(row)
    }

    /// Closes the section.
    ///
    /// - Throws: `StreamError.damagedSnapshot` where something of it was not read.
    public mutating func end() throws(StreamError) {
        guard offset == sectionEnd, entriesLeft == 0 else { throw damaged("it is longer than what was read") }
    }

    /// What is wrong with the section that is being read.
    public func damaged(_ reason: String) -> StreamError {
        .damagedSnapshot(section: section, reason: reason)
    }
}
