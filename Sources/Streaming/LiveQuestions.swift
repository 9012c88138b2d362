import Foundation
import Synchronization

/// Questions to the live state, which the thread that owns it answers between two of its steps, within a publication's
/// time when nothing happens. Who may be told what was so a moment ago shares an answer with others.
public final class LiveQuestions: Sendable {
    /// The most questions that wait at once.
    public static let waiting = 64
    /// The oldest answer that one may ask for, in seconds.
    public static let ageMax = 60
    /// The most answers that are kept for others.
    static let sharedMax = 128

    private struct Question {
        /// Answers; without a state where the stream has ended.
        let answer: @Sendable (ShopStream?) -> Void
    }

    private struct State {
        var questions: [Question] = []
        var isClosed = false
    }

    private struct Shared {
        let answer: Task<[UInt8]?, any Error>
        let askedAt: ContinuousClock.Instant
    }

    private let state = Mutex(State())
    private let shared = Mutex<[String: Shared]>([:])

    /// Answers as JSON; nil when too many wait already, or the stream has ended.
    ///
    /// - Parameters:
    ///   - key: the same where `body` says the same.
    ///   - age: how many seconds ago another may have asked, whose answer serves too.
    func answer<Report: Encodable & Sendable>(
        _ key: String, age: Int, _ body: @escaping @Sendable (ShopStream) -> Report
    ) async throws -> [UInt8]? {
        let now = ContinuousClock.now
        let answer = shared.withLock { shared in
            if let known = shared[key], now - known.askedAt < .seconds(age) { return known.answer }
            let answer = Task { [self] () throws -> [UInt8]? in
                guard let report = await ask(body) else { return nil }
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.withoutEscapingSlashes]
                return Array(try encoder.encode(report))
            }
            guard age > 0 else { return answer }
            if shared.count >= LiveQuestions.sharedMax {
                shared = shared.filter { now - $0.value.askedAt < .seconds(LiveQuestions.ageMax) }
            }
            if shared.count < LiveQuestions.sharedMax { shared[key] = Shared(answer: answer, askedAt: now) }
            return answer
        }
        return try await answer.value
    }

    /// Asks; nil when too many wait already, or the stream has ended.
    func ask<Answer: Sendable>(_ body: @escaping @Sendable (ShopStream) -> Answer) async -> Answer? {
        await withCheckedContinuation { continuation in
            let question = Question { continuation.resume(returning: $0.map(body)) }
            let isTaken = state.withLock { state in
                guard !state.isClosed, state.questions.count < LiveQuestions.waiting else { return false }
                state.questions.append(question)
                return true
            }
            if !isTaken { continuation.resume(returning: nil) }
        }
    }

    /// Answers what waits; by the thread that owns the state.
    func answer(_ stream: ShopStream) {
        let questions = state.withLock { state in
            defer { state.questions.removeAll() }
            return state.questions
        }
        for question in questions { question.answer(stream) }
    }

    /// Leaves what waits without an answer and takes no more.
    func close() {
        let questions = state.withLock { state in
            state.isClosed = true
            defer { state.questions.removeAll() }
            return state.questions
        }
        for question in questions { question.answer(nil) }
    }
}
