import Collector
import EventLog
import Events
import FileImport
import Foundation
import NIOCore

/// What became of one part of an imported file.
struct ImportAnswer {
    var accepted = 0
    var rejected: [String: Int] = [:]
    /// Rows of people whose data were erased: nothing of them was stored.
    var erased = 0
    var isRepeat = false
}

/// Where imported events go: straight into the log, or through the server that holds it.
protocol ImportTarget {
    /// Stores a part's events; sending the same stamp again stores nothing.
    mutating func store(_ events: [ImportedEvent], source: String, stamp: ProducerStamp) async throws -> ImportAnswer
    /// Keeps a part's rows that became no events.
    mutating func keep(_ rows: [RejectedBytes], stamp: ProducerStamp) async throws -> ImportAnswer
}

extension ImportTarget {
    static func body(_ events: [ImportedEvent]) -> PaddedBytes {
        var body = PaddedBytes(capacity: events.reduce(0) { $0 + $1.json.count + 1 })
        for event in events {
            event.json.withUnsafeBytes { body.append($0) }
            body.append(0x0a)
        }
        return body
    }
}

/// Appends to a log that this process holds.
struct LogImportTarget: ImportTarget {
    let log: EmbeddedLog
    let collector: Collector

    mutating func store(
        _ events: [ImportedEvent], source: String, stamp: ProducerStamp
    ) async throws -> ImportAnswer {
        let (batch, result) = try collector.judge(Self.body(events), .ndjson, source)
        batch.stamp = stamp
        return answer(try await log.append(batch), result)
    }

    mutating func keep(_ rows: [RejectedBytes], stamp: ProducerStamp) async throws -> ImportAnswer {
        let result = try await collector.quarantine(rows, stamp: stamp)
        return ImportAnswer(
            rejected: result.rejectedByReason.mapValues { Int($0) }, erased: result.erased, isRepeat: result.isRepeat)
    }

    private func answer(_ receipt: AppendReceipt, _ result: CollectResult) -> ImportAnswer {
        var answer = ImportAnswer(accepted: result.accepted, erased: result.erased, isRepeat: receipt.isRepeat)
        for rejection in result.rejected { answer.rejected[rejection.reason.description, default: 0] += 1 }
        let unlisted = result.rejectedCount - result.rejected.count
        if unlisted > 0 { answer.rejected["not listed", default: 0] += unlisted }
        return answer
    }
}

/// Sends to a running server.
struct ServerImportTarget: ImportTarget {
    let address: CollectorAddress
    /// How often a part is sent again before the import gives up.
    private static let attempts = 30

    init(address: CollectorAddress) { self.address = address }

    /// What the server says of a part.
    struct Answer: Decodable {
        struct Rejection: Decodable { let reason: String }
        let accepted: Int
        let rejected: [Rejection]
        let rejectedCount: Int
        let erased: Int?
        let `repeat`: Bool?
        enum CodingKeys: String, CodingKey {
            case accepted, rejected, erased, `repeat`
            case rejectedCount = "rejected_count"
        }
    }

    mutating func store(
        _ events: [ImportedEvent], source: String, stamp: ProducerStamp
    ) async throws -> ImportAnswer {
        let body = Self.body(events).withBytes { ByteBuffer(bytes: $0) }
        let answer = try await post("/v1/events", body, stamp)
        var told = ImportAnswer(
            accepted: answer.accepted, erased: answer.erased ?? 0, isRepeat: answer.repeat ?? false)
        for rejection in answer.rejected { told.rejected[rejection.reason, default: 0] += 1 }
        let unlisted = answer.rejectedCount - answer.rejected.count
        if unlisted > 0 { told.rejected["not listed", default: 0] += unlisted }
        return told
    }

    mutating func keep(_ rows: [RejectedBytes], stamp: ProducerStamp) async throws -> ImportAnswer {
        var body = ByteBuffer()
        let encoder = JSONEncoder()
        for row in rows {
            let line = ["reason": row.reason, "source": row.source, "raw": Data(row.raw).base64EncodedString()]
            body.writeBytes(try encoder.encode(line))
            body.writeString("\n")
        }
        let answer = try await post("/v1/quarantine", body, stamp)
        var told = ImportAnswer(erased: answer.erased ?? 0, isRepeat: answer.repeat ?? false)
        // Which of them were erased, the server does not say.
        if told.erased == 0 {
            for row in rows { told.rejected[row.reason, default: 0] += 1 }
        } else if answer.rejectedCount > 0 {
            told.rejected["not listed"] = answer.rejectedCount
        }
        return told
    }

    /// Posts a part, again while the server is busy.
    func post(_ path: String, _ body: ByteBuffer, _ stamp: ProducerStamp) async throws -> Answer {
        let headers = [("cartograph-producer", stamp.producer), ("cartograph-sequence", String(stamp.sequence))]
        for _ in 0..<ServerImportTarget.attempts {
            let answer = try await CollectorConnection.open(address) {
                try await $0.post(path, body, headers: headers)
            }
            switch answer.status {
            case 202:
                return try JSONDecoder().decode(Answer.self, from: Data(answer.body))
            case 429, 503:
                try await Task.sleep(for: .seconds(answer.retryAfter ?? 1))
            default:
                throw CommandError(
                    "the server answered \(answer.status): \(String(decoding: answer.body.prefix(300), as: UTF8.self))")
            }
        }
        throw CommandError("the server stayed busy: run the import again, it goes on where it was")
    }
}
