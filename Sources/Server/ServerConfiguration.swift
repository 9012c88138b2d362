/// How the server listens and whom it lets in.
public struct ServerConfiguration: Sendable {
    /// The most connections at once; further ones wait in the system's queue.
    public static let connections = 1_024
    /// Bytes of request bodies held at once, over all connections; past it the answer is 429.
    public static let inFlightBytes = 64 << 20
    /// After how many seconds without a byte a connection is closed.
    public static let idleSeconds: Int64 = 60

    /// The address to listen on.
    public var host = "127.0.0.1"
    /// The port; 0 for any that is free.
    public var port = 8080
    /// What callers must show, as `Authorization: Bearer TOKEN`; needed to listen beyond this machine.
    public var token: String?
    /// The folder with the dashboard's files.
    public var webFolder: String
    /// The version that `/openapi.json` and the `server` header tell.
    public var version: String

    /// The default configuration.
    public init(webFolder: String, version: String) {
        self.webFolder = webFolder
        self.version = version
    }

    /// Whether the address is this machine's own and no other machine can reach it.
    public var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        // Only numbers: a name such as 127.example.com may stand for any machine.
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// The host as it stands in a URL.
    public var urlHost: String { host.contains(":") ? "[\(host)]" : host }
}

/// Why the server could not start.
public struct ServerError: Error, CustomStringConvertible {
    /// One line.
    public let description: String

    /// An error with its line.
    public init(_ description: String) { self.description = description }
}
