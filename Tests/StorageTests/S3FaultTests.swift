import Foundation
import Storage
import Synchronization
import TestServers
import Testing

/// The store behind a proxy that loses requests and answers: no object is lost, none is taken for another's, and nothing
/// goes on for ever.
@Suite("S3 over a bad network")
struct S3FaultTests {
    private let ceph: CephServer
    private let direct: S3Storage
    private let prefix = "faults-\(UUID().uuidString.lowercased())"
    private var root: String { "s3://\(CephServer.bucket)/\(prefix)" }

    init() throws {
        ceph = try CephServer.shared()
        direct = try S3Storage(ceph.settings)
    }

    /// Storage through a proxy; pauses are only counted.
    private func through(_ proxy: FaultProxy, attempts: Int, attemptSeconds: Double = 20) throws -> S3Storage {
        var settings = ceph.settings
        settings.endpoint = "http://127.0.0.1:\(proxy.port)"
        settings.attempts = attempts
        settings.attemptSeconds = attemptSeconds
        let completed = try settings.completed(environment: [:])
        return S3Storage(
            client: try S3Client(
                completed, credentials: S3CredentialSource(completed, environment: [:]), pause: { _ in }))
    }

    /// Faults by chance, the same for the same seed and order.
    private static func chance(_ seed: UInt64) -> @Sendable (String, Int) -> FaultProxy.Fault {
        { _, number in
            var state = (seed &+ UInt64(number)) &* 0x9E37_79B9_7F4A_7C15
            state ^= state >> 29
            state &*= 0xBF58_476D_1CE4_E5B9
            switch (state >> 33) % 100 {
            case 0..<15: return .lostRequest
            case 15..<30: return .lostAnswer
            case 30..<38: return .halfAnswer
            case 38..<44: return .reset
            default: return .none
            }
        }
    }

    @Test("Of several writers of one key in parts exactly one wins, although the store does not look at the condition")
    func partsRaceOfMany() throws {
        let bytes = S3Storage.partBytes + 100_000
        for round in 0..<3 {
            let location = "\(root)/race-\(round)"
            let outcomes = Mutex<(won: [UInt8], taken: Int, problems: [String])>(([], 0, []))
            DispatchQueue.concurrentPerform(iterations: 4) { writer in
                do {
                    try direct.create([UInt8](repeating: UInt8(writer), count: bytes), at: location)
                    outcomes.withLock { $0.won.append(UInt8(writer)) }
                } catch let error as StorageError where error.kind == .alreadyExists {
                    outcomes.withLock { $0.taken += 1 }
                } catch {
                    outcomes.withLock { $0.problems.append("\(error)") }
                }
            }
            let (won, taken, problems) = outcomes.withLock { $0 }
            #expect(problems == [])
            #expect(won.count == 1 && taken == 3, "writers \(won) think they won")
            let first = try direct.read(location, range: 0..<1),
                last = try direct.read(location, range: Int64(bytes - 1)..<Int64(bytes))
            #expect(first == won && last == won)
            // The claim is gone with the race, and the key stays taken.
            #expect(try direct.list(prefix: location).map(\.location) == [location])
            #expect(kind { try direct.create([UInt8](repeating: 9, count: bytes), at: location) } == .alreadyExists)
            #expect(try direct.list(prefix: location).map(\.location) == [location])
            try direct.delete(location)
        }
    }

