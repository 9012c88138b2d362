/// Which of a run's models may begin: each when all those of the run that it reads are done. Without I/O.
struct ModelSchedule {
    /// What a thread is to do.
    struct Turn: Sendable {
        let model: Model
        /// Whether nothing else runs meanwhile, on an engine that nothing else ran on.
        let isAlone: Bool
    }

    /// Models that have not begun, in the project's order.
    private var waiting: [Model]
    /// Those of the run that a model reads and that are not done, by its name.
    private var needs: [String: Set<String>]
    private var running: Set<String> = []
    /// Models beside which another one ran.
    private var accompanied: Set<String> = []
    /// Models that failed beside others, and are tried again.
    private var retries: [Model] = []
    /// Whether what runs now runs alone.
    private var isAlone = false
    /// Whether everything runs alone from now on.
    private var isOneByOne = false

    /// A schedule of models in the project's order.
    /// - Parameter inputs: the tables that a model reads.
    init(_ models: [Model], inputs: (Model) -> [String]) {
        waiting = models
        let names = Dictionary(models.map { ($0.table, $0.name) }) { first, _ in first }
        needs = Dictionary(models.map { ($0.name, Set(inputs($0).compactMap { names[$0] })) }) { first, _ in first }
    }

    /// The next model that may begin; nil when none may before another has ended.
    mutating func next() -> Turn? {
        guard !isAlone else { return nil }
        guard retries.isEmpty, !isOneByOne else {
            guard running.isEmpty, let model = retries.isEmpty ? takeReady() : retries.removeFirst() else { return nil }
            isAlone = true
            running.insert(model.name)
            return Turn(model: model, isAlone: true)
        }
        guard let model = takeReady() else { return nil }
        if !running.isEmpty { accompanied.formUnion(running.union([model.name])) }
        running.insert(model.name)
        return Turn(model: model, isAlone: false)
    }

    /// A model is done.
    mutating func finish(_ model: Model) {
        end(model)
        for name in needs.keys { needs[name]?.remove(model.name) }
    }

    /// A model failed.
    /// - Parameters:
    ///   - isOutOfMemory: whether it may have been for want of memory that others had.
    ///   - isEngineLost: whether its engine is of no use any more, which others may have been the reason for.
    /// - Returns: the models that will not run because of it; nil when it will be tried again, alone.
    mutating func fail(_ model: Model, isOutOfMemory: Bool, isEngineLost: Bool) -> [Model]? {
        let mayBeOthers = accompanied.contains(model.name) && !isAlone && (isOutOfMemory || isEngineLost)
        isOneByOne = isOneByOne || isEngineLost
        end(model)
        guard !mayBeOthers else {
            retries.append(model)
            return nil
        }
        var lost: Set<String> = [model.name]
        var skipped: [Model] = []
        // Each comes after those it reads.
        for other in waiting where needs[other.name]?.isDisjoint(with: lost) == false {
            lost.insert(other.name)
            skipped.append(other)
        }
        waiting.removeAll { lost.contains($0.name) }
        return skipped
    }

    private mutating func end(_ model: Model) {
        running.remove(model.name)
        isAlone = false
    }

    private mutating func takeReady() -> Model? {
        guard let index = waiting.firstIndex(where: { needs[$0.name]?.isEmpty ?? true }) else { return nil }
        return waiting.remove(at: index)
    }
}
