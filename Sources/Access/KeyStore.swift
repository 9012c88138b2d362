import Foundation
import Synchronization

/// The write keys of a running server: looked up for each request, read again when their file changes, their use kept
/// over restarts.
///
/// What the keys have used is written at most every `usageSeconds` and at `close`. After a crash up to that many seconds
/// of events may be missing from the day's count, so a key may write that much more than its quota; after a stop
/// nothing is missing.
public final class KeyStore: Sendable {
    /// How often the file is looked at, in seconds.
    public static let watchSeconds = 1
    /// How old the written counts may be, in seconds.
    public static let usageSeconds = 5

    let clock: AccessClock
    private let file: KeyFile
    private let usage: UsageFile
    private let report: @Sendable (String) -> Void
    private let table: Mutex<[String: KeyState]>
    private let upkeep: Mutex<Upkeep>
    private let stop = DispatchSemaphore(value: 0)
    private let stopped = DispatchSemaphore(value: 0)

    /// What the looking remembers from one time to the next.
    private struct Upkeep {
        var stamp: AccessFile.Stamp?
        var saidReason: String?
        var usageWrittenAt: Int64
        var isStarted = false
        var isClosed = false
    }

    /// The keys of a folder, which need not exist: then there are none.
    ///
    /// - Parameter report: takes one line about what went wrong while the server runs.
    /// - Throws: `AccessError` when there is a key file that cannot be read: without it nobody's right is known.
    public init(
        folder: String, clock: AccessClock = .system, report: @escaping @Sendable (String) -> Void
    ) throws(AccessError) {
        self.clock = clock
        self.report = report
        file = KeyFile(folder: folder)
        usage = UsageFile(path: folder + "/usage.json")
        // Before the content: a change in between is then seen at the next look.
        let stamp = AccessFile.stamp(file.path)
        let records = try file.read() ?? []
        let day = DailyCount.day(of: clock.now())
        let used = try usage.read(day: day)
        let states = KeyStore.states(records, after: [:], clock) { DailyCount(day: day, events: used[$0] ?? 0) }
        table = Mutex(states)
        upkeep = Mutex(Upkeep(stamp: stamp, usageWrittenAt: clock.uptime()))
    }

    /// Whether a key exists: once one was made, nobody writes without, also when all have been revoked since.
    var areNeeded: Bool { table.withLock { !$0.isEmpty } }

    func key(_ id: String) -> KeyState? { table.withLock { $0[id] } }

    /// Whether some key is for pages of that origin.
    func someAllows(_ origin: String) -> Bool {
        let keys = table.withLock { Array($0.values) }
        return keys.contains { Origin.isAllowed(origin, by: $0.origins) }
    }

    /// What each key has used of the UTC day, by id.
    public func usedToday() -> [String: Int64] {
        let keys = table.withLock { Array($0.values) }
        let now = clock.now()
        return Dictionary(uniqueKeysWithValues: keys.map { ($0.id, $0.used(now).events) })
    }

    private static func states(
        _ records: [KeyRecord], after before: [String: KeyState], _ clock: AccessClock,
        used: (String) -> DailyCount
    ) -> [String: KeyState] {
        var states: [String: KeyState] = [:]
        for record in records {
            guard let digest = SecretDigest(record.sha256) else { continue }
            if let known = before[record.id], known.digest == digest {
                known.change(record, clock)
                states[record.id] = known
            } else {
                states[record.id] = KeyState(record, digest: digest, used: used(record.id), clock: clock)
            }
        }
        return states
    }

    /// Begins to look at the file and to write down what is used, on a thread of its own, until `close`.
    public func start() {
        let isFirst = upkeep.withLock { upkeep in
            defer { upkeep.isStarted = true }
            return !upkeep.isStarted && !upkeep.isClosed
        }
        guard isFirst else { return }
        let thread = Thread { [self] in
            while stop.wait(timeout: .now() + .seconds(KeyStore.watchSeconds)) == .timedOut { look() }
            stopped.signal()
        }
        thread.name = "write-keys"
        thread.stackSize = 1 << 20
        thread.start()
    }

    /// Ends that, and writes down what is used.
    ///
    /// - Throws: `AccessError` when that cannot be written.
    public func close() throws(AccessError) {
        let (isFirst, isStarted) = upkeep.withLock { upkeep in
            defer { upkeep.isClosed = true }
            return (!upkeep.isClosed, upkeep.isStarted)
        }
        guard isFirst else { return }
        if isStarted {
            stop.signal()
            stopped.wait()
        }
        try saveUsage()
    }

    /// Reads the keys again if their file has changed, and writes down what they have used if it is
    /// time to.
    package func look() {
        do throws(AccessError) {
            try reload()
            try saveUsageInTime()
            upkeep.withLock { $0.saidReason = nil }
        } catch {
            let isNew = upkeep.withLock { upkeep in
                defer { upkeep.saidReason = error.description }
                return upkeep.saidReason != error.description
            }
            if isNew { report("the write keys stay as they were: \(error)") }
        }
    }

    private func reload() throws(AccessError) {
        let stamp = AccessFile.stamp(file.path)
        guard stamp != upkeep.withLock({ $0.stamp }) else { return }
        guard let records = try file.read() else {
            throw AccessError("\(file.path) is gone: restore it from a copy")
        }
        let day = DailyCount.day(of: clock.now())
        let before = table.withLock { $0 }
        let states = KeyStore.states(records, after: before, clock) { _ in DailyCount(day: day, events: 0) }
        table.withLock { $0 = states }
        upkeep.withLock { $0.stamp = stamp }
    }

    private func saveUsageInTime() throws(AccessError) {
        let now = clock.uptime()
        let isDue = upkeep.withLock { upkeep in
            guard !upkeep.isClosed, now - upkeep.usageWrittenAt >= Int64(KeyStore.usageSeconds) * 1_000_000 else {
                return false
            }
            upkeep.usageWrittenAt = now
            return true
        }
        if isDue { try saveUsage() }
    }

    private func saveUsage() throws(AccessError) {
        let keys = table.withLock { Array($0.values) }
        // All are asked, so that none stays marked as changed.
        let changed = keys.filter { $0.takeUnsaved() }
        guard !changed.isEmpty else { return }
        let now = clock.now()
        let day = DailyCount.day(of: now)
        var events: [String: Int64] = [:]
        for key in keys {
            let used = key.used(now)
            if used.day == day, used.events > 0 { events[key.id] = used.events }
        }
        do throws(AccessError) {
            try usage.write(day: day, events)
        } catch {
            for key in changed { key.markUnsaved() }
            throw error
        }
    }
}
