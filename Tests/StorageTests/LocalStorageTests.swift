import Foundation
import Storage
import Testing

/// A folder that lives as long as the test that made it.
private final class Folder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/storage-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func callAsFunction(_ name: String) -> String { "file://\(path)/\(name)" }
}

@Suite("Local storage")
struct LocalStorageTests {
    private let folder: Folder
    private let storage = LocalStorage()

    init() throws {
        folder = try Folder()
    }

    private func kind(_ body: () throws -> Void) -> StorageError.Kind? {
        do {
            try body()
            return nil
        } catch let error as StorageError {
            return error.kind
        } catch {
            Issue.record("an error without a name: \(error)")
            return nil
        }
    }

    @Test("What was created is read back, whole and in part, through either spelling of its location")
    func roundtrip() throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try storage.create(bytes, at: folder("a/b/c.bin"))
        #expect(try storage.read(folder("a/b/c.bin")) == bytes)
        #expect(try storage.read(folder.path + "/a/./x/../b/c.bin") == bytes)
        #expect(try storage.read(folder("a/b/c.bin"), range: 10..<25) == Array(bytes[10..<25]))
        #expect(try storage.read(folder("a/b/c.bin"), range: 100_000..<100_000) == [])
        #expect(try storage.size(of: folder("a/b/c.bin")) == 100_000)
        #expect(try storage.exists(folder("a/b/c.bin")))
        #expect(try !storage.exists(folder("a/b")))
        #expect(try !storage.exists(folder("a/b/c.bin/d")))
    }

    @Test("An object that is there is never written over")
    func createFailsIfPresent() throws {
        try storage.create([1, 2, 3], at: folder("x"))
        #expect(kind { try storage.create([9], at: folder("x")) } == .alreadyExists)
        #expect(try storage.read(folder("x")) == [1, 2, 3])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["x"])
    }

    @Test("Of many writers of one location exactly one wins, and readers see its whole object")
    func oneWinner() async throws {
        let location = folder("contended")
        let storage = storage
        let winners = await withTaskGroup(of: UInt8?.self) { group in
            for writer in UInt8(0)..<16 {
                group.addTask {
                    do {
                        try storage.create([UInt8](repeating: writer, count: 50_000), at: location)
                        return writer
                    } catch { return nil }
                }
            }
            return await group.reduce(into: [UInt8]()) { if let winner = $1 { $0.append(winner) } }
        }
        #expect(winners.count == 1)
        #expect(try storage.read(location) == [UInt8](repeating: winners.first ?? 255, count: 50_000))
    }

    @Test("A read beyond its bound, outside the object, or of nothing has its own error")
    func boundedReads() throws {
        try storage.create([UInt8](repeating: 7, count: 11), at: folder("eleven"))
        #expect(kind { _ = try storage.read(folder("eleven"), upTo: 10) } == .tooLarge)
        #expect(try storage.read(folder("eleven"), upTo: 11).count == 11)
        #expect(kind { _ = try storage.read(folder("eleven"), range: 5..<12) } == .badRange)
        #expect(kind { _ = try storage.read(folder("none")) } == .notFound)
        #expect(kind { _ = try storage.size(of: folder("none")) } == .notFound)
        #expect(kind { _ = try storage.read(folder("")) } == .notFound)
    }

    @Test("A listing has every object under its prefix, sorted, and none that is still being written")
    func listing() throws {
        for name in ["t/data/b.parquet", "t/data/a.parquet", "t/datb", "t/data/deep/er/c", "u"] {
            try storage.create([1, 2], at: folder(name))
        }
        try Data([1]).write(to: URL(fileURLWithPath: folder.path + "/t/data/.cartograph-new-123"))
        func names(_ prefix: String) throws -> [String] {
            try storage.list(prefix: folder(prefix)).map { String($0.location.dropFirst(folder("").count)) }
        }
        #expect(try names("t/data/") == ["t/data/a.parquet", "t/data/b.parquet", "t/data/deep/er/c"])
        #expect(try names("t/dat") == ["t/data/a.parquet", "t/data/b.parquet", "t/data/deep/er/c", "t/datb"])
        #expect(try names("t/data/a") == ["t/data/a.parquet"])
        #expect(try names("nowhere/") == [])
        let first = try #require(try storage.list(prefix: folder("t/data/")).first)
        #expect(first.size == 2)
        #expect(abs(Double(first.modifiedMicroseconds) / 1e6 - Date().timeIntervalSince1970) < 600)
    }

    @Test("Deleting takes the object away, and deleting nothing is no error")
    func deletion() throws {
        try storage.create([1], at: folder("gone"))
        try storage.delete(folder("gone"))
        #expect(try !storage.exists(folder("gone")))
        try storage.delete(folder("gone"))
        try storage.delete(folder("no/such/folder"))
    }

    @Test("Syncing what an engine wrote works, and says when it is not there")
    func syncing() throws {
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: folder.path + "/engine.parquet"))
        try storage.sync([folder("engine.parquet")])
        #expect(kind { try storage.sync([folder("missing.parquet")]) } == .notFound)
    }

    @Test("Locations are normalised, never percent-decoded, and refused when they are not local")
    func locations() throws {
        #expect(try Location.path(of: "file:///a//b/../c%20d/") == "/a/c%20d")
        #expect(try Location.path(of: "file:/a/b") == "/a/b")
        #expect(try Location.path(of: "file://localhost/a") == "/a")
        #expect(try Location.url(forPath: "/a/b c:d/") == "file:///a/b c:d")
        #expect(try Location.url(forPath: "rel") == "file://" + FileManager.default.currentDirectoryPath + "/rel")
        #expect(Location.join("file:///a/", "b") == "file:///a/b")
        #expect(Location.name(of: "file:///a/b.json") == "b.json")
        for bad in ["s3://bucket/key", "file://host/share", "", "/a\0b"] {
            #expect(kind { _ = try Location.path(of: bad) } == .badLocation, "\(bad)")
        }
    }
}
