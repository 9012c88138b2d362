import CZlib
import Collector
import EventLog
import Events
import Foundation
import Telemetry
import Testing

/// A collector before a log in a folder of its own, and what came to stand in that log.
final class Door {
    let log: EmbeddedLog
    let metrics = Metrics()
    let collector: Collector
    let folder: String

    init(clock: Int64 = 1_767_323_045_000_000) throws {
        folder = NSTemporaryDirectory() + "cartograph-door-" + UUID().uuidString
        log = try EmbeddedLog(folder: folder)
        collector = Collector(log: log, metrics: metrics, clock: { clock })
    }

    deinit {
        log.close()
        try? FileManager.default.removeItem(atPath: folder)
    }

    func collect(
        _ bytes: [UInt8], as format: BodyFormat, stamp: ProducerStamp? = nil
    ) async throws -> CollectResult {
        let result = try await collector.collect(PaddedBytes(copying: bytes), as: format, source: "test", stamp: stamp)
        // The books balance after every request.
        let totals = log.cut().totals
        #expect(totals.received == totals.accepted + totals.quarantined)
        #expect(totals.accepted == log.cut().offsets.acceptedRecords)
        #expect(totals.quarantined == log.cut().offsets.records(in: .quarantine))
        return result
    }

    func collect(_ text: String, as format: BodyFormat, stamp: ProducerStamp? = nil) async throws -> CollectResult {
        try await collect(Array(text.utf8), as: format, stamp: stamp)
    }

    /// The raw bytes of a topic's records, in the order of a consumer.
    func stored(_ topics: [Topic]) throws -> [[UInt8]] {
        let consumer = try log.consumer(of: topics, from: LogOffsets(partitions: log.partitions))
        var found: [[UInt8]] = []
        while try consumer.next(before: log.cut(), { try $0.forEachRecord { found.append(Array($1)) } }) {}
        return found
    }

    /// What the quarantine holds.
    func quarantined() throws -> [Quarantined] {
        try stored([.quarantine]).map { bytes in
            try bytes.withUnsafeBytes {
                let decoded = try #require(QuarantineRecord.decode($0))
                return Quarantined(
                    reason: decoded.record.reason, source: decoded.record.source, raw: Array(decoded.raw))
            }
        }
    }
}

struct Quarantined: Equatable {
    var reason: String
    var source: String
    var raw: [UInt8]
}

/// A valid event, told apart by its id.
func search(_ id: String) -> String {
    #"{"type":"search","event_id":"\#(id)","user_id":"u","session_id":"s","ts":"2026-01-02T03:04:05Z","query":"a,]}[{\"b"}"#
}

/// One gzip member.
func gzipped(_ bytes: [UInt8]) throws -> [UInt8] {
    var stream = z_stream()
    let version = deflateInit2_(
        &stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    try #require(version == Z_OK)
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))))
    let count = input.withUnsafeMutableBufferPointer { source in
        output.withUnsafeMutableBufferPointer { target in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(target.count)
            return deflate(&stream, Z_FINISH) == Z_STREAM_END ? target.count - Int(stream.avail_out) : -1
        }
    }
    try #require(count >= 0)
    return Array(output.prefix(count))
}
