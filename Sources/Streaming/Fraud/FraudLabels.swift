import EventLog
import Foundation
import Synchronization

/// What is wrong with the file of labels.
public struct FraudLabelsError: Error, CustomStringConvertible {
    /// One line.
    public let description: String
}

/// What people have said of purchases: fraud, or not. Kept in a file, in the order in which it was said, each with its
/// place among the scored purchases once it was learnt, so that a replay of the log learns it at the same place.
///
/// The file names orders by their hashes. It is written whole each time, so a crash leaves the old one or the new one.
public final class FraudLabels: Sendable {
    /// The most labels that are kept.
    public static let labelsMax = 1 << 17
    /// The largest file that is read.
    private static let fileBytes = labelsMax * 96 + 4_096

    /// One label.
    struct Label: Sendable, Codable, Equatable {
        /// The order's hash, 16 hexadecimal digits.
        var order: String
        /// What was said.
        var fraud: Bool
        /// How many purchases had been scored when it was learnt; nil before it was.
        var after: Int64?

        /// The order's hash.
        var hash: UInt64 { UInt64(order, radix: 16) ?? 0 }
    }

    private struct File: Codable {
        var version = 1
        var labels: [Label] = []
    }

    private let folder: String
    private let name: String
    private let labels: Mutex<[Label]>

    /// The labels of a file; none where there is no file.
    ///
    /// - Throws: `FraudLabelsError` when the file is damaged, of another version, or too large.
    public init(path: String) throws {
        let url = URL(fileURLWithPath: path)
        (folder, name) = (url.deletingLastPathComponent().path, url.lastPathComponent)
        guard FileManager.default.fileExists(atPath: path) else {
            labels = Mutex([])
            return
        }
        func damaged(_ what: String) -> FraudLabelsError {
            FraudLabelsError(
                description:
                    "\(path) \(what): put a copy of it back, or take it away to forget what was said of purchases")
        }
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        guard size <= FraudLabels.fileBytes else { throw damaged("is larger than \(FraudLabels.fileBytes) bytes") }
        guard let file = try? JSONDecoder().decode(File.self, from: try Data(contentsOf: url)), file.version == 1 else {
            throw damaged("holds no labels of version 1")
        }
        let known = file.labels.prefix { $0.after != nil }
        let isSorted = zip(known, known.dropFirst()).allSatisfy { ($0.after ?? 0) <= ($1.after ?? 0) }
        guard file.labels.count <= FraudLabels.labelsMax, isSorted, file.labels.allSatisfy({ $0.hash != 0 }),
            file.labels.dropFirst(known.count).allSatisfy({ $0.after == nil })
        else { throw damaged("is damaged") }
        labels = Mutex(file.labels)
    }

    /// How many there are.
    public var count: Int { labels.withLock { $0.count } }

    /// Adds what was said of some orders; durable when it returns. It is learnt by whoever has the live state.
    ///
    /// - Throws: `LogError` when it cannot be written; `FraudLabelsError` when there are too many.
    public func add(_ said: [(orderID: String, isFraud: Bool)]) throws {
        try labels.withLock { labels in
            let more =
                labels
                + said.map { Label(order: FraudLabels.name(FraudScorer.hash(order: $0.orderID)), fraud: $0.isFraud) }
            guard more.count <= FraudLabels.labelsMax else {
                throw FraudLabelsError(
                    description: "\(folder)/\(name) holds \(FraudLabels.labelsMax) labels, the most there may be")
            }
            try write(more)
            labels = more
        }
    }

    private static func name(_ hash: UInt64) -> String { String(hash, radix: 16) }

    private func write(_ labels: [Label]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try SystemFolder.create(folder)
        try SystemFile.replace(folder, name, with: Array(try encoder.encode(File(labels: labels))))
    }

    /// The label at a place in the file, if there is one.
    func label(_ index: Int) -> Label? { labels.withLock { index < $0.count ? $0[index] : nil } }

    /// Notes that all labels from one on, which are not placed yet, are learnt after so many purchases; returns them.
    func place(from first: Int, after scored: Int64) throws -> ArraySlice<Label> {
        try labels.withLock { labels in
            guard first < labels.count else { return [] }
            guard labels[first...].contains(where: { $0.after == nil }) else { return labels[first...] }
            var placed = labels
            for index in first..<placed.count where placed[index].after == nil { placed[index].after = scored }
            try write(placed)
            labels = placed
            return placed[first...]
        }
    }

    /// Forgets those among the first `learnt` that are of orders nobody knows, and puts the others no later than after so
    /// many purchases: what is left of them when purchases were erased.
    func forget(_ unknown: Set<Int>, learnt: Int, scored: Int64) throws {
        try labels.withLock { labels in
            var left: [Label] = []
            for (index, label) in labels.enumerated() where !(index < learnt && unknown.contains(index)) {
                var label = label
                if index < learnt { label.after = min(label.after ?? scored, scored) }
                left.append(label)
            }
            guard left != labels else { return }
            try write(left)
            labels = left
        }
    }
}

/// How fraud scores are made: the rules, and what people say of purchases.
public struct FraudSettings: Sendable {
    /// The rules; without any the scores are the model's alone.
    public var rules: FraudRules
    /// What people say; nil where nobody says anything.
    public var labels: FraudLabels?

    /// Settings.
    public init(rules: FraudRules = FraudRules(), labels: FraudLabels? = nil) {
        self.rules = rules
        self.labels = labels
    }
}
