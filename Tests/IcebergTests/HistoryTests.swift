import Foundation
import Iceberg
import Storage
import Testing

@Suite("Tables with a long history")
struct HistoryTests {
    private static func snapshot(_ number: Int64) -> Snapshot {
        Snapshot(
            id: 1_000_000 + number, parentID: number > 1 ? 999_999 + number : nil, sequenceNumber: number,
            timestampMilliseconds: 1_700_000_000_000 + number,
            manifestList: "file:///lake/t/metadata/snap-\(number)-\(UUID().uuidString).avro",
            summary: [
                "operation": "append", "added-data-files": "1", "added-records": "1000", "total-records": "\(number)",
                "total-data-files": "\(number)", "total-delete-files": "0", "writer": "w\u{1}\"\\\(number)",
            ], schemaID: 0)
    }

    private static func metadata(_ count: Int64) throws -> TableMetadata {
        var metadata = try TableMetadata(
            location: "file:///lake/t", schema: Workspace.schema, spec: .unpartitioned, properties: [:],
            nowMilliseconds: 1)
        metadata.snapshots = (1...count).map(snapshot)
        metadata.lastSequenceNumber = count
        return metadata
    }

    @Test("What was encoded for one version is not encoded again for the next")
    func encodedOnce() throws {
        var metadata = try Self.metadata(4_000)
        func seconds(_ body: () -> Int) -> Double {
            let began = ContinuousClock.now
            let bytes = body()
            let took = (ContinuousClock.now - began) / .seconds(1)
            #expect(bytes > 1_000_000)
            return took
        }
        let first = seconds { metadata.encoded().count }
        metadata.snapshots.append(Self.snapshot(4_001))
        metadata.lastSequenceNumber = 4_001
        let next = (0..<7).map { _ in seconds { metadata.encoded().count } }.min() ?? first
        #expect(next * 2 < first, "the first version took \(first) s, the next \(next) s")
    }

    @Test("What is kept of an encoding is what the snapshot says")
    func sameBytes() throws {
        let metadata = try Self.metadata(50)
        let bytes = metadata.encoded()
        let read = try TableMetadata(parsing: bytes)
        #expect(read == metadata && read.encoded() == bytes && metadata.encoded() == bytes)
        #expect(read.snapshots[0].summary["writer"] == "w\u{1}\"\\1")
        // Copies that differ do not share it.
        var other = metadata
        other.snapshots[0] = Self.snapshot(1)
        #expect(other.encoded() != bytes && other != metadata)
    }

    @Test("Numbers are written as they are", arguments: [0, -1, 7, 10, -10, 99, 1_000_000, .max, .min] as [Int64])
    func numbers(_ number: Int64) {
        #expect(JSONWriter.object { $0.member("n", number) } == Array("{\"n\":\(number)}".utf8))
        #expect(JSONWriter.object { $0.member("n", UInt64.max) } == Array("{\"n\":18446744073709551615}".utf8))
    }
}
