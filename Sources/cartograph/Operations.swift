import EventLog
import Events
import Foundation
import Models
import Server
import Streaming

/// What the server asks of the running platform.
struct Operations: ShopOperations {
    private let shop: SendableShop
    private let runner: StreamRunner
    private let startedAt: Int64

    /// The parts of the shop that answer from any thread.
    private struct SendableShop: Sendable {
        let batch: BatchService
        let lake: LakeService
        let log: EmbeddedLog
        let data: String
        let fraudLabels: FraudLabels?
    }

    init(shop: Shop, runner: StreamRunner, startedAt: Int64) {
        self.shop = SendableShop(
            batch: shop.batch, lake: shop.lake, log: shop.log, data: shop.folder.path,
            fraudLabels: shop.stream.fraud.labels)
        self.runner = runner
        self.startedAt = startedAt
    }

    func dailySales(days: Int) async throws -> [UInt8] { try await shop.batch.dailySales(days: days) }

    func quarantine(limit: Int) async throws -> [UInt8] { try await shop.batch.quarantine(limit: limit) }

    func label(_ said: [(orderID: String, isFraud: Bool)]) async throws { try shop.fraudLabels?.add(said) }

    func rebuild(select: [String], exclude: [String], fullRefresh: Bool) async throws -> [UInt8] {
        let selection = ModelSelection(select: select, exclude: exclude)
        do {
            return Array(try JSONEncoder().encode(try await shop.batch.rebuild(selection, fullRefresh: fullRefresh)))
        } catch let error as ModelError where error.kind == .project && !selection.isAll {
            throw WrongRequest(error.description)
        }
    }

    func verify() async throws -> [UInt8] {
        let balance = try await shop.batch.verify()
        return Array(try JSONEncoder().encode(balance))
    }

    func erase(
        _ people: People, dryRun: Bool, progress: @escaping @Sendable ([UInt8]) -> Void
    ) async throws -> [UInt8] {
        let pace = ErasurePace()
        let certificate = try await shop.batch.erase(people, dryRun: dryRun, live: runner) { note, done, total in
            guard pace.isDue else { return }
            // Texts and numbers always encode.
            if let line = try? ErasureLine.progress(note, done, total).encoded { progress(line) }
        }
        return try ErasureLine.certificate(certificate).encoded
    }

    private struct Status: Encodable {
        struct Batch: Encodable {
            let at: String
            let ok: Bool
            let seconds: Double
            let error: String?
        }
        let version: String
        let started_at: String
        let data: String
        let last_batch: Batch?
        let problems: [String]

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(version, forKey: .version)
            try container.encode(started_at, forKey: .started_at)
            try container.encode(data, forKey: .data)
            try container.encode(last_batch, forKey: .last_batch)
            try container.encode(problems, forKey: .problems)
        }

        enum CodingKeys: String, CodingKey { case version, started_at, data, last_batch, problems }
    }

    func status() async throws -> [UInt8] {
        let batch = shop.batch.current
        let erasures = try shop.batch.unfinishedErasures()
        let status = Status(
            version: Cartograph.version, started_at: Timestamp.text(startedAt), data: shop.data,
            last_batch: batch.lastRunAt.map {
                Status.Batch(at: $0, ok: batch.failure == nil, seconds: batch.lastSeconds, error: batch.failure)
            },
            problems: [
                logFailure, runner.current.failure, shop.lake.current.failure, batch.failure,
                shop.batch.warehouse?.current.failure, shop.batch.audit.current.text,
            ].compactMap { $0 }
                + erasures)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return Array(try encoder.encode(status))
    }

    private var logFailure: String? { shop.log.failure.map { LogError.failed($0.description).description } }

    func unreadiness() -> String? {
        logFailure ?? runner.current.failure ?? shop.lake.current.failure ?? shop.batch.current.failure
    }
}
