/// The bucket and the key of `s3://bucket/key`. Keys are taken literally: nothing in them is decoded or normalised.
public struct S3Location: Sendable, Hashable, CustomStringConvertible {
    /// The scheme as written: `s3`, or `s3a` and `s3n` as Hadoop writes it.
    public let scheme: String
    /// The bucket.
    public let bucket: String
    /// The key; empty for the bucket itself.
    public let key: String

    /// The schemes that mean S3.
    static let schemes: Set<String> = ["s3", "s3a", "s3n"]

    /// Longest key, in bytes.
    static let keyBytesMax = 1024

    /// Reads a location.
    /// - Throws: ``StorageError`` `.badLocation` for another scheme, a name no bucket can have, or too long a key.
    public init(_ location: String) throws {
        guard let scheme = Location.scheme(of: location), Self.schemes.contains(scheme) else {
            throw StorageError(.badLocation, at: location, "is no location in an object store: write s3://bucket/key")
        }
        let rest = location.utf8.dropFirst(scheme.utf8.count + 1)
        guard rest.starts(with: "//".utf8) else {
            throw StorageError(.badLocation, at: location, "write it as s3://bucket/key")
        }
        let parts = rest.dropFirst(2).split(
            separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
        let bucket = String(Substring(parts[0]))
        guard Self.isBucketName(bucket) else {
            throw StorageError(
                .badLocation, at: location,
                "\"\(bucket)\" cannot name a bucket: use 3 to 63 small letters, digits, dots and hyphens")
        }
        let key = parts.count > 1 ? String(Substring(parts[1])) : ""
        guard key.utf8.count <= Self.keyBytesMax, !key.utf8.contains(0) else {
            throw StorageError(.badLocation, at: location, "a key has at most 1024 bytes, none of them NUL")
        }
        guard !key.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) else {
            throw StorageError(
                .badLocation, at: location, "a key with a part \".\" or \"..\" is another one after a proxy: rename it")
        }
        self.scheme = scheme
        self.bucket = bucket
        self.key = key
    }

    /// The same bucket's object of another key.
    func with(key: String) -> String { "\(scheme)://\(bucket)/\(key)" }

    /// The location as text.
    public var description: String { with(key: key) }

    private static func isBucketName(_ name: String) -> Bool {
        func isPlain(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard (3...63).contains(name.utf8.count), let first = name.utf8.first, let last = name.utf8.last else {
            return false
        }
        return isPlain(first) && isPlain(last) && !name.contains("..")
            && name.utf8.allSatisfy { isPlain($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
    }
}
