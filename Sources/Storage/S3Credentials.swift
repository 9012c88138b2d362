public import Foundation
import Synchronization

/// Keys that sign requests.
public struct S3Credentials: Sendable, Hashable {
    /// The access key, which is no secret.
    public var accessKey: String
    /// The secret.
    public var secretKey: String
    /// The token of temporary keys.
    public var sessionToken: String?
    /// When they end, in seconds since 1970 UTC; nil for keys that stay.
    public var expiresAt: Double?
    /// Where they were found, for messages.
    public var origin: String

    /// Keys.
    public init(
        accessKey: String, secretKey: String, sessionToken: String? = nil, expiresAt: Double? = nil,
        origin: String = "the configuration"
    ) {
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.sessionToken = sessionToken
        self.expiresAt = expiresAt
        self.origin = origin
    }
}

/// Finds keys, and finds new ones before they end.
///
/// In this order: the configuration; `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; the profile
/// `AWS_PROFILE` (or `default`) of `~/.aws/credentials` (or `AWS_SHARED_CREDENTIALS_FILE`); the instance profile of a
/// machine at AWS, unless `AWS_EC2_METADATA_DISABLED` is `true`.
public final class S3CredentialSource: Sendable {
    /// Seconds before their end that keys are replaced.
    static let refreshSeconds = 300.0

    /// Where keys come from.
    private enum Origin: Sendable {
        case places(S3Settings, [String: String], InstanceProfile?)
        case giver(@Sendable () throws -> S3Credentials)
    }

    private let origin: Origin
    private let now: @Sendable () -> Double
    private let known: Mutex<S3Credentials?>
    private let refreshSeconds: Double

    /// A source of the keys that settings, environment and files name.
    public init(
        _ settings: S3Settings, environment: [String: String] = ProcessInfo.processInfo.environment,
        now: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 }
    ) {
        origin = .places(settings, environment, InstanceProfile(environment: environment))
        self.now = now
        known = Mutex(nil)
        refreshSeconds = Self.refreshSeconds
    }

    /// A source of keys that somebody gives for a while.
    /// - Parameter renewing: asks for others, before these end or when a store says that they have.
    public init(
        _ first: S3Credentials, now: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 },
        renewing: @escaping @Sendable () throws -> S3Credentials
    ) {
        origin = .giver(renewing)
        self.now = now
        known = Mutex(first)
        // Keys that never hold for long would be asked for anew at every request.
        refreshSeconds = min(Self.refreshSeconds, max(0, first.expiresAt.map { ($0 - now()) / 4 } ?? 0))
    }

    /// Keys that hold for some minutes at least, as far as there are such.
    ///
    /// While one caller fetches new ones, the others wait, within the bounds of ``InstanceProfile``.
    /// - Throws: ``StorageError`` that says where was looked and what to do.
    public func credentials() throws -> S3Credentials {
        try known.withLock { known in
            if let known, known.expiresAt.map({ $0 - now() > refreshSeconds }) ?? true { return known }
            do {
                let found = try find()
                known = found
                return found
            } catch {
                // Keys that still hold are better than none; the next call tries again.
                if let known, let end = known.expiresAt, end > now() { return known }
                throw error
            }
        }
    }

    /// Makes the next call look again, because a store refused these.
    func forget(_ refused: S3Credentials) {
        known.withLock { if $0 == refused { $0 = nil } }
    }

    private func find() throws -> S3Credentials {
        switch origin {
        case .places(let settings, let environment, let instance): try Self.find(settings, environment, instance)
        case .giver(let renewing): try renewing()
        }
    }

    private static func find(
        _ settings: S3Settings, _ environment: [String: String], _ instance: InstanceProfile?
    ) throws -> S3Credentials {
        if settings.accessKey != nil || settings.secretKey != nil {
            guard let accessKey = settings.accessKey, let secretKey = settings.secretKey else {
                throw Self.failure("an access key needs its secret key: set both, or neither")
            }
            return S3Credentials(accessKey: accessKey, secretKey: secretKey, sessionToken: settings.sessionToken)
        }
        if let accessKey = environment["AWS_ACCESS_KEY_ID"], !accessKey.isEmpty {
            guard let secretKey = environment["AWS_SECRET_ACCESS_KEY"], !secretKey.isEmpty else {
                throw Self.failure("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not: set both, or neither")
            }
            return S3Credentials(
                accessKey: accessKey, secretKey: secretKey,
                sessionToken: environment["AWS_SESSION_TOKEN"].flatMap { $0.isEmpty ? nil : $0 },
                origin: "the environment")
        }
        if let found = try AWSProfile.credentials(environment: environment) { return found }
        guard let instance else {
            throw Self.failure(
                "there are no keys: set s3.access_key and s3.secret_key, or AWS_ACCESS_KEY_ID and "
                    + "AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials")
        }
        return try instance.credentials()
    }

    static func failure(_ reason: String) -> StorageError { StorageError(.failed, at: "S3 credentials", reason) }
}

/// The files of profiles that AWS's tools share.
enum AWSProfile {
    private static let fileBytesMax = 1 << 20

