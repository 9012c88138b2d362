public import Foundation

/// How an object store that speaks S3 is reached.
///
/// What is nil comes from the environment and the files that every tool for S3 reads: `AWS_ENDPOINT_URL_S3`,
/// `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_DEFAULT_REGION`, `AWS_CA_BUNDLE`, and for keys see ``S3CredentialSource``.
public struct S3Settings: Sendable, Hashable {
    /// How a bucket is named in a request.
    public enum Style: String, Sendable, Hashable, CaseIterable {
        /// `https://endpoint/bucket/key`: what stores with an endpoint of their own usually want.
        case path
        /// `https://bucket.endpoint/key`: what AWS wants.
        case virtual
    }

    /// The URL of the store, such as `http://127.0.0.1:9000`; nil for AWS in the region.
    public var endpoint: String?
    /// The region that requests are signed for; nil for the environment's, or `us-east-1`.
    public var region: String?
    /// How buckets are named; nil for `path` with an endpoint, `virtual` without.
    public var style: Style?
    /// The access key; nil to look for keys where other tools do.
    public var accessKey: String?
    /// The secret of the access key.
    public var secretKey: String?
    /// The session token of temporary keys.
    public var sessionToken: String?
    /// A PEM file of certificate authorities to trust in place of the system's.
    public var certificateAuthorities: String?
    /// Tries of one request, the first included.
    public var attempts = 6
    /// Seconds that one request and its repetitions may take together.
    public var totalSeconds = 90.0
    /// Seconds that one try may take.
    public var attemptSeconds = 30.0

    /// Settings; what is nil is looked up when storage is made.
    public init(
        endpoint: String? = nil, region: String? = nil, style: Style? = nil, accessKey: String? = nil,
        secretKey: String? = nil, sessionToken: String? = nil, certificateAuthorities: String? = nil
    ) {
        self.endpoint = endpoint
        self.region = region
        self.style = style
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.sessionToken = sessionToken
        self.certificateAuthorities = certificateAuthorities
    }

    /// These settings with the environment's and the profile's in the place of what is nil.
    public func completed(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> S3Settings {
        func variable(_ names: String...) -> String? {
            names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        var settings = self
        settings.endpoint = endpoint ?? variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        settings.region =
            try region ?? variable("AWS_REGION", "AWS_DEFAULT_REGION")
            ?? AWSProfile.region(environment: environment) ?? "us-east-1"
        settings.certificateAuthorities = certificateAuthorities ?? variable("AWS_CA_BUNDLE")
        settings.style = style ?? (settings.endpoint == nil ? .virtual : .path)
        return settings
    }
}

/// Where requests for a bucket go, from completed settings.
struct S3Endpoint: Sendable, Hashable {
    let isTLS: Bool
    /// Host and port as the `Host` field and signatures have them.
    let authority: String
    let style: S3Settings.Style

    /// - Throws: ``StorageError`` `.badLocation` for an endpoint that is no plain http(s) URL.
    init(_ settings: S3Settings) throws {
        let text = settings.endpoint ?? "https://s3.\(settings.region ?? "us-east-1").amazonaws.com"
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let host = parts.percentEncodedHost, !host.isEmpty,
            ["", "/"].contains(parts.percentEncodedPath), parts.query == nil, parts.user == nil
        else {
            throw StorageError(
                .badLocation, at: text,
                "is no endpoint of an object store: write it as http://host:port or https://host, without a path")
        }
        isTLS = scheme == "https"
        let port = parts.port.flatMap { $0 == (scheme == "https" ? 443 : 80) ? nil : ":\($0)" } ?? ""
        authority = host + port
        style = settings.style ?? (settings.endpoint == nil ? .virtual : .path)
    }

    /// Host and path of an object, the path percent-encoded.
    func target(_ bucket: String, _ key: String) -> (authority: String, path: String) {
        // A bucket with dots is no name that a wildcard certificate covers.
        if style == .virtual, !(isTLS && bucket.contains(".")) {
            return (bucket + "." + authority, "/" + S3Signer.encoded(key, keepingSlashes: true))
        }
        return (authority, "/" + bucket + (key.isEmpty ? "" : "/") + S3Signer.encoded(key, keepingSlashes: true))
    }

    /// The URL up to the host.
    var shown: String { (isTLS ? "https://" : "http://") + authority }
}
