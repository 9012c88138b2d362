/// JSON lines, back to back, in memory that is used again: each line ends with a newline.
///
/// Fill it with a `ShopSimulator`, send its bytes, `removeAll()`, and again: no memory is allocated once it has grown
/// to the size of a batch.
public struct LineBuffer: Sendable {
    /// The longest line that the simulator writes, in bytes.
    public static let lineBytesMax = 2_048

    private var storage: [UInt8]
    /// Where each line ends, its newline included.
    private var ends: [Int] = []

    /// An empty buffer with room for about `lines` events.
    public init(lines: Int = 1_000) {
        // Most events take under 400 bytes; the buffer grows where they do not.
        storage = [UInt8](repeating: 0, count: max(lines, 1) * 400 + LineBuffer.lineBytesMax)
        ends.reserveCapacity(max(lines, 1))
    }

    /// How many lines there are.
    public var lineCount: Int { ends.count }
    /// How many bytes they take, newlines included.
    public var byteCount: Int { ends.last ?? 0 }

    /// Where a line's bytes are, without its newline.
    public func range(ofLine index: Int) -> Range<Int> {
        (index == 0 ? 0 : ends[index - 1])..<(ends[index] - 1)
    }

    /// All lines as NDJSON.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withBytes(ofLines: 0..<lineCount, body)
    }

    /// Some lines as NDJSON: how a caller cuts batches of so many events.
    public func withBytes<Result>(
        ofLines lines: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        precondition(lines.upperBound <= ends.count, "the buffer has no such lines")
        let start = lines.lowerBound == 0 ? 0 : ends[lines.lowerBound - 1]
        let end = lines.upperBound == 0 ? 0 : ends[lines.upperBound - 1]
        return try storage.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
    }

    /// Empties the buffer and keeps its memory.
    public mutating func removeAll() {
        ends.removeAll(keepingCapacity: true)
    }

    // MARK: - Writing

    /// Adds the line that `body` writes, and its newline.
    @inline(__always)
    mutating func addLine(_ body: (inout LineWriter) -> Void) {
        let start = byteCount
        if storage.count - start < LineBuffer.lineBytesMax { grow() }
        let length = storage.withUnsafeMutableBufferPointer { bytes -> Int in
            var writer = LineWriter(UnsafeMutableBufferPointer(rebasing: bytes[start...]))
            body(&writer)
            writer.put(byte: 0x0a)
            return writer.count
        }
        ends.append(start + length)
    }

    /// Adds a line that was taken out before, newline included.
    mutating func addLine(_ line: [UInt8]) {
        let start = byteCount
        if storage.count - start < LineBuffer.lineBytesMax { grow() }
        storage.replaceSubrange(start..<start + line.count, with: line)
        ends.append(start + line.count)
    }

    /// The last line, newline included.
    func lastLine() -> [UInt8] {
        let start = ends.count > 1 ? ends[ends.count - 2] : 0
        return Array(storage[start..<byteCount])
    }

    /// Takes the last line away.
    mutating func removeLastLine() {
        ends.removeLast()
    }

    private mutating func grow() {
        storage.append(contentsOf: repeatElement(0, count: storage.count + LineBuffer.lineBytesMax))
    }
}
