import Iceberg
import Testing

@Suite("Single values, bounds and transforms")
struct ValueTests {
    @Test(
        "Every type has the binary form of the specification and comes back from it",
        arguments: [
            (IcebergValue.boolean(true), IcebergType.boolean, [1] as [UInt8]),
            (.int(34), .int, [34, 0, 0, 0]), (.int(-1), .int, [255, 255, 255, 255]),
            (.long(1 << 40), .long, [0, 0, 0, 0, 0, 1, 0, 0]),
            (.float(1), .float, [0, 0, 0x80, 0x3F]), (.double(-2), .double, [0, 0, 0, 0, 0, 0, 0, 0xC0]),
            (.date(-1), .date, [255, 255, 255, 255]), (.time(1), .time, [1, 0, 0, 0, 0, 0, 0, 0]),
            (.timestamptz(1_000_000), .timestamptz, [0x40, 0x42, 0x0F, 0, 0, 0, 0, 0]),
            (.string("iceberg"), .string, Array("iceberg".utf8)),
            (.binary([0, 1, 2, 255]), .fixed(4), [0, 1, 2, 255]), (.binary([]), .binary, []),
            (.uuid(Array(0..<16)), .uuid, Array(0..<16)),
            // 14.20 as decimal(9,2) is 1420 = 0x058C; the sign takes a byte only where it must.
            (.decimal(1420), .decimal(precision: 9, scale: 2), [0x05, 0x8C]),
            (.decimal(0), .decimal(precision: 9, scale: 2), [0]),
            (.decimal(127), .decimal(precision: 9, scale: 2), [127]),
            (.decimal(128), .decimal(precision: 9, scale: 2), [0, 128]),
            (.decimal(-128), .decimal(precision: 9, scale: 2), [128]),
            (.decimal(-129), .decimal(precision: 9, scale: 2), [0xFF, 0x7F]),
        ])
    func binaryForm(_ value: IcebergValue, _ type: IcebergType, _ bytes: [UInt8]) throws {
        #expect(SingleValue.encode(value) == bytes)
        #expect(try SingleValue.decode(bytes, as: type) == value)
    }

    @Test("Bytes of the wrong length or content are refused")
    func wrongBytes() {
        for (bytes, type) in [
            ([1, 2, 3], IcebergType.int), ([], .boolean), ([0xC3, 0x28], .string),
            ([], .decimal(precision: 9, scale: 2)),
            ([1], .fixed(2)), ([1], .list(ListType(elementID: 1, elementRequired: true, element: .int))),
        ] as [([UInt8], IcebergType)] {
            #expect(kind { _ = try SingleValue.decode(bytes, as: type) } == .malformed)
        }
    }

    @Test("Long strings keep 16 code points as lower bound and count the last one up as upper bound")
    func stringBounds() {
        func upper(_ text: String) -> String? {
            SingleValue.upperBound(.string(text)).map { String(decoding: $0, as: UTF8.self) }
        }
        let long = "abcdefghijklmnopq"
        #expect(SingleValue.lowerBound(.string(long)) == Array("abcdefghijklmnop".utf8))
        #expect(upper(long) == "abcdefghijklmnoq")
        #expect(upper("exactly sixteen!") == "exactly sixteen!")
        #expect(upper("abcdefghijklmno\u{10FFFF}x") == "abcdefghijklmnp")
        #expect(upper("abcdefghijklmno\u{D7FF}x") == "abcdefghijklmno\u{E000}")
        #expect(upper(String(repeating: "\u{10FFFF}", count: 17)) == nil)
        #expect(upper("") == "")
    }

