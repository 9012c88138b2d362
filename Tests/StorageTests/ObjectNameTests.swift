import Storage
import Testing

@Suite("What locations name")
struct ObjectNameTests {
    @Test(
        "Spellings of one object are equal",
        arguments: [
            ["/a/b", "file:/a/b", "file:///a/b", "file://localhost/a/b", "FILE:///a//./b/", "/a/c/../b"],
            ["s3://bucket/k/x", "s3a://bucket/k/x", "S3N://bucket/k/x"],
        ])
    func same(_ spellings: [String]) {
        #expect(Set(spellings.map(ObjectName.init)).count == 1)
    }

    @Test("Objects whose names only look alike are different")
    func different() {
        let names = [
            "/a/caf\u{e9}", "/a/cafe\u{301}", "/a/caf%C3%A9", "/a/Caf\u{e9}", "s3://bucket/a/caf\u{e9}",
            "s3://bucket/a/cafe\u{301}", "s3://bucket/a//caf\u{e9}", "gs://bucket/a/caf\u{e9}",
        ]
        #expect(Set(names.map(ObjectName.init)).count == names.count)
    }

    @Test("What lies in a folder is told by parts of the path, not by how it begins")
    func inside() {
        func inside(_ location: String, _ folder: String) -> Bool {
            ObjectName(location).isInside(ObjectName(folder))
        }
        #expect(inside("file:///w/t/data/x", "/w/t"))
        #expect(inside("s3a://bucket/w/t/x", "s3://bucket/w/t/"))
        for (location, folder) in [
            ("/w/twin/x", "/w/t"), ("/w/t", "/w/t"), ("/w/t/../u/x", "/w/t"), ("/etc/passwd", "/"),
            ("s3://bucket/x", "/"),
            ("s3://bucket/w/t/../u", "s3://bucket/w/t"), ("s3://bucket2/w/x", "s3://bucket/w"),
            ("gs://bucket/w/t/x", "gs://bucket/w/t"), ("", "/w"), ("/w/t\u{301}/x", "/w/t"),
        ] {
            #expect(!inside(location, folder), "\(location) in \(folder)")
        }
        #expect(ObjectName("/w").overlaps(ObjectName("/w/t")) && ObjectName("/w/t").overlaps(ObjectName("/w/")))
        #expect(ObjectName("/").overlaps(ObjectName("/w")) && !ObjectName("/w/t").overlaps(ObjectName("/w/u")))
    }
}
