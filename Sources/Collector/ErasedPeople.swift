import EventLog
public import Events
import Foundation
import Synchronization

/// The people whose data were erased, known by keyed hashes of their ids: what was sent before the erasure stays out when
/// it is sent again.
///
/// While an erasure runs, everything of the person is kept out. Afterwards an event counts as erased when it happened before
/// the erasure was done; what happens later is kept again, since somebody may come back as a new customer. Rejected bytes
/// that name one are erased unless they tell a later time.
///
/// Kept in a file, `erasures/people` in the data folder: the hash's key, and a line for each person. Without the data
/// folder the hashes say nothing, and with it they only answer whether a given id is one of them.
public final class ErasedPeople: Sendable {
    /// The most people that a data folder remembers.
    public static let limit = 1_000_000
    private static let fileBytes = 64 << 20
    private static let title = "cartograph-erased 1"

    private struct State {
        var until: [SipHash.Digest: Int64] = [:]
    }

    private let path: String
    private let hash: SipHash
    private let key: SipHash.Digest
    private let state: Mutex<State>
    private let count: Atomic<Int>
    private let underWay = RequestsUnderWay()

    /// Opens the file, making a key if there is none yet, which lasts when ``keepKey()`` or ``hold(_:)`` has written the file.
    ///
    /// - Throws: `ErasureError` when the file is damaged: without it, erased people could come back unnoticed.
    public init(folder: String) throws {
        path = folder + "/people"
        var people: [SipHash.Digest: Int64] = [:]
        var key: SipHash.Digest?
        if FileManager.default.fileExists(atPath: path) {
            let damaged = ErasureError(
                "\(path) is damaged: restore it from a copy, since without it erased people could come back unnoticed")
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            guard data.count <= Self.fileBytes else { throw damaged }
            var lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            // The last line tells how many there are, so a file that was cut off is noticed.
            guard lines.popLast() == "", lines.count >= 3, lines[0] == Self.title, lines[1].hasPrefix("key "),
                lines.last == "people \(lines.count - 3)"
            else { throw damaged }
            key = SipHash.Digest(String(lines[1].dropFirst(4)))
            for line in lines.dropFirst(2).dropLast() {
                let words = line.split(separator: " ")
                guard words.count == 2, let digest = SipHash.Digest(String(words[0])), let until = Int64(words[1])
                else {
                    throw damaged
                }
                people[digest] = until
            }
            guard key != nil else { throw damaged }
        }
        self.key = key ?? SipHash.randomKey()
        hash = SipHash(key: self.key)
        state = Mutex(State(until: people))
        count = Atomic(people.count)
    }

    /// The hash by which a person is known here.
    public func digest(of person: PersonID) -> SipHash.Digest { person.bytes.withUnsafeBytes { hash.digest($0) } }

    /// Makes the key durable, where nobody was erased yet: digests that are written down from now on are of the same people
    /// for every process after this one.
    public func keepKey() throws {
        if FileManager.default.fileExists(atPath: path) { return }
        try change { _ in }
    }

    /// How many people there are.
    public var people: Int { count.load(ordering: .relaxed) }

    /// Until when a person's events are erased, microseconds since 1970 UTC; nil for somebody else.
    public func erasedUntil(_ person: PersonID) -> Int64? {
        state.withLock { $0.until[digest(of: person)] }
    }

    /// Keeps people out from now on, whatever their events tell, durably: for as long as their erasure runs, and until
    /// it is finished where it is interrupted.
    ///
    /// Returns when all requests that may not have known it are done: what they let in is then in the log.
    public func hold(_ people: People) throws {
        try change { until in for person in people.ids { until[digest(of: person)] = .max } }
        underWay.waitForThoseBefore()
    }

    /// Remembers people whose erasure is done, durably: events up to `until`, microseconds since 1970 UTC, stay out.
    public func add(_ people: People, until: Int64) throws {
        try change { known in for person in people.ids { known[digest(of: person)] = until } }
    }

    private func change(_ body: (inout [SipHash.Digest: Int64]) -> Void) throws {
        try state.withLock { state in
            var next = state.until
            body(&next)
            guard next.count <= Self.limit else {
                throw ErasureError("\(path) remembers \(Self.limit) people already, which is the most it can")
            }
            let lines = next.sorted { $0.key.description < $1.key.description }.map { "\($0.key) \($0.value)" }
            let text =
                ([Self.title, "key \(key)"] + lines + ["people \(lines.count)"]).joined(separator: "\n") + "\n"
            let folder = (path as NSString).deletingLastPathComponent
            try SystemFolder.create(folder)
            try SystemFile.replace(folder, (path as NSString).lastPathComponent, with: Array(text.utf8))
            state.until = next
            count.store(next.count, ordering: .releasing)
        }
    }

    // MARK: - At the door

    /// A request at the door.
    struct Visit: Sendable {
        /// Who is not let in; nil when nobody was ever erased: then no event needs a look.
        let guests: Guests?
        fileprivate let number: Int
    }

    /// Begins a request, which ends when its events are durable or refused.
    func begin() -> Visit {
        // The number first: who is added afterwards waits for this request.
        let number = underWay.begin()
        return Visit(guests: guests, number: number)
    }

    /// The people now; nil when nobody was ever erased.
    var guests: Guests? {
        count.load(ordering: .acquiring) == 0 ? nil : Guests(hash: hash, until: state.withLock { $0.until })
    }

    /// Ends a request.
    func end(_ visit: Visit) { underWay.end(visit.number) }

    /// The people at one moment.
    struct Guests: Sendable {
        fileprivate let hash: SipHash
        fileprivate let until: [SipHash.Digest: Int64]

        /// Whether an accepted event is one that was erased.
        func hold(accepted event: UnsafeRawBufferPointer, user: StringRef?, at instant: Int64) -> Bool {
            if let user {
                let word = UnsafeRawBufferPointer(start: user.start, count: user.count)
                if let until = until[hash.digest(word)], instant <= until { return true }
            }
            // Others' events may name the person too, which only the whole event shows.
            return PersonMention.inAccepted(event) { word in until[hash.digest(word)].map { instant <= $0 } ?? false }
        }

        /// Whether rejected bytes are some that were erased.
        func hold(rejected bytes: UnsafeRawBufferPointer) -> Bool {
            PersonMention.inRejected(bytes) { word in
                guard let until = until[hash.digest(word)] else { return false }
                return (PersonMention.time(inRejected: bytes) ?? .min) <= until
            }
        }
    }
}

/// Why people cannot be erased, in one line.
public struct ErasureError: Error, CustomStringConvertible, Sendable {
    /// What, and what to do.
    public let description: String

    /// A failure with its one line.
    public init(_ description: String) { self.description = description }
}