    @Test("Bounds of random strings enclose them in byte order")
    func boundsEnclose() {
        var random = SeededGenerator(seed: 11)
        let alphabet: [Unicode.Scalar] = ["a", "z", "\u{7F}", "ü", "\u{D7FF}", "\u{E000}", "\u{FFFF}", "\u{10FFFF}"]
        for _ in 0..<5000 {
            var scalars = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...20, using: &random) {
                scalars.append(alphabet.randomElement(using: &random) ?? "a")
            }
            let value = Array(String(scalars).utf8)
            if let lower = SingleValue.lowerBound(.string(String(scalars))) {
                #expect(!value.lexicographicallyPrecedes(lower))
            }
            if let upper = SingleValue.upperBound(.string(String(scalars))) {
                #expect(!upper.lexicographicallyPrecedes(value))
            }
        }
    }

    @Test("No bounds are written for floating point and null; bytes are cut like strings")
    func otherBounds() {
        #expect(SingleValue.lowerBound(.double(1)) == nil)
        #expect(SingleValue.upperBound(.float(1)) == nil)
        #expect(SingleValue.upperBound(.null) == nil)
        #expect(SingleValue.upperBound(.decimal(-1)) == [255])
        let bytes = [UInt8](repeating: 1, count: 15) + [255, 9]
        #expect(SingleValue.lowerBound(.binary(bytes)) == Array(bytes.prefix(16)))
        #expect(SingleValue.upperBound(.binary(bytes)) == [UInt8](repeating: 1, count: 14) + [2])
        #expect(SingleValue.upperBound(.binary([UInt8](repeating: 255, count: 17))) == nil)
    }

    @Test(
        "Time transforms count from 1970 and round down, before it too",
        arguments: [
            // 2017-11-16T22:31:08.000001
            (Int64(1_510_871_468_000_001), 47, 574, 17486, 419_686),
            (0, 0, 0, 0, 0), (-1, -1, -1, -1, -1), (86_400_000_000, 0, 0, 1, 24),
            // 2000-02-29T00:00 and 1600-03-01T00:00
            (951_782_400_000_000, 30, 361, 11016, 264_384),
            (-11_670_912_000_000_000, -370, -4438, -135_080, -3_241_920),
        ])
    func timeTransforms(_ time: Int64, _ year: Int32, _ month: Int32, _ day: Int32, _ hour: Int32) throws {
        for value in [IcebergValue.timestamptz(time), .timestamp(time)] {
            #expect(try Transform.year.apply(value) == .int(year))
            #expect(try Transform.month.apply(value) == .int(month))
            #expect(try Transform.day.apply(value) == .date(day))
            #expect(try Transform.hour.apply(value) == .int(hour))
        }
        #expect(try Transform.month.apply(.date(day)) == .int(month))
    }

    @Test("Buckets use the hash of the specification's table")
    func buckets() throws {
        // hash & 0x7FFFFFFF modulo a bucket count beyond any hash is the hash itself, without its sign.
        let all = Transform.bucket(Int(Int32.max))
        let cases: [(IcebergValue, Int32)] = [
            (.int(34), 2_017_239_379), (.long(34), 2_017_239_379), (.decimal(1420), -500_754_589),
            (.date(17486), -653_330_422), (.time(81_068_000_000), -662_762_989),
            (.timestamp(1_510_871_468_000_000), -2_047_944_441), (.timestamptz(1_510_871_468_000_001), -1_207_196_810),
            (.string("iceberg"), 1_210_000_089), (.binary([0, 1, 2, 3]), -188_683_207),
            (
                .uuid([0xF7, 0x9C, 0x3E, 0x09, 0x67, 0x7C, 0x4B, 0xBD, 0xA4, 0x79, 0x3F, 0x34, 0x9C, 0xB7, 0x85, 0xE7]),
                1_488_055_340
            ),
        ]
        for (value, hash) in cases {
            #expect(try all.apply(value) == .int(hash & Int32.max), "\(value)")
        }
        #expect(try Transform.bucket(16).apply(.null) == .null)
    }

    @Test("Truncation goes down to the width, below zero too, and cuts texts by code points")
    func truncation() throws {
        #expect(try Transform.truncate(10).apply(.int(1)) == .int(0))
        #expect(try Transform.truncate(10).apply(.int(-1)) == .int(-10))
        #expect(try Transform.truncate(10).apply(.long(-11)) == .long(-20))
        #expect(try Transform.truncate(50).apply(.decimal(1065)) == .decimal(1050))
        #expect(try Transform.truncate(50).apply(.decimal(-1)) == .decimal(-50))
        #expect(try Transform.truncate(3).apply(.string("üceberg")) == .string("üce"))
        #expect(kind { _ = try Transform.truncate(3).apply(.double(1)) } == .badRequest)
    }

    @Test("Names of transforms are read back; what is not known is kept by name and not applied")
    func transformNames() {
        for transform in [Transform.identity, .year, .month, .day, .hour, .void, .bucket(16), .truncate(4)] {
            #expect(Transform(named: transform.name) == transform)
        }
        for name in ["zorder", "bucket[]", "bucket[0]", "bucket[1,2]", "truncate[-1]"] {
            #expect(Transform(named: name) == .unknown(name))
            #expect(kind { _ = try Transform(named: name).apply(.int(1)) } == .unsupported)
        }
    }
}
