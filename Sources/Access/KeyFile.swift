import Foundation
import Glibc

/// The file with the write keys: read by the server, changed by `cartograph keys`.
///
/// ```
/// {"version": 1, "keys": [{"id": "…", "label": "…", "sha256": "…", "created_at": "…", …}]}
/// ```
public struct KeyFile: Sendable {
    /// The most keys.
    public static let keysMax = 1_000
    /// The largest file that is read, in bytes.
    static let bytesMax = 8 << 20
    private static let version = 1

    /// The folder that holds it.
    public let folder: String
    /// The file.
    public var path: String { folder + "/keys.json" }

    /// The folder of the keys in a data folder.
    public static func folder(inData data: String) -> String { data + "/access" }

    /// The key file in a folder, which need not exist.
    public init(folder: String) { self.folder = folder }

    private struct Content: Codable {
        var version: Int
        var keys: [KeyRecord]
    }

    /// All records, revoked ones too; nil when there is no file.
    ///
    /// - Throws: `AccessError` when it cannot be read, or is not such a file.
    public func read() throws(AccessError) -> [KeyRecord]? {
        guard let bytes = try AccessFile.read(path, limit: KeyFile.bytesMax) else { return nil }
        func damaged(_ what: String) -> AccessError {
            AccessError(
                "\(path) is damaged: \(what); restore it from a copy, or move it away and make new keys with "
                    + "`cartograph keys add`")
        }
        let content: Content
        do {
            content = try JSONDecoder().decode(Content.self, from: bytes)
        } catch {
            throw damaged("it is not the JSON that `cartograph keys` writes")
        }
        guard content.version == KeyFile.version else { throw damaged("version \(content.version) is not known") }
        guard content.keys.count <= KeyFile.keysMax else { throw damaged("more than \(KeyFile.keysMax) keys") }
        var ids: Set<String> = []
        for record in content.keys {
            if let fault = record.fault { throw damaged(fault) }
            guard ids.insert(record.id).inserted else { throw damaged("\(record.id) stands in it twice") }
        }
        return content.keys
    }

    /// Changes the records; two that change the file at once do it one after the other.
    ///
    /// - Throws: `AccessError`, and what `body` throws; then the file is as it was.
    public func change<Result>(_ body: (inout [KeyRecord]) throws -> Result) throws -> Result {
        try AccessFile.makeFolder(folder)
        let lock = open(folder + "/keys.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw AccessError.last("open", folder + "/keys.lock") }
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0 {
            guard errno == EINTR else { throw AccessError.last("flock", folder + "/keys.lock") }
        }
        var keys = try read() ?? []
        let result = try body(&keys)
        guard keys.count <= KeyFile.keysMax else {
            throw AccessError(
                "there are \(KeyFile.keysMax) keys already, revoked ones included: use another data folder")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AccessFile.replace(path, with: Array(try encoder.encode(Content(version: KeyFile.version, keys: keys))))
        return result
    }
}
