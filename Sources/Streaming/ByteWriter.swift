import Glibc

/// Plain values on their way into a checkpoint, as bytes in memory of its own.
///
/// The memory is asked for once, is not looked after for each value, and can be used again for what is written next: the
/// stream waits while its state is copied, and most of that wait would be for pages that the system clears.
struct ByteWriter: ~Copyable {
    private var start: UnsafeMutableRawPointer
    private var capacity: Int
    /// How many bytes were written.
    private(set) var count = 0

    /// Writes into memory that an earlier writer used, where there is some.
    init(reusing spare: consuming ByteMemory? = nil) {
        if let spare {
            (start, capacity) = spare.give()
        } else {
            (start, capacity) = (.allocate(byteCount: 256, alignment: 16), 256)
        }
    }

    deinit { start.deallocate() }

    /// What was written. Valid until the next change.
    var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    /// A copy of what was written.
    var bytes: [UInt8] { Array(written) }

    /// Hands over what was written.
    consuming func finish() -> ByteMemory {
        let memory = ByteMemory(start, capacity: capacity, count: count)
        discard self
        return memory
    }

    /// Sees to it that so many more bytes have room. What has room and is not written to takes no memory.
    mutating func reserve(_ more: Int) {
        if more > capacity &- count { grow(more) }
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let larger = max(capacity * 2, count + more)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        moved.copyMemory(from: start, byteCount: count)
        start.deallocate()
        (start, capacity) = (moved, larger)
    }

    mutating func put(_ value: Int64) { raw(value) }

    @inline(__always)
    mutating func raw<T: BitwiseCopyable>(_ value: T) {
        reserve(MemoryLayout<T>.size)
        start.storeBytes(of: value, toByteOffset: count, as: T.self)
        count &+= MemoryLayout<T>.size
    }

    /// So many bytes of zero.
    mutating func zeros(_ more: Int) {
        reserve(more)
        memset(start + count, 0, more)
        count += more
    }

    /// Bytes as they are.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let from = bytes.baseAddress else { return }
        reserve(bytes.count)
        (start + count).copyMemory(from: from, byteCount: bytes.count)
        count += bytes.count
    }

    /// Bytes as they are.
    mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    mutating func text(_ text: String) {
        put(Int64(text.utf8.count))
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Puts a number in a place that was kept free for it.
    mutating func set<T: BitwiseCopyable>(_ value: T, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count, "nothing was written there")
        start.storeBytes(of: value, toByteOffset: offset, as: T.self)
    }

    /// Rows, with their number before them.
    mutating func rows(_ body: (inout ByteWriter) -> Int) {
        let place = count
        put(0)
        let rows = body(&self)
        set(Int64(rows), at: place)
    }

    /// A part that readers who do not know its name pass over, written in its place.
    mutating func section(_ name: String, _ body: (inout ByteWriter) -> Void) {
        text(name)
        let place = count
        put(0)
        body(&self)
        set(Int64(count - place - 8), at: place)
    }

    mutating func table<Value: BitwiseCopyable>(_ table: borrowing OpenTable<Value>) {
        put(Int64(table.count))
        table.forEach { key, value in
            raw(key)
            raw(value.pointee)
        }
    }
}

/// Bytes that a ``ByteWriter`` wrote. One thread has it at a time, and who hands it on keeps nothing of it.
final class ByteMemory: @unchecked Sendable {
    private var start: UnsafeMutableRawPointer?
    private let capacity: Int
    private let count: Int

    fileprivate init(_ start: UnsafeMutableRawPointer, capacity: Int, count: Int) {
        self.start = start
        self.capacity = capacity
        self.count = count
    }

    deinit { start?.deallocate() }

    /// What was written.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    /// Gives the memory to a writer, which has it alone from then on.
    fileprivate func give() -> (UnsafeMutableRawPointer, Int) {
        guard let given = start else { preconditionFailure("the memory was given to another writer") }
        start = nil
        return (given, capacity)
    }

    /// Puts a checksum or a length in its place.
    func set<T: BitwiseCopyable>(_ value: T, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count, "nothing was written there")
        start?.storeBytes(of: value, toByteOffset: offset, as: T.self)
    }
}

/// Memory that parts of checkpoints are written into again and again, to measure how long that takes.
package struct CheckpointMemory: ~Copyable {
    private var spare: ByteMemory?

    package init() {}

    mutating func write(_ body: (inout ByteWriter) -> Void) -> Int {
        var out = ByteWriter(reusing: spare)
        body(&out)
        let memory = out.finish()
        spare = memory
        return memory.bytes.count
    }
}

/// Reads back what a `ByteWriter` wrote, minding the end.
struct ByteReader {
    private let bytes: [UInt8]
    private let path: String
    private var at: Int
    private let end: Int

    init(_ bytes: [UInt8], _ path: String) {
        self.init(bytes, path, 0..<bytes.count)
    }

    private init(_ bytes: [UInt8], _ path: String, _ range: Range<Int>) {
        self.bytes = bytes
        self.path = path
        at = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { at == end }

    /// What was not read yet.
    var rest: [UInt8] { Array(bytes[at..<end]) }

    func damaged(_ what: String) -> CheckpointError { CheckpointError(description: "\(path): \(what)") }

    @inline(__always)
    mutating func raw<T: BitwiseCopyable>(_ type: T.Type) throws -> T {
        let size = MemoryLayout<T>.size
        guard size <= end - at else { throw damaged("it ends too early") }
        defer { at += size }
        return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: T.self) }
    }

    mutating func count() throws -> Int {
        let count = try raw(Int64.self)
        guard count >= 0, count <= Int64(end - at) else { throw damaged("a count is out of bounds") }
        return Int(count)
    }

    /// A count of no more than so many.
    mutating func count(atMost limit: Int) throws -> Int {
        let count = try count()
        guard count <= limit else { throw damaged("a count is out of bounds") }
        return count
    }

    mutating func text() throws -> String {
        let length = try count()
        defer { at += length }
        return String(decoding: bytes[at..<(at + length)], as: UTF8.self)
    }

    /// So many bytes.
    mutating func take(_ count: Int) throws -> [UInt8] {
        guard count <= end - at else { throw damaged("it ends too early") }
        defer { at += count }
        return Array(bytes[at..<(at + count)])
    }

    /// Fills memory.
    @inline(__always)
    mutating func copy(into raw: UnsafeMutableRawBufferPointer) throws {
        guard raw.count <= end - at else { throw damaged("it ends too early") }
        bytes.withUnsafeBytes { raw.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[at..<(at + raw.count)])) }
        at += raw.count
    }

    /// Passes over so many bytes.
    mutating func skip(_ count: Int) throws {
        guard count <= end - at else { throw damaged("it ends too early") }
        at += count
    }

    /// The named parts up to the end, each with a reader of its own.
    mutating func sections(_ body: (String, inout ByteReader) throws -> Void) throws {
        while !isAtEnd {
            let name = try text()
            let length = try count()
            var section = ByteReader(bytes, path, at..<(at + length))
            try body(name, &section)
            at += length
        }
    }

    mutating func rows<Value: BitwiseCopyable>(_ body: (UInt64, Value) -> Void) throws {
        for _ in 0..<(try count()) {
            let key = try raw(UInt64.self)
            guard key != 0 else { throw damaged("a key is zero") }
            body(key, try raw(Value.self))
        }
    }
}