    /// The keys of the profile, or nil when there is no file or no profile of the default name.
    static func credentials(environment: [String: String]) throws -> S3Credentials? {
        let path = path("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", environment)
        let name = profile(environment)
        guard let values = try read(path)?[name] else {
            guard environment["AWS_PROFILE"]?.isEmpty ?? true else {
                throw S3CredentialSource.failure("\(path) has no profile [\(name)], which AWS_PROFILE names")
            }
            return nil
        }
        guard let accessKey = values["aws_access_key_id"], let secretKey = values["aws_secret_access_key"] else {
            throw S3CredentialSource.failure(
                "the profile [\(name)] in \(path) lacks aws_access_key_id or aws_secret_access_key; other kinds of "
                    + "profile are not read: put temporary keys into the environment")
        }
        return S3Credentials(
            accessKey: accessKey, secretKey: secretKey, sessionToken: values["aws_session_token"],
            origin: "the profile [\(name)] in \(path)")
    }

    /// The region of the profile in `~/.aws/config`.
    static func region(environment: [String: String]) throws -> String? {
        let name = profile(environment)
        return try read(path("AWS_CONFIG_FILE", ".aws/config", environment))?[
            name == "default" ? name : "profile \(name)"]?["region"]
    }

    private static func profile(_ environment: [String: String]) -> String {
        environment["AWS_PROFILE"].flatMap { $0.isEmpty ? nil : $0 } ?? "default"
    }

    private static func path(_ variable: String, _ name: String, _ environment: [String: String]) -> String {
        if let named = environment[variable], !named.isEmpty { return named }
        return (environment["HOME"] ?? NSHomeDirectory()) + "/" + name
    }

    /// Sections with their keys and values; nil when there is no file.
    private static func read(_ path: String) throws -> [String: [String: String]]? {
        let bytes: [UInt8]
        do {
            bytes = try LocalStorage().read(path, upTo: fileBytesMax)
        } catch let error as StorageError where error.kind == .notFound {
            return nil
        }
        var sections: [String: [String: String]] = [:]
        var section = ""
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.isEmpty || text.hasPrefix("#") || text.hasPrefix(";") { continue }
            if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
                section = text[text.index(after: text.startIndex)..<end].trimmingCharacters(in: .whitespaces)
                sections[section, default: [:]] = [:]
            } else if let equals = text.firstIndex(of: "=") {
                let key = text[..<equals].trimmingCharacters(in: .whitespaces).lowercased()
                sections[section, default: [:]][key] =
                    text[text.index(after: equals)...].trimmingCharacters(in: .whitespaces)
            }
        }
        return sections
    }
}

/// The keys of the machine's role at AWS, by the second version of its metadata service (IMDSv2).
struct InstanceProfile: Sendable {
    /// Seconds for each question: elsewhere nobody answers, and the wait must be short.
    static let questionSeconds = 1.5
    /// Times a question is asked.
    static let attempts = 2
    private static let tokenSeconds = 21_600
    private static let answerBytesMax = 64 << 10

    private let endpoint: String

    /// Nil when the environment switches it off.
    init?(environment: [String: String]) {
        if environment["AWS_EC2_METADATA_DISABLED"]?.lowercased() == "true" { return nil }
        let named = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"].flatMap { $0.isEmpty ? nil : $0 }
        var endpoint = named ?? "http://169.254.169.254"
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        self.endpoint = endpoint
    }

    private struct Answer: Decodable {
        let AccessKeyId: String
        let SecretAccessKey: String
        let Token: String
        let Expiration: String
    }

    /// Asks for the role's name and its keys.
    func credentials() throws -> S3Credentials {
        var settings = HTTPTransport.Settings()
        settings.connectSeconds = Self.questionSeconds
        let transport = try HTTPTransport(settings)
        let token = try ask(
            transport,
            HTTPRequest(
                "PUT", endpoint + "/latest/api/token",
                headers: ["X-aws-ec2-metadata-token-ttl-seconds": String(Self.tokenSeconds)]))
        let path = endpoint + "/latest/meta-data/iam/security-credentials/"
        let headers: HTTPFields = ["X-aws-ec2-metadata-token": token]
        let role = try ask(transport, HTTPRequest("GET", path, headers: headers)).split(separator: "\n").first ?? ""
        guard !role.isEmpty, role.utf8.count <= 128, role.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw failure("it names no role: give the machine an instance profile")
        }
        let text = try ask(
            transport, HTTPRequest("GET", path + S3Signer.encoded(String(role)), headers: headers))
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(text.utf8)),
            let end = try? Date(answer.Expiration, strategy: .iso8601)
        else { throw failure("its answer about the role \(role) has no keys in it") }
        return S3Credentials(
            accessKey: answer.AccessKeyId, secretKey: answer.SecretAccessKey, sessionToken: answer.Token,
            expiresAt: end.timeIntervalSince1970, origin: "the instance profile \(role)")
    }

    private func ask(_ transport: HTTPTransport, _ request: HTTPRequest) throws -> String {
        var last = ""
        for _ in 0..<Self.attempts {
            do {
                let answer = try transport.send(
                    request, timeoutSeconds: Self.questionSeconds, bytesMax: Self.answerBytesMax)
                if answer.status == 200 { return String(decoding: answer.body, as: UTF8.self) }
                last = "status \(answer.status)"
                if answer.status < 500 { break }
            } catch let error as HTTPTransportError {
                last = error.description
            }
        }
        throw failure(last)
    }

    private func failure(_ reason: String) -> StorageError {
        S3CredentialSource.failure(
            "neither the configuration nor the environment nor ~/.aws/credentials has keys, and this machine's "
                + "metadata service gives none (\(reason)): set s3.access_key and s3.secret_key, or AWS_ACCESS_KEY_ID "
                + "and AWS_SECRET_ACCESS_KEY")
    }
}
