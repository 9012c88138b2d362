/// How the server listens and whom it lets in.
public struct ServerConfiguration: Sendable {
    /// The address to listen on.
    public var host = "127.0.0.1"
    /// The port; 0 for any that is free.
    public var port = 8080
    /// What callers must show, as `Authorization: Bearer TOKEN`; needed to listen beyond this machine.
    public var token: String?
    /// What this process shows to itself where it sends events to its own door.
    public var ownToken: String?
    /// The origins of the web pages that may send events without a write key of their own.
    public var corsOrigins: [String] = []
    /// The bounds of the HTTP side.
    public var limits = DoorLimits()
    /// The folder with the dashboard's files.
    public var webFolder: String
    /// The version that `/openapi.json` tells.
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
