import Dispatch
import Synchronization

extension Collection where Self: Sendable, Element: Sendable {
    /// Maps every element, up to `lanes` of them at the same time, in order.
    /// - Throws: What the first element that fails throws.
    package func mapAtOnce<Result: Sendable>(
        upTo lanes: Int, _ body: @Sendable (Element) throws -> Result
    ) throws -> [Result] {
        guard count > 1, lanes > 1 else { return try map(body) }
        let elements = Array(self)
        let next = Atomic<Int>(0)
        let results = Mutex<[Swift.Result<Result, any Error>?]>(Array(repeating: nil, count: elements.count))
        DispatchQueue.concurrentPerform(iterations: Swift.min(lanes, elements.count)) { _ in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < elements.count else { return }
                let result = Swift.Result { try body(elements[index]) }
                results.withLock { $0[index] = result }
                // The rest would be for nothing.
                if case .failure = result { next.store(elements.count, ordering: .relaxed) }
            }
        }
        let found = results.withLock { $0 }
        for case .failure(let error)? in found { throw error }
        return try found.compactMap { try $0?.get() }
    }
}