    @Test(
        "Every create that says it is done is done, once, and nobody's object is taken for another's",
        arguments: [1, 2, 3])
    func chaos(_ seed: UInt64) throws {
        let proxy = try FaultProxy(to: ceph.port, Self.chance(seed &* 1000))
        defer { proxy.stop() }
        let storage = try through(proxy, attempts: 40)
        let root = "\(root)/\(seed)"
        let alone = 60
        let contested = 10
        let writers = 4
        let winners = Mutex<[Int: [UInt8]]>([:])
        let problems = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { lane in
            for number in stride(from: lane, to: alone, by: 8) {
                do {
                    try storage.create(
                        [UInt8](repeating: UInt8(number), count: 1000 + number), at: "\(root)/alone/\(number)")
                } catch { problems.withLock { $0.append("\(number): \(error)") } }
            }
            for number in stride(from: lane, to: contested * writers, by: 8) {
                let writer = UInt8(number % writers)
                do {
                    try storage.create([writer], at: "\(root)/contested/\(number / writers)")
                    winners.withLock { $0[number / writers, default: []].append(writer) }
                } catch let error as StorageError where error.kind == .alreadyExists {
                    continue
                } catch { problems.withLock { $0.append("contested \(number): \(error)") } }
            }
        }
        #expect(problems.withLock { $0 } == [])
        let listed = try direct.list(prefix: root + "/")
        #expect(listed.count == alone + contested)
        for number in 0..<alone {
            #expect(
                try direct.read("\(root)/alone/\(number)") == [UInt8](repeating: UInt8(number), count: 1000 + number))
        }
        for number in 0..<contested {
            let won = winners.withLock { $0[number] ?? [] }
            #expect(won.count == 1, "writers \(won) of \(number) think they won")
            #expect(try direct.read("\(root)/contested/\(number)") == won)
        }
        // Reading, listing and removing by the same road.
        for number in 0..<10 {
            let location = "\(root)/alone/\(number)"
            #expect(try storage.read(location, range: 5..<15) == [UInt8](repeating: UInt8(number), count: 10))
            #expect(try storage.size(of: location) == Int64(1000 + number))
        }
        #expect(try storage.list(prefix: root + "/") == listed)
        try storage.delete(listed.map(\.location))
        #expect(try direct.list(prefix: root + "/") == [])
        #expect(proxy.requests.count > 150)
    }

    @Test("An answer that is always lost ends the tries after their number, and says that the end is not known")
    func alwaysLost() throws {
        let proxy = try FaultProxy(to: ceph.port) { _, _ in .lostAnswer }
        defer { proxy.stop() }
        let storage = try through(proxy, attempts: 4)
        let error = try #require(failure { try storage.create([1, 2], at: root + "/lost") })
        #expect(error.kind == .failed && error.reason.contains("not known"), "\(error)")
        #expect(proxy.requests.filter { $0.hasPrefix("PUT") }.count == 4)
        #expect(try direct.read(root + "/lost") == [1, 2])
        #expect(kind { try direct.create([3], at: root + "/lost") } == .alreadyExists)
    }

    @Test("A request that never arrives is surely not done, and is not said to be open")
    func neverArrives() throws {
        let proxy = try FaultProxy(to: ceph.port) { _, _ in .none }
        proxy.stop()
        let storage = try through(proxy, attempts: 3)
        let error = try #require(failure { try storage.create([1], at: root + "/never") })
        #expect(error.kind == .failed && !error.reason.contains("not known"), "\(error)")
        #expect(try !direct.exists(root + "/never"))
    }

    @Test("A late answer is asked for again in time, and our own object is known as ours")
    func late() throws {
        let proxy = try FaultProxy(to: ceph.port) { line, number in number == 0 ? .lateAnswer(3) : .none }
        defer { proxy.stop() }
        let storage = try through(proxy, attempts: 3, attemptSeconds: 1)
        try storage.create([7], at: root + "/late")
        #expect(proxy.requests.map { $0.prefix(3) } == ["PUT", "PUT", "HEA"])
        #expect(try direct.read(root + "/late") == [7])
    }

    @Test("A large object gets through in parts, and leaves no unfinished upload", arguments: [4, 5])
    func parts(_ seed: UInt64) throws {
        let proxy = try FaultProxy(to: ceph.port, Self.chance(seed &* 7919))
        defer { proxy.stop() }
        let bytes = (0..<(20 << 20)).map { UInt8(truncatingIfNeeded: $0 >> 9) }
        let location = "\(root)/parts-\(seed)"
        try through(proxy, attempts: 40).create(bytes, at: location)
        #expect(try direct.read(location) == bytes)
        #expect(kind { try direct.create(bytes, at: location) } == .alreadyExists)
        // An upload whose beginning was answered to nobody stays behind, empty; it has no parts that cost anything.
        for upload in try uploads(of: "\(prefix)/parts-\(seed)") { #expect(try parts(of: upload) == 0) }
    }

    @Test("An upload of which a part cannot be sent is aborted, and leaves nothing")
    func aborted() throws {
        let proxy = try FaultProxy(to: ceph.port) { line, _ in line.contains("partNumber=2") ? .lostAnswer : .none }
        defer { proxy.stop() }
        let location = root + "/aborted"
        let error = try #require(
            failure { try through(proxy, attempts: 3).create([UInt8](repeating: 1, count: 20 << 20), at: location) })
        #expect(error.kind == .failed, "\(error)")
        #expect(proxy.requests.filter { $0.contains("partNumber=2") }.count == 3)
        #expect(try !direct.exists(location))
        #expect(try uploads(of: "\(prefix)/aborted").isEmpty)
    }

    @Test("Both of two uploads in parts of one key cannot win when one is done before the other ends")
    func partsRace() throws {
        let location = root + "/race"
        let second = Mutex<(any Error)?>(nil)
        let direct = direct
        // While the first upload sends its parts, somebody else creates the object.
        let proxy = try FaultProxy(to: ceph.port) { line, _ in
            if line.contains("partNumber=3") {
                do { try direct.create([9], at: location) } catch { second.withLock { $0 = error } }
            }
            return .none
        }
        defer { proxy.stop() }
        let outcome = kind {
            try through(proxy, attempts: 3).create([UInt8](repeating: 1, count: 20 << 20), at: location)
        }
        #expect(second.withLock { $0 == nil })
        // Ceph 16 takes a completion whatever its condition, so it is not asked for one.
        #expect(outcome == .alreadyExists)
        #expect(try direct.size(of: location) == 1)
    }

    private func ask(_ query: [(String, String)], key: String = "") throws -> XMLElement {
        let keys = S3Credentials(accessKey: CephServer.accessKey, secretKey: CephServer.secretKey)
        let path = "/" + CephServer.bucket + (key.isEmpty ? "" : "/" + S3Signer.encoded(key, keepingSlashes: true))
        let request = S3Signer(credentials: keys, region: "us-east-1").signed(
            "GET", isTLS: false, authority: "127.0.0.1:\(ceph.port)", path: path, query: query, headers: [:], body: [],
            at: Int64(Date().timeIntervalSince1970))
        return try XMLElement(parsing: try HTTPTransport().send(request).body)
    }

    private func uploads(of key: String) throws -> [(key: String, id: String)] {
        try ask([("uploads", ""), ("prefix", key)]).children.filter { $0.name == "Upload" }
            .map { ($0.text("Key") ?? "", $0.text("UploadId") ?? "") }
    }

    private func parts(of upload: (key: String, id: String)) throws -> Int {
        try ask([("uploadId", upload.id)], key: upload.key).children.count { $0.name == "Part" }
    }
}
