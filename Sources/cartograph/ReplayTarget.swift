import Collector
import EventLog
import Events
import NIOCore

/// Where replayed events go: straight into the log, or through the server that holds it.
protocol ReplayTarget {
    /// Stores a batch's events; sending the same batch again stores nothing.
    func store(_ batch: ReplayBatch) async throws -> ImportAnswer
}

/// Appends to a log that this process holds.
struct LogReplayTarget: ReplayTarget {
    let log: EmbeddedLog
    let collector: Collector

    func store(_ batch: ReplayBatch) async throws -> ImportAnswer {
        let (events, result) = try collector.judge(PaddedBytes(copying: batch.body), .ndjson, "replay")
        events.stamp = batch.stamp
        let receipt: AppendReceipt
        do {
            receipt = try await log.append(events)
        } catch {
            throw ReplayFailure.telling(error)
        }
        var answer = ImportAnswer(accepted: result.accepted, isRepeat: receipt.isRepeat)
        for rejection in result.rejected where !receipt.isRepeat {
            answer.rejected[rejection.reason.description, default: 0] += 1
        }
        return answer
    }
}

/// Sends to a running server.
struct ServerReplayTarget: ReplayTarget {
    let server: ServerImportTarget

    func store(_ batch: ReplayBatch) async throws -> ImportAnswer {
        let answer: ServerImportTarget.Answer
        do {
            answer = try await server.post("/v1/events", ByteBuffer(bytes: batch.body), batch.stamp)
        } catch let error as CommandError where error.description.contains("answered 409") {
            throw ReplayFailure.forgotten(error)
        }
        var told = ImportAnswer(accepted: answer.accepted, isRepeat: answer.repeat ?? false)
        if answer.rejectedCount > 0 { told.rejected["rejected by the server"] = answer.rejectedCount }
        return told
    }
}

/// What to do when the log does not take a batch.
enum ReplayFailure {
    static func telling(_ error: LogError) -> any Error {
        guard case .outOfOrder = error else { return error }
        return forgotten(error)
    }

    static func forgotten(_ error: any Error) -> CommandError {
        CommandError(
            "the log no longer knows which batches it has of the replay (\(error)): run it again with --renumber; events "
                + "that it already has are then stored twice, and count once by their ids")
    }
}
