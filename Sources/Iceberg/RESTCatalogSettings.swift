import Storage

/// Where an Iceberg REST catalog is, and how it is spoken to.
public struct RESTCatalogSettings: Sendable, Hashable {
    /// The address up to `/v1`, such as `http://localhost:8080/iceberg`.
    public var uri: String
    /// Which warehouse of the catalog is meant; catalogs with one need no name.
    public var warehouse: String?
    /// A token, sent as `Authorization: Bearer TOKEN`.
    public var token: String?
    /// `id:secret` or a secret alone, exchanged for a token (OAuth 2 client credentials) where there is no token.
    public var credential: String?
    /// Where a credential is exchanged, if it is not at the catalog itself.
    public var tokenURI: String?
    /// What the token is asked to be good for.
    public var scope = "catalog"
    /// Fields sent with every request.
    public var headers: [String: String] = [:]
    /// A PEM file of certificate authorities to trust in place of the system's.
    public var certificateAuthorities: String?
    /// How long a request may take, in seconds.
    public var requestSeconds = 30.0
    /// How long a commit may take, in seconds; after that its fate is not known.
    public var commitSeconds = 60.0
    /// Attempts at a request that changes nothing, or was not done for sure; the first included.
    public var attempts = 4
    /// The first pause between attempts is up to this long, in seconds; each next one up to twice as long.
    public var firstPauseSeconds = 0.1
    /// Longest pause, in seconds, also where the catalog asks for a longer one.
    public var lastPauseSeconds = 5.0

    /// A catalog at an address.
    public init(uri: String) { self.uri = uri }

    /// Most extra header fields.
    static let headersMax = 64
    /// Bytes of all of them.
    static let headerBytesMax = 32 << 10

    /// Checks what would otherwise end up in a request as it is.
    func validate() throws {
        guard uri.hasPrefix("http://") || uri.hasPrefix("https://") else {
            throw IcebergError(.badRequest, "\"\(uri)\" is no address of a REST catalog: write http://… or https://…")
        }
        try Self.validate(headers)
        for (name, text) in [("token", token), ("credential", credential)] {
            guard text.map({ Self.isFieldValue($0) && !$0.isEmpty }) ?? true else {
                throw IcebergError(.badRequest, "the \(name) of the catalog is empty or has control characters")
            }
        }
    }

    static func validate(_ headers: [String: String]) throws {
        let bytes = headers.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        guard headers.count <= headersMax, bytes <= headerBytesMax else {
            throw IcebergError(
                .badRequest, "up to \(headersMax) header fields with \(headerBytesMax) bytes may be sent along")
        }
        for (name, value) in headers where !isFieldName(name) || !isFieldValue(value) {
            throw IcebergError(.badRequest, "\"\(name.prefix(80))\" is no header field that can be sent")
        }
    }

    private static func isFieldName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }

    private static func isFieldValue(_ value: String) -> Bool {
        value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }
}
