import Foundation
import Storage
import TestServers
import Testing

@Suite("Every storage")
struct ConformanceTests {
    @Test("What was created is read back, whole and in part", arguments: Ground.allCases)
    func roundtrip(_ ground: Ground) throws {
        let place = try ground.make()
        let storage = place.storage
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try storage.create(bytes, at: place("a/b/c.bin"))
        #expect(try storage.read(place("a/b/c.bin")) == bytes)
        #expect(try storage.read(place("a/b/c.bin"), range: 10..<25) == Array(bytes[10..<25]))
        #expect(try storage.read(place("a/b/c.bin"), range: 99_999..<100_000) == [bytes[99_999]])
        #expect(try storage.read(place("a/b/c.bin"), range: 100_000..<100_000) == [])
        #expect(try storage.size(of: place("a/b/c.bin")) == 100_000)
        #expect(try storage.exists(place("a/b/c.bin")))
        #expect(try !storage.exists(place("a/b")))
        #expect(try !storage.exists(place("a/b/c.bin/d")))
        try storage.create([], at: place("empty"))
        #expect(try storage.read(place("empty")) == [])
        #expect(try storage.size(of: place("empty")) == 0)
    }

    @Test("An object that is there is never written over", arguments: Ground.allCases, [3, 9 << 20])
    func createFailsIfPresent(_ ground: Ground, _ size: Int) throws {
        let place = try ground.make()
        try place.storage.create([1, 2, 3], at: place("x"))
        #expect(kind { try place.storage.create([UInt8](repeating: 9, count: size), at: place("x")) } == .alreadyExists)
        #expect(try place.storage.read(place("x")) == [1, 2, 3])
        #expect(try place.names("") == ["x"])
    }

    @Test(
        "Of many writers of one location exactly one wins, and readers see its whole object", arguments: Ground.allCases
    )
    func oneWinner(_ ground: Ground) async throws {
        let place = try ground.make()
        for round in 0..<5 {
            let location = place("contended-\(round)")
            let storage = place.storage
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
    }

    @Test("Many objects are created with one call; one that is taken fails it and stays", arguments: Ground.allCases)
    func manyAtOnce(_ ground: Ground) throws {
        let place = try ground.make()
        let objects = (0..<40).map { NewObject(location: place("m/\($0)"), bytes: [UInt8($0)]) }
        try place.storage.create(objects)
        #expect(try place.names("m/").count == 40)
        #expect(try place.storage.read(place("m/17")) == [17])
        let more = [NewObject(location: place("n/0"), bytes: [1]), NewObject(location: place("m/3"), bytes: [99])]
        #expect(kind { try place.storage.create(more) } == .alreadyExists)
        #expect(try place.storage.read(place("m/3")) == [3])
        try place.storage.create([])
    }

    @Test("An object of many megabytes comes back as it was", arguments: Ground.allCases)
    func large(_ ground: Ground) throws {
        let place = try ground.make()
        let bytes = [UInt8](unsafeUninitializedCapacity: 21 << 20) { buffer, count in
            var state: UInt64 = 88
            for index in 0..<(21 << 20) {
                state = state &* 6_364_136_223_846_793_005 &+ 1
                buffer[index] = UInt8(truncatingIfNeeded: state >> 33)
            }
            count = 21 << 20
        }
        try place.storage.create(bytes, at: place("large"))
        #expect(try place.storage.read(place("large")) == bytes)
        #expect(
            try place.storage.read(place("large"), range: 8_388_600..<8_388_620) == Array(bytes[8_388_600..<8_388_620]))
    }

    @Test("A read beyond its bound, outside the object, or of nothing has its own error", arguments: Ground.allCases)
    func boundedReads(_ ground: Ground) throws {
        let place = try ground.make()
        let storage = place.storage
        try storage.create([UInt8](repeating: 7, count: 11), at: place("eleven"))
        #expect(kind { _ = try storage.read(place("eleven"), upTo: 10) } == .tooLarge)
        #expect(try storage.read(place("eleven"), upTo: 11).count == 11)
        #expect(kind { _ = try storage.read(place("eleven"), range: 5..<12) } == .badRange)
        #expect(kind { _ = try storage.read(place("eleven"), range: 11..<12) } == .badRange)
        #expect(kind { _ = try storage.read(place("eleven"), range: 12..<12) } == .badRange)
        #expect(kind { _ = try storage.read(place("eleven"), range: -1..<5) } == .badRange)
        #expect(kind { _ = try storage.read(place("none")) } == .notFound)
        #expect(kind { _ = try storage.read(place("none"), range: 0..<1) } == .notFound)
        #expect(kind { _ = try storage.size(of: place("none")) } == .notFound)
        #expect(kind { _ = try storage.read(place("")) } == .notFound)
        try storage.create([UInt8](repeating: 7, count: 3 << 20), at: place("three"))
        #expect(kind { _ = try storage.read(place("three"), upTo: (3 << 20) - 1) } == .tooLarge)
    }

