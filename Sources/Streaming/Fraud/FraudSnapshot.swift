import CBytes

/// Why a snapshot of the fraud state could not be used; the state is then made anew from the events.
public struct FraudSnapshotError: Error, CustomStringConvertible {
    /// One line.
    public let description: String
}

/// Collects plain values as bytes.
struct FraudWriter {
    private(set) var bytes: [UInt8] = []

    mutating func put<T: BitwiseCopyable>(_ value: T) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    mutating func put(_ values: UnsafeBufferPointer<Float>) { put(UnsafeRawBufferPointer(values)) }

    mutating func put(_ raw: UnsafeRawBufferPointer) { bytes.append(contentsOf: raw) }

    /// The bytes with a name, a version and a checksum before them: one section of a file.
    static func section(_ name: StaticString, version: UInt32, _ body: (inout FraudWriter) -> Void) -> [UInt8] {
        var inner = FraudWriter()
        body(&inner)
        var outer = FraudWriter()
        for index in 0..<4 { outer.put(name.utf8Start[index]) }
        outer.put(version)
        outer.put(inner.bytes.withUnsafeBytes { cbytes_crc32c(0, $0.baseAddress, $0.count) })
        outer.put(UInt64(inner.bytes.count))
        return outer.bytes + inner.bytes
    }
}

/// Reads back what a `FraudWriter` wrote, minding the end.
struct FraudReader {
    private let bytes: ArraySlice<UInt8>
    private let name: String
    private var at: Int

    private init(_ bytes: ArraySlice<UInt8>, _ name: String) {
        self.bytes = bytes
        self.name = name
        at = bytes.startIndex
    }

    func damaged(_ what: String) -> FraudSnapshotError {
        FraudSnapshotError(description: "the fraud state's section \(name) is damaged: \(what)")
    }

    mutating func get<T: BitwiseCopyable>(_ type: T.Type) throws -> T {
        let size = MemoryLayout<T>.size
        guard size <= bytes.endIndex - at else { throw damaged("it ends too early") }
        defer { at += size }
        return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at - bytes.startIndex, as: T.self) }
    }

    /// A number that fits 32 bits, of things that take so many bytes each and must all still be there.
    mutating func count(of size: Int) throws -> Int {
        let count = try get(UInt64.self)
        guard count <= UInt64(UInt32.max), size == 0 || Int(count) <= (bytes.endIndex - at) / size else {
            throw damaged("a count is out of bounds")
        }
        return Int(count)
    }

    /// That so many bytes are still there.
    func expect(_ count: Int) throws {
        guard count <= bytes.endIndex - at else { throw damaged("it ends too early") }
    }

    mutating func get(into raw: UnsafeMutableRawBufferPointer) throws {
        try expect(raw.count)
        bytes.withUnsafeBytes {
            raw.copyMemory(
                from: UnsafeRawBufferPointer(rebasing: $0[at - bytes.startIndex..<at - bytes.startIndex + raw.count]))
        }
        at += raw.count
    }

    mutating func get(_ values: UnsafeMutableBufferPointer<Float>) throws {
        for index in values.indices {
            let value = try get(Float.self)
            guard value.isFinite else { throw damaged("a number is none") }
            values[index] = value
        }
    }

    /// Reads the next section of `bytes`, which must have that name, version and checksum, and be read whole.
    static func section(
        _ name: StaticString, version: UInt32, of bytes: inout ArraySlice<UInt8>,
        _ body: (inout FraudReader) throws -> Void
    ) throws {
        var head = FraudReader(bytes.prefix(20), "\(name)")
        for index in 0..<4 where try head.get(UInt8.self) != name.utf8Start[index] {
            throw head.damaged("it is another section")
        }
        let found = try head.get(UInt32.self)
        guard found == version else {
            throw FraudSnapshotError(
                description: "the fraud state's section \(name) has version \(found), and this program reads \(version)"
            )
        }
        let checksum = try head.get(UInt32.self)
        let count = try head.get(UInt64.self)
        guard count <= UInt64(bytes.count - 20) else { throw head.damaged("it ends too early") }
        let inner = bytes.dropFirst(20).prefix(Int(count))
        guard inner.withUnsafeBytes({ cbytes_crc32c(0, $0.baseAddress, $0.count) }) == checksum else {
            throw head.damaged("its checksum does not hold")
        }
        var reader = FraudReader(inner, "\(name)")
        try body(&reader)
        guard reader.at == inner.endIndex else { throw reader.damaged("bytes are left over") }
        bytes = bytes.dropFirst(20 + Int(count))
    }
}
