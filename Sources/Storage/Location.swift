import Foundation

/// Reading and writing locations: `/abs/path`, `file:/abs/path` and `file:///abs/path` name the same object, and
/// `s3://bucket/key` (or `s3a://`, `s3n://`) one in an object store.
///
/// The path part is taken literally, never percent-decoded: table formats write it that way, and so must we.
public enum Location {
    /// The URL of a path or location: `file://` for a local one; one in an object store stays as it is, less slashes at
    /// its end. A relative path is taken from the working directory.
    /// - Throws: ``StorageError`` `.badLocation` for another scheme, an empty path or a NUL byte.
    public static func url(forPath location: String) throws -> String {
        guard isRemote(location) else { return "file://" + (try path(of: location)) }
        var url = try S3Location(location).description
        while url.hasSuffix("/") { url.removeLast() }
        return url
    }

    /// Whether the location is in an object store, and not a file of this machine.
    public static func isRemote(_ location: String) -> Bool {
        scheme(of: location).map { S3Location.schemes.contains($0) } ?? false
    }

    /// What an engine on this machine opens: the path of a local location, the URL of another.
    /// - Throws: ``StorageError`` `.badLocation`.
    public static func opened(_ location: String) throws -> String {
        isRemote(location) ? try S3Location(location).description : try path(of: location)
    }

    /// The absolute local path of a location, without a trailing slash, `.` or `..` components.
    /// - Throws: ``StorageError`` `.badLocation` for another scheme, an empty path or a NUL byte.
    public static func path(of location: String) throws -> String {
        var path = Substring(location)
        if let scheme = scheme(of: location) {
            guard scheme == "file" else {
                throw StorageError(
                    .badLocation, at: location, "local storage reads file:// locations, not \(scheme)://")
            }
            path = path.dropFirst("file:".count)
            if path.hasPrefix("//") {
                path = path.dropFirst(2)
                if path.hasPrefix("localhost/") { path = path.dropFirst("localhost".count) }
                guard path.hasPrefix("/") else {
                    throw StorageError(.badLocation, at: location, "write it as file:///absolute/path")
                }
            }
        }
        guard !path.isEmpty else { throw StorageError(.badLocation, at: location, "the path is empty") }
        guard !path.utf8.contains(0) else { throw StorageError(.badLocation, at: location, "the path has a NUL byte") }
        var text = String(path)
        if !text.hasPrefix("/") { text = FileManager.default.currentDirectoryPath + "/" + text }
        return standardised(text)
    }

    /// The location of `name` inside `folder`, with one slash between them.
    public static func join(_ folder: String, _ name: String) -> String {
        folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }

    /// What a location lies in, without a slash at the end.
    public static func folder(of location: String) -> String {
        guard let slash = location.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return String(location[..<slash])
    }

    /// The last component of a location.
    public static func name(of location: String) -> String {
        guard let slash = location.utf8.lastIndex(of: UInt8(ascii: "/")) else { return location }
        return String(location[location.index(after: slash)...])
    }

    /// The part before the first colon, when it is a scheme (`s3` of `s3://…`).
    static func scheme(of location: String) -> String? {
        guard let colon = location.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let scheme = location[..<colon]
        let isScheme =
            !scheme.isEmpty
            && scheme.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                    || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            }
        guard isScheme, location[colon...].hasPrefix(":/") else { return nil }
        return scheme.lowercased()
    }

    private static func standardised(_ absolute: String) -> String {
        var kept: [Substring] = []
        for part in absolute.split(separator: "/", omittingEmptySubsequences: true) {
            switch part {
            case ".": continue
            case "..": _ = kept.popLast()
            default: kept.append(part)
            }
        }
        return "/" + kept.joined(separator: "/")
    }
}