    @Test("A listing has every object under its prefix, in the order of bytes", arguments: Ground.allCases)
    func listing(_ ground: Ground) throws {
        let place = try ground.make()
        for name in ["t/data/b.parquet", "t/data/a.parquet", "t/datb", "t/data/deep/er/c", "u"] {
            try place.storage.create([1, 2], at: place(name))
        }
        #expect(try place.names("t/data/") == ["t/data/a.parquet", "t/data/b.parquet", "t/data/deep/er/c"])
        #expect(try place.names("t/dat") == ["t/data/a.parquet", "t/data/b.parquet", "t/data/deep/er/c", "t/datb"])
        #expect(try place.names("t/data/a") == ["t/data/a.parquet"])
        #expect(try place.names("nowhere/") == [])
        let first = try #require(try place.storage.list(prefix: place("t/data/")).first)
        #expect(first.size == 2)
        #expect(abs(Double(first.modifiedMicroseconds) / 1e6 - Date().timeIntervalSince1970) < 600)
    }

    @Test("Names are bytes: spaces, signs and accents come back as they were", arguments: Ground.allCases)
    func names(_ ground: Ground) throws {
        let place = try ground.make()
        // The two ways of writing é are two names; Swift's own comparison takes them for one.
        let names = [
            "a b", "a+b", "a%20b", "a%2Bb", "a&b=c", "a;b:c@d$e,f", "a'b\"c", "a<b>c", "a?b#c", "a*b(c)!~",
            "a[b]{c}|d^e`f",
            "a\\b", "z\u{E9}", "ze\u{301}", "\u{1F6D2}/\u{5E97}", "Z", "_", "~", "partition=2026-11-21/x",
        ]
        for (index, name) in names.enumerated() { try place.storage.create([UInt8(index)], at: place("k/" + name)) }
        for (index, name) in names.enumerated() {
            #expect(try place.storage.read(place("k/" + name)) == [UInt8(index)], "\(name)")
            #expect(
                try place.storage.list(prefix: place("k/" + name)).contains {
                    $0.location.utf8.elementsEqual(place("k/" + name).utf8)
                })
        }
        let listed = try place.names("k/").map { Array($0.utf8) }
        let expected = names.map { Array(("k/" + $0).utf8) }.sorted { $0.lexicographicallyPrecedes($1) }
        #expect(listed == expected)
        // A prefix may end in the middle of a letter with its accent.
        #expect(try place.names("k/ze").count == 1)
        try place.storage.delete(names.map { place("k/" + $0) })
        #expect(try place.names("") == [])
    }

    @Test("Deleting takes objects away, and deleting nothing is no error", arguments: Ground.allCases)
    func deletion(_ ground: Ground) throws {
        let place = try ground.make()
        try place.storage.create([1], at: place("gone"))
        try place.storage.delete(place("gone"))
        #expect(try !place.storage.exists(place("gone")))
        try place.storage.delete(place("gone"))
        try place.storage.delete(place("no/such/folder"))
        try place.storage.create((0..<5).map { NewObject(location: place("many/\($0)"), bytes: [1]) })
        try place.storage.delete((1..<7).map { place("many/\($0)") })
        #expect(try place.names("many/") == ["many/0"])
        try place.storage.delete([String]())
    }

    @Test("Storage by scheme reads and writes where a location says", arguments: Ground.allCases)
    func resolver(_ ground: Ground) throws {
        let place = try ground.make()
        let both = StorageResolver(s3: try S3Storage(CephServer.shared().settings))
        try both.create([4, 5], at: place("r/x"))
        #expect(try place.storage.read(place("r/x")) == [4, 5])
        #expect(try both.read(place("r/x"), range: 1..<2) == [5])
        #expect(try both.exists(place("r/x")) && both.size(of: place("r/x")) == 2)
        #expect(try both.list(prefix: place("r/")).count == 1)
        try both.sync([place("r/x")])
        try both.delete([place("r/x")])
        #expect(try place.names("") == [])
        #expect(kind { _ = try both.read("gs://bucket/key") } == .badLocation)
        let local = StorageResolver()
        #expect(kind { _ = try local.read("s3://bucket/key") } == .badLocation)
    }
}
