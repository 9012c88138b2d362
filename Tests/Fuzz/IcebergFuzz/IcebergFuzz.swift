import Iceberg

/// Damaged files of Iceberg tables: each must give a named error or be read, and what is read must be written and read
/// again as the same.
///
/// A crash ends the run by itself; built with --sanitize=address it also ends at the first byte that is touched outside
/// of a file. What cannot be seen this way is a value that is read wrong in the same way twice: the golden files of the
/// tests are for that.
public final class IcebergFuzz {
    /// What was done so far.
    public struct Tally: Sendable {
        /// Files read.
        public var cases = 0
        /// Those that were read and came back the same, by format.
        public var accepted: [String: Int] = [:]
        /// Those that were refused with an error, by format.
        public var refused: [String: Int] = [:]
    }

    /// A file that was not treated as it should.
    public struct Finding: Error, CustomStringConvertible {
        /// The run's seed.
        public let seed: UInt64
        /// Which file of the run.
        public let index: Int
        /// What kind of file.
        public let format: String
        /// What went wrong.
        public let objection: String
        /// The file.
        public let bytes: [UInt8]

        /// All of it, as `cartograph-fuzz` prints it.
        public var description: String {
            let shown = bytes.count > 50_000 ? "the first 50,000 of \(bytes.count) bytes" : "all of it"
            return "seed \(seed), case \(index): \(format): \(objection)\n"
                + "let file: [UInt8] = \(bytes.prefix(50_000)) // \(shown)"
        }
    }

    /// What was done so far.
    public private(set) var tally = Tally()

    private let seed: UInt64
    private let corpus: IcebergCorpus

    /// The longest that one file may take; even under AddressSanitizer on a busy machine it takes milliseconds.
    private static let caseLimit = Duration.seconds(20)

    /// A run whose files follow from its seed, except for Avro's random markers.
    public init(seed: UInt64) throws {
        self.seed = seed
        corpus = try IcebergCorpus()
    }

    /// Reads `count` more files.
    ///
    /// - Throws: the first ``Finding``.
    public func run(_ count: Int) throws(Finding) {
        for _ in 0..<count {
            var random = IcebergRandom(seed: seed ^ UInt64(tally.cases) &* 0xd134_2543_de82_ef95)
            let isBomb = tally.cases < corpus.bombs.count
            let file = isBomb ? corpus.bombs[tally.cases] : corpus.damaged(&random)
            let began = ContinuousClock.now
            let verdict = file.judge.verdict(on: file.bytes, file.format)
            let took = ContinuousClock.now - began
            guard took < Self.caseLimit else { throw finding(file, "took \(took)") }
            switch verdict {
            case .same:
                if let name = file.mustBeRefused { throw finding(file, "\(name) was read, and should be refused") }
                tally.accepted[file.format.rawValue, default: 0] += 1
            case .refused: tally.refused[file.format.rawValue, default: 0] += 1
            case .objection(let objection): throw finding(file, objection)
            }
            tally.cases += 1
        }
    }

    private func finding(_ file: FuzzCase, _ objection: String) -> Finding {
        let name = file.mustBeRefused.map { $0 + ": " } ?? ""
        return Finding(
            seed: seed, index: tally.cases, format: file.format.rawValue, objection: name + objection, bytes: file.bytes
        )
    }
}

/// The kinds of files that are damaged.
enum IcebergFormat: String, CaseIterable {
    case metadata, manifest, deletes
    case manifestList = "manifest list"
    case avro
    case nameMapping = "name mapping"
    case singleValue = "single value"
}

/// Numbers that look random and follow from a seed (SplitMix64).
package struct IcebergRandom: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is at least 1.
    package mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(1, bound), using: &self) }

    /// Whether one of so many cases is this one.
    package mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

    package mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}
