import Foundation
import Storage
import Testing

@Suite("Local storage")
struct LocalStorageTests {
    @Test("An object is the same through either spelling of its location")
    func spellings() throws {
        let place = try Ground.local.make()
        try place.storage.create([1, 2], at: place("a/b/c.bin"))
        let path = try Location.path(of: place.root)
        #expect(try place.storage.read(path + "/a/./x/../b/c.bin") == [1, 2])
        #expect(try place.storage.read("file:" + path + "/a/b/c.bin") == [1, 2])
    }

    @Test("A listing shows nothing that is still being written, and a failed create leaves no file")
    func unfinished() throws {
        let place = try Ground.local.make()
        let path = try Location.path(of: place.root)
        try place.storage.create([1, 2], at: place("x"))
        #expect(kind { try place.storage.create([9], at: place("x")) } == .alreadyExists)
        #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["x"])
        try Data([1]).write(to: URL(fileURLWithPath: path + "/.cartograph-new-123"))
        #expect(try place.names("") == ["x"])
    }

    @Test("Syncing what an engine wrote works, and says when it is not there")
    func syncing() throws {
        let place = try Ground.local.make()
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: try Location.path(of: place("engine.parquet"))))
        try place.storage.sync([place("engine.parquet")])
        #expect(kind { try place.storage.sync([place("missing.parquet")]) } == .notFound)
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

    @Test("A location in an object store stays as it is written, and must be one")
    func remoteLocations() throws {
        #expect(try Location.url(forPath: "s3://bucket/a//b c%20/") == "s3://bucket/a//b c%20")
        #expect(try Location.opened("s3a://bucket/key") == "s3a://bucket/key")
        #expect(try Location.opened("file:///a/b") == "/a/b")
        #expect(Location.isRemote("s3://bucket") && !Location.isRemote("/s3://bucket") && !Location.isRemote("s3"))
        let bad = [
            "s3:/bucket/key", "s3://B/key", "s3://ab/key", "s3:///key", "s3://bu_cket/key", "s3://bucket/a/../b",
            "s3://bucket/./a", "s3://bucket/" + String(repeating: "k", count: 1025), "s3://bucket/a\0",
            "gs://bucket/key",
        ]
        for location in bad { #expect(kind { _ = try S3Location(location) } == .badLocation, "\(location)") }
    }
}
