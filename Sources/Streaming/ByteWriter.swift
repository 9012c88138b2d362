/// Collects plain values as bytes.
struct ByteWriter {
    var bytes: [UInt8] = []

    mutating func put(_ value: Int64) { raw(value) }

    @inline(__always)
    mutating func raw<T: BitwiseCopyable>(_ value: T) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    mutating func text(_ text: String) {
        put(Int64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    /// Puts a number in a place that was kept free for it.
    mutating func set<T: BitwiseCopyable>(_ value: T, at offset: Int) {
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value, toByteOffset: offset, as: T.self) }
    }

    /// A part that readers who do not know its name pass over.
    mutating func section(_ name: String, _ content: [UInt8]) {
        section(name) { $0.bytes.append(contentsOf: content) }
    }

    /// A part that readers who do not know its name pass over, written in its place.
    mutating func section(_ name: String, _ body: (inout ByteWriter) -> Void) {
        text(name)
        let start = bytes.count
        put(0)
        body(&self)
        set(Int64(bytes.count - start - 8), at: start)
    }

    mutating func table<Value: BitwiseCopyable>(_ table: borrowing OpenTable<Value>) {
        put(Int64(table.count))
        table.forEach { key, value in
            raw(key)
            raw(value.pointee)
        }
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
