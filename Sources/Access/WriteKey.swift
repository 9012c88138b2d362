import Crypto

/// A write key as its holder has it: `ck_<id>_<secret>`.
///
/// The id is public and names the key in lists, metrics and the key file; the secret is 256 random bits. Only the
/// SHA-256 of the whole text is kept. A slow hash such as Argon2 protects secrets that can be guessed, because a person
/// chose them; 256 random bits cannot be, however fast each guess is, and every request would pay for it.
public struct WriteKey: Sendable {
    /// What every key begins with, so that it is recognised where it should not be, as in a repository.
    public static let prefix = "ck_"
    /// Random bytes of the id, written in hexadecimal.
    static let idBytes = 6
    /// Random bytes of the secret, written in base64url (RFC 4648, section 5) without padding.
    static let secretBytes = 32
    /// The longest text that is looked at as a key, in bytes.
    static let textBytes = 128

    /// The public part.
    public let id: String
    /// The whole key; to be shown once and not kept.
    public let text: String

    /// A new key from the system's source of randomness.
    public static func generate() -> WriteKey {
        var random = SystemRandomNumberGenerator()
        let id = Hexadecimal.text((0..<idBytes).map { _ in UInt8.random(in: 0...255, using: &random) })
        let secret = (0..<secretBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
        return WriteKey(id: id, text: "\(prefix)\(id)_\(Base64URL.text(secret))")
    }

    /// The secret part: 256 random bits.
    public var secret: String { String(text.dropFirst(WriteKey.prefix.count + id.count + 1)) }

    /// What is kept of the key.
    public var digest: SecretDigest { SecretDigest(of: text) }

    /// The public part of a key's text; nil when the text has not the form of a key.
    static func id(of text: some StringProtocol) -> Substring? {
        guard text.utf8.count <= textBytes, text.hasPrefix(prefix) else { return nil }
        let rest = Substring(text).dropFirst(prefix.count)
        guard let end = rest.firstIndex(of: "_"), end > rest.startIndex else { return nil }
        return rest[..<end]
    }
}

/// The SHA-256 (FIPS 180-4) of a secret: what is compared, and what lies on the disk.
public struct SecretDigest: Sendable, Hashable {
    /// Bytes in a digest.
    static let byteCount = 32
    /// The bytes.
    let bytes: [UInt8]

    /// The digest of a secret's UTF-8.
    public init(of secret: some StringProtocol) {
        var hash = SHA256()
        var text = String(secret)
        text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        bytes = Array(hash.finalize())
    }

    /// Reads the form that `text` writes; nil when it is anything else.
    init?(_ text: String) {
        guard let bytes = Hexadecimal.bytes(text), bytes.count == SecretDigest.byteCount else { return nil }
        self.bytes = bytes
    }

    /// In hexadecimal.
    public var text: String { Hexadecimal.text(bytes) }

    /// Whether two digests are the same, found out in a time that does not tell how much of them is.
    public func isSame(as other: SecretDigest) -> Bool {
        var difference: UInt8 = 0
        for place in 0..<SecretDigest.byteCount { difference |= bytes[place] ^ other.bytes[place] }
        return difference == 0
    }

    /// As `isSame`: a digest is never compared in any other way.
    public static func == (left: SecretDigest, right: SecretDigest) -> Bool { left.isSame(as: right) }
}

/// Bytes as hexadecimal digits.
enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    static func bytes(_ text: String) -> [UInt8]? {
        let values = text.utf8.map { digits.firstIndex(of: $0) }
        guard values.count % 2 == 0, values.allSatisfy({ $0 != nil }) else { return nil }
        let nibbles = values.compactMap { $0 }
        return stride(from: 0, to: nibbles.count, by: 2).map { UInt8(nibbles[$0] << 4 | nibbles[$0 + 1]) }
    }
}

/// Bytes as base64url without padding (RFC 4648, section 5).
enum Base64URL {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    static func text(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for byte in group { bits = bits << 8 | UInt32(byte) }
            bits <<= UInt32(8 * (3 - group.count))
            for place in 0...group.count { text.append(digits[Int(bits >> UInt32(18 - 6 * place) & 63)]) }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
