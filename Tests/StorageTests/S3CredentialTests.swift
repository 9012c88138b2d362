import Foundation
import Storage
import Synchronization
import TestServers
import Testing

@Suite("S3 credentials")
struct S3CredentialTests {
    private let home: String

    init() throws {
        home = FileManager.default.temporaryDirectory.path + "/credentials-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: home + "/.aws", withIntermediateDirectories: true)
    }

    private func found(
        _ settings: S3Settings = S3Settings(), _ environment: [String: String] = [:]
    ) throws -> S3Credentials {
        let all = ["HOME": home, "AWS_EC2_METADATA_DISABLED": "true"].merging(environment) { $1 }
        return try S3CredentialSource(settings, environment: all).credentials()
    }

    @Test("Keys are found in the configuration, the environment and the profile, in this order")
    func order() throws {
        let file = """
            # comment
            [default]
            aws_access_key_id = PROFILE
            aws_secret_access_key=p/+=

            [other]
            aws_access_key_id=OTHER
            aws_secret_access_key=o
            aws_session_token = t==
            [half]
            role_arn = x
            """
        try Data(file.utf8).write(to: URL(fileURLWithPath: home + "/.aws/credentials"))
        let environment = [
            "AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "e", "AWS_SESSION_TOKEN": "s", "AWS_PROFILE": "other",
        ]
        #expect(try found(S3Settings(accessKey: "SET", secretKey: "c"), environment).accessKey == "SET")
        let fromEnvironment = try found(S3Settings(), environment)
        #expect(fromEnvironment.accessKey == "ENV" && fromEnvironment.sessionToken == "s")
        let byDefault = try found()
        #expect(byDefault.accessKey == "PROFILE" && byDefault.secretKey == "p/+=" && byDefault.sessionToken == nil)
        let other = try found(S3Settings(), ["AWS_PROFILE": "other"])
        #expect(other.accessKey == "OTHER" && other.sessionToken == "t==" && other.origin.contains("[other]"))
        for profile in ["half", "none"] {
            let error = try #require(failure { _ = try found(S3Settings(), ["AWS_PROFILE": profile]) })
            #expect("\(error)".contains("[\(profile)]"), "\(error)")
        }
        for half in [["AWS_ACCESS_KEY_ID": "ENV"], ["AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": ""]] {
            #expect(failure { _ = try found(S3Settings(), half) }?.reason.contains("set both") ?? false)
        }
        #expect(failure { _ = try found(S3Settings(accessKey: "SET")) }?.reason.contains("needs its secret") ?? false)
    }

