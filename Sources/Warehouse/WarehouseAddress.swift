/// Where a warehouse is: `postgres://user@host:5432/database`, as PostgreSQL's own programs read it. What it leaves out
/// comes from the environment (`PGPASSWORD`, `PGSSLMODE` and the like) and the password file.
public struct WarehouseAddress: Sendable {
    let text: String
    /// The address without its password, for people to read.
    public let description: String
    private let secrets: [String]

    /// - Throws: ``WarehouseError`` when it is no such address.
    public init(_ text: String) throws {
        guard text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") else {
            // It may be a password that was put in the wrong place: it is not repeated.
            throw WarehouseError(
                .address,
                "the warehouse's address must begin with postgres://, such as postgres://loader@db.example:5432/shop")
        }
        self.text = text
        (description, secrets) = Self.hidden(text)
        guard !text.utf8.contains(0) else {
            throw WarehouseError(.address, "\(description) holds a byte of zero: write the address anew")
        }
    }

    /// A text of the server or of the client library, with the password, should it be in there, left out.
    func hiding(_ message: String) -> String {
        var shown = Self.replaced(text, by: description, in: message)
        for secret in secrets where !secret.isEmpty { shown = Self.replaced(secret, by: "***", in: shown) }
        return shown
    }

    /// The address without what may be a password, and the spellings of what was left out.
    private static func hidden(_ text: String) -> (String, [String]) {
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var shown = String(parts[0])
        var secrets: [String] = []
        if let start = shown.firstRange(of: "://")?.upperBound, let at = shown.lastIndex(of: "@"), start <= at {
            let user = shown[start..<at]
            if let colon = user.firstIndex(of: ":") {
                secrets.append(String(user[user.index(after: colon)...]))
                shown = String(shown[..<start] + user[..<colon] + shown[at...])
            }
        }
        guard parts.count == 2 else { return (shown, secrets + secrets.map(decoded)) }
        let words = parts[1].split(separator: "&").filter { word in
            guard let mark = word.firstIndex(of: "="), word[..<mark].lowercased().contains("password") else {
                return true
            }
            secrets.append(String(word[word.index(after: mark)...]))
            return false
        }
        if !words.isEmpty { shown += "?" + words.joined(separator: "&") }
        return (shown, secrets + secrets.map(decoded))
    }

    private static func decoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(text)
        while let first = rest.first {
            if first == "%", rest.count >= 3, let byte = UInt8(rest.dropFirst().prefix(2), radix: 16) {
                bytes.append(byte)
                rest = rest.dropFirst(3)
            } else {
                bytes += String(first).utf8
                rest = rest.dropFirst()
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func replaced(_ part: String, by other: String, in text: String) -> String {
        text.split(separator: part, omittingEmptySubsequences: false).joined(separator: other)
    }
}
