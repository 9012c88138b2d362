import EventLog
import Events
import Foundation
import Synchronization
import Testing

@Suite struct QueueTests {
    /// Holds a log's writer where it answers a batch, so that what is sent meanwhile waits.
    private func whileTheWriterWaits(_ log: EmbeddedLog, _ body: () throws -> Void) throws {
        let hold = DispatchSemaphore(value: 0)
        let isHeld = DispatchSemaphore(value: 0)
        log.append(AppendBatch(["holds the writer"])) { _ in
            isHeld.signal()
            hold.wait()
        }
        isHeld.wait()
        defer { hold.signal() }
        try body()
    }

    @Test func aFullQueueRefusesWithoutLosingWhatItTook() throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path)
        defer { withExtendedLifetime(folder) { log.close() } }
        let answers = Answers()
        let megabyte = String(repeating: "q", count: 1 << 20)
        var refused: [LogError] = []
        try whileTheWriterWaits(log) {
            for i in 0..<70 {
                log.append(AppendBatch(["\(i) " + megabyte])) { answers.give(i, $0) }
            }
            // Those refused were told so at once.
            refused = answers.failures
            #expect(refused.count == answers.count && (6...8).contains(refused.count))
        }
        answers.wait(for: 70)
        for error in refused {
            guard case .busy(let bytes) = error else { throw error }
            #expect(bytes <= EmbeddedLog.queueBytes && bytes > EmbeddedLog.queueBytes - (2 << 20))
        }
        let stored = try log.everything().compactMap { Int($0.text.prefix { $0 != " " }) }
        #expect(stored.sorted() == answers.stored.sorted())
        #expect(answers.most == 1, "a completion was called twice")
        // It was for the moment only.
        _ = try log.appendAndWait(AppendBatch(["after"]))
    }

    @Test func sendersWhoWaitForAnswersShareCommits() throws {
        // A machine that is busy with something else may let some of them come too late, now and then.
        var fewest = Int.max
        for _ in 0..<4 { fewest = min(fewest, try commits(senders: 16, rounds: 100)) }
        #expect(fewest < 125, "\(fewest) commits of 100 times 16 batches")
    }

    private func commits(senders: Int, rounds: Int) throws -> Int {
        // On a disk, where a sync takes its time.
        let folder = try LogFolder(in: NSTemporaryDirectory())
        let log = try EmbeddedLog(folder: folder.path)
        defer { withExtendedLifetime(folder) { log.close() } }
        let answered = (0..<senders).map { _ in DispatchSemaphore(value: 0) }
        // One commit takes the first batches of all: from there on they come back together.
        try whileTheWriterWaits(log) {
            for (sender, semaphore) in answered.enumerated() {
                log.append(AppendBatch(["\(sender)"])) { _ in semaphore.signal() }
            }
        }
        try onThreads(
            answered.map { semaphore in
                {
                    semaphore.wait()
                    for i in 1..<rounds { _ = try log.appendAndWait(AppendBatch(["\(i)"])) }
                }
            })
        #expect(try log.everything().count == senders * rounds + 1)
        return Int(log.cut().commit)
    }

    @Test func aSenderWhoIsAloneIsNotKeptWaitingForOthers() throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path)
        defer { withExtendedLifetime(folder) { log.close() } }
        // Others were there before.
        try onThreads(
            (0..<8).map { sender in
                { for _ in 0..<20 { _ = try log.appendAndWait(AppendBatch(["\(sender)"])) } }
            })
        var best = Duration.seconds(60)
        for _ in 0..<10 {
            let began = ContinuousClock.now
            for i in 0..<50 { _ = try log.appendAndWait(AppendBatch(["\(i)"])) }
            best = min(best, began.duration(to: .now))
        }
        // Each gathering takes a millisecond; in memory a commit takes a tenth of that.
        #expect(best < .milliseconds(40), "50 commits took \(best)")
    }

    @Test func theWaitForOthersEndsThoughNobodyComes() throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path)
        defer { withExtendedLifetime(folder) { log.close() } }
        var best = Duration.seconds(60)
        for _ in 0..<10 {
            let answers = Answers()
            // A commit of many batches, after which one sender comes back alone.
            try whileTheWriterWaits(log) {
                for i in 0..<30 { log.append(AppendBatch(["\(i)"])) { answers.give(i, $0) } }
            }
            answers.wait(for: 30)
            let began = ContinuousClock.now
            _ = try log.appendAndWait(AppendBatch(["alone"]))
            best = min(best, began.duration(to: .now))
        }
        #expect(best < .milliseconds(20), "\(best)")
    }

    @Test func aCompletionFollowsItsCommit() throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path)
        defer { withExtendedLifetime(folder) { log.close() } }
        let answers = Answers()
        let path = folder.path
        for i in 0..<200 {
            log.append(AppendBatch(["event \(i)"])) { result in
                // What is answered is published, and stands in the file.
                if case .success(let receipt) = result {
                    #expect(log.cut().commit >= receipt.commit)
                    if i % 20 == 0 {
                        let last = try? EmbeddedLog(reading: path).cut().commit
                        #expect(last ?? 0 >= receipt.commit)
                    }
                }
                answers.give(i, result)
            }
        }
        answers.wait(for: 200)
        #expect(answers.most == 1 && answers.failures.isEmpty)
    }

    @Test func everythingThatWasTakenIsAnsweredWhenTheLogCloses() throws {
        for _ in 0..<20 {
            let folder = try LogFolder()
            let log = try EmbeddedLog(folder: folder.path)
            let answers = Answers()
            for i in 0..<50 {
                log.append(AppendBatch(["\(i)"])) { answers.give(i, $0) }
                if i == 40 { log.close() }
            }
            answers.wait(for: 50)
            #expect(answers.stored.sorted() == Array(0...40) && answers.most == 1)
            for failure in answers.failures {
                guard case .closed = failure else { throw failure }
            }
            let kept = try folder.open { try $0.everything().map { Int($0.text) ?? -1 }.sorted() }
            #expect(kept == Array(0...40))
        }
    }

    @Test func aWaiterIsWokenByTheCloseOfTheLog() throws {
        let folder = try LogFolder()
        let log = try EmbeddedLog(folder: folder.path)
        let began = ContinuousClock.now
        try onThreads([{ log.waitForCommit(after: 0, seconds: 60) }, { log.close() }])
        #expect(began.duration(to: .now) < .seconds(30))
        withExtendedLifetime(folder) {}
    }
}

/// What completions were called with.
final class Answers: Sendable {
    private let condition = NSCondition()
    // Guarded by the condition's lock.
    nonisolated(unsafe) private var results: [Int: Result<AppendReceipt, LogError>] = [:]
    nonisolated(unsafe) private var calls: [Int: Int] = [:]

    func give(_ number: Int, _ result: Result<AppendReceipt, LogError>) {
        condition.withLock {
            results[number] = result
            calls[number, default: 0] += 1
            condition.broadcast()
        }
    }

    func wait(for count: Int) {
        condition.withLock {
            let deadline = Date(timeIntervalSinceNow: 60)
            while results.count < count, condition.wait(until: deadline) {}
            #expect(results.count == count)
        }
    }

    var count: Int { condition.withLock { results.count } }
    /// How often the one that was called most often was.
    var most: Int { condition.withLock { calls.values.max() ?? 0 } }
    var stored: [Int] { condition.withLock { results.filter { (try? $0.value.get()) != nil }.map(\.key) } }
    var failures: [LogError] {
        condition.withLock {
            results.values.compactMap { result -> LogError? in
                if case .failure(let error) = result { return error }
                return nil
            }
        }
    }
}