    @Test("Without any keys the error says where they can go")
    func none() throws {
        let error = try #require(failure { _ = try found() })
        for word in ["s3.access_key", "AWS_ACCESS_KEY_ID", "~/.aws/credentials"] { #expect("\(error)".contains(word)) }
    }

    @Test("Region, endpoint and authorities come from the environment and the profile where nothing is set")
    func settings() throws {
        try Data("[profile work]\nregion = eu-north-1\n".utf8).write(to: URL(fileURLWithPath: home + "/.aws/config"))
        func completed(_ settings: S3Settings, _ environment: [String: String]) throws -> S3Settings {
            try settings.completed(environment: ["HOME": home].merging(environment) { $1 })
        }
        #expect(try completed(S3Settings(), [:]).region == "us-east-1")
        #expect(try completed(S3Settings(), [:]).style == .virtual)
        #expect(try completed(S3Settings(), ["AWS_PROFILE": "work"]).region == "eu-north-1")
        #expect(try completed(S3Settings(), ["AWS_PROFILE": "work", "AWS_REGION": "eu-west-3"]).region == "eu-west-3")
        #expect(try completed(S3Settings(region: "x"), ["AWS_REGION": "eu-west-3"]).region == "x")
        let custom = try completed(S3Settings(), ["AWS_ENDPOINT_URL": "http://h:1", "AWS_CA_BUNDLE": "/ca.pem"])
        #expect(custom.endpoint == "http://h:1" && custom.style == .path && custom.certificateAuthorities == "/ca.pem")
        for bad in ["h:1", "ftp://h", "http://h/path", "http://", "http://u@h"] {
            #expect(kind { _ = try S3Storage(S3Settings(endpoint: bad)) } == .badLocation, "\(bad)")
        }
    }

    /// The metadata service of a machine at AWS cannot be real here: this endpoint speaks its protocol as AWS documents it.
    private func metadataService(_ expirations: [String], answers: AnswerCount) throws -> LoopbackEndpoint {
        try LoopbackEndpoint { request in
            let words = request.line.split(separator: " ")
            switch (words[0], words[1]) {
            case ("PUT", "/latest/api/token"):
                return request.headers["x-aws-ec2-metadata-token-ttl-seconds"] == nil
                    ? .status(400) : .status(200, body: "session")
            case _ where request.headers["x-aws-ec2-metadata-token"] != "session": return .status(401)
            case ("GET", "/latest/meta-data/iam/security-credentials/"): return .status(200, body: "lake-role\n")
            case ("GET", "/latest/meta-data/iam/security-credentials/lake-role"):
                let number = answers.next()
                guard number < expirations.count else { return .status(500) }
                return .status(
                    200,
                    body: """
                        {"Code": "Success", "AccessKeyId": "ASIA\(number)", "SecretAccessKey": "s\(number)",
                         "Token": "t\(number)", "Expiration": "\(expirations[number])"}
                        """)
            default: return .status(404)
            }
        }
    }

    @Test("An instance's keys are fetched with a session, kept, replaced before they end, and used to their end")
    func instance() throws {
        let answers = AnswerCount()
        let service = try metadataService(["2030-01-01T06:00:00Z", "2030-01-01T12:00:00Z"], answers: answers)
        defer { service.stop() }
        let start = 1_893_456_000.0  // 2030-01-01T00:00:00Z
        let clock = Mutex(start)
        let source = S3CredentialSource(
            S3Settings(), environment: ["HOME": home, "AWS_EC2_METADATA_SERVICE_ENDPOINT": service.url + "/"],
            now: { clock.withLock { $0 } })
        let first = try source.credentials()
        #expect(first.accessKey == "ASIA0" && first.sessionToken == "t0" && first.origin.contains("lake-role"))
        clock.withLock { $0 = start + 5.9 * 3600 }
        #expect(try source.credentials() == first)
        #expect(answers.value == 1, "keys are kept, not fetched for each request")
        clock.withLock { $0 = start + 6 * 3600 - 299 }
        #expect(try source.credentials().accessKey == "ASIA1")
        // The service fails from here on: what still holds is used, what has ended is not.
        clock.withLock { $0 = start + 12 * 3600 - 10 }
        #expect(try source.credentials().accessKey == "ASIA1")
        clock.withLock { $0 = start + 12 * 3600 + 1 }
        #expect(failure { _ = try source.credentials() }?.reason.contains("status 500") ?? false)
    }

    @Test("Where nobody answers for the instance, the wait is short and the words say what to do")
    func noInstance() throws {
        let silent = try LoopbackEndpoint { _ in .silence }
        defer { silent.stop() }
        let began = ContinuousClock.now
        let error = try #require(
            failure {
                _ = try found(
                    S3Settings(),
                    ["AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": silent.url])
            })
        #expect(ContinuousClock.now - began < .seconds(10))
        #expect("\(error)".contains("AWS_ACCESS_KEY_ID"), "\(error)")
    }

    @Test("A token that the store calls expired is replaced once, and the request repeated")
    func expired() throws {
        let answers = AnswerCount()
        let service = try metadataService(["2040-01-01T06:00:00Z", "2040-01-01T12:00:00Z"], answers: answers)
        let store = try LoopbackEndpoint { request in
            request.headers["x-amz-security-token"] == "t0"
                ? .status(400, body: "<Error><Code>ExpiredToken</Code></Error>") : .status(200, body: "yes")
        }
        defer {
            service.stop()
            store.stop()
        }
        let environment = [
            "HOME": home, "AWS_EC2_METADATA_SERVICE_ENDPOINT": service.url, "AWS_ENDPOINT_URL": store.url,
        ]
        let settings = try S3Settings().completed(environment: environment)
        let storage = try S3Storage(
            completed: settings, credentials: S3CredentialSource(settings, environment: environment))
        #expect(try storage.read("s3://bucket/key") == Array("yes".utf8))
        #expect(store.requests.count == 2)
    }
}

/// How often something was asked.
private final class AnswerCount: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }

    /// The number before this one.
    func next() -> Int {
        count.withLock {
            $0 += 1
            return $0 - 1
        }
    }
}
