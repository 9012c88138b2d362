import Foundation
package import Storage

/// A real object store, Ceph's RADOS gateway, for all tests of one run: started when the first asks, ended with the run.
package final class CephServer: Sendable {
    package struct Failure: Error, CustomStringConvertible { package let description: String }

    /// The access key of its only user.
    package static let accessKey = "AKIAIOSFODNN7EXAMPLE"
    package static let secretKey = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
    /// A bucket that is there.
    package static let bucket = "lake-tests"

    package let port: UInt16
    /// Where it answers by https, and the authority that its certificate is from.
    package let tlsPort: UInt16
    package let authority: String
    /// The script ends the server when its standard input ends, which it does with this process, however that ends.
    private let input: Pipe

    /// The server, or why there is none. Starting is tried again where a port was taken meanwhile.
    private static let started = Result<CephServer, any Error> {
        var last: (any Error)?
        for _ in 0..<3 {
            do { return try CephServer() } catch { last = error }
        }
        throw last ?? Failure(description: "not started")
    }

    package static func shared() throws -> CephServer { try started.get() }

    private init() throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("ceph-rgw")
        var sockets: [(Int32, UInt16)] = []
        for _ in 0..<4 { sockets.append(try Loopback.listen()) }
        for socket in sockets { close(socket.0) }
        port = sockets[0].1
        tlsPort = sockets[3].1
        input = Pipe()
        let output = Pipe()
        let errors = Pipe()
        let process = Process()
        process.executableURL = script
        let name = "/tmp/ceph-" + UUID().uuidString.prefix(8).lowercased()
        authority = name + "/ca.pem"
        process.arguments = [name] + sockets.map { String($0.1) }
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard said.hasPrefix("ready ") else {
            let reason = errors.fileHandleForReading.readDataToEndOfFile()
            throw Failure(description: "Ceph did not start: \(String(decoding: reason, as: UTF8.self))")
        }
        try makeBucket()
    }

    package var endpoint: String { "http://127.0.0.1:\(port)" }

    /// Settings that reach it.
    package var settings: S3Settings {
        S3Settings(endpoint: endpoint, accessKey: Self.accessKey, secretKey: Self.secretKey)
    }

    /// The same by https, trusting its authority.
    package var tlsSettings: S3Settings {
        S3Settings(
            endpoint: "https://127.0.0.1:\(tlsPort)", accessKey: Self.accessKey, secretKey: Self.secretKey,
            certificateAuthorities: authority)
    }

    private func makeBucket() throws {
        let keys = S3Credentials(accessKey: Self.accessKey, secretKey: Self.secretKey)
        let request = S3Signer(credentials: keys, region: "us-east-1").signed(
            "PUT", isTLS: false, authority: "127.0.0.1:\(port)", path: "/" + Self.bucket, query: [], headers: [:],
            body: [], at: Int64(Date().timeIntervalSince1970))
        let answer = try HTTPTransport().send(request)
        guard answer.status == 200 else {
            throw Failure(description: "no bucket: \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
        }
    }
}

extension Result where Failure == any Error {
    init(_ body: () throws -> Success) { self = Result(catching: body) }
}
