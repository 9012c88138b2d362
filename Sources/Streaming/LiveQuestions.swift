import Synchronization

/// Questions to the live state, which the thread that owns it answers between two of its steps, within a publication's
/// time when nothing happens.
public final class LiveQuestions: Sendable {
    /// The most questions that wait at once.
    public static let waiting = 64

    private struct Question {
        /// Answers; without a state where the stream has ended.
        let answer: @Sendable (ShopStream?) -> Void
    }

    private struct State {
        var questions: [Question] = []
        var isClosed = false
    }

    private let state = Mutex(State())

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
