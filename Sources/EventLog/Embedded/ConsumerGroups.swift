public import Events
import Glibc

/// Where a group of consumers is: what it reads, and how far it has come.
public struct ConsumerGroup: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// The topics that it reads.
    public let topics: [Topic]
    /// The offsets before which it has dealt with everything in these topics.
    public let offsets: LogOffsets
    /// When it said so, microseconds since 1970 UTC.
    public let committedAt: Int64

    /// How many records of its topics lie between the group and a cut.
    public func lag(behind cut: LogCut) -> Int64 {
        topics.reduce(0) { $0 + max(0, cut.offsets.records(in: $1) - offsets.records(in: $1)) }
    }
}

/// The places of named groups of consumers, each a small file beside the segments.
///
/// Any process may use them, also beside the one that writes the log. Each commit is durable when it returns, and the
/// last one counts: that only one consumer at a time works for a group is its users' concern.
public struct ConsumerGroups: Sendable {
    /// The most groups a log may have.
    public static let limit = 1_000
    /// The longest name, in bytes.
    public static let nameBytes = 100

    private let folder: String
    private let format: LogFormat
    private static let fileBytes = 1 << 20

    /// The groups of a log.
    ///
    /// - Parameter folder: the log's folder.
    /// - Throws: `LogError.missing` when there is no log.
    public init(folder: String) throws(LogError) {
        guard let format = try LogFormat.read(folder) else {
            throw .missing(path: folder + "/format", what: "there is no log here")
        }
        self.format = format
        self.folder = folder + "/groups"
    }

    /// Whether a text may be a group's name: 1 to 100 letters, digits, dots, underscores and hyphens, and not only dots.
    public static func isName(_ text: String) -> Bool {
        (1...nameBytes).contains(text.utf8.count) && text.contains { $0 != "." }
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// Where a group is; nil when there is no such group.
    ///
    /// - Throws: `LogError.damaged` when its file is not what was written, `LogError.incompatible` when it belongs to
    ///   another log.
    public func group(_ name: String) throws(LogError) -> ConsumerGroup? {
        try check(name)
        guard access(folder + "/" + name, F_OK) == 0 else { return nil }
        return try read(name)
    }

    /// The offsets of a group; nil when there is no such group.
    public func offsets(of name: String) throws(LogError) -> LogOffsets? { try group(name)?.offsets }

    /// All groups, by name.
    public func list() throws(LogError) -> [ConsumerGroup] {
        var groups: [ConsumerGroup] = []
        for name in try names() { groups.append(try read(name)) }
        return groups
    }

    /// Notes, durably, how far a group has come.
    ///
    /// - Throws: `LogError.incompatible` for a name that is none, or when there are `limit` other groups.
    public func commit(
        _ name: String, _ offsets: LogOffsets, of topics: [Topic] = Topic.allCases,
        at now: Int64 = EmbeddedLog.wallClock()
    ) throws(LogError) {
        try check(name)
        precondition(offsets.partitions == format.partitions, "offsets of another number of partitions")
        try SystemFolder.create(folder)
        let lock = try FileLock(folder + "/#lock")
        defer { withExtendedLifetime(lock) {} }
        let known = try names()
        guard known.contains(name) || known.count < ConsumerGroups.limit else {
            throw .incompatible(
                path: folder, what: "\(ConsumerGroups.limit) groups are there: remove one that nobody needs any more")
        }
        let group = ConsumerGroup(
            name: name, topics: topics.sorted { $0.rawValue < $1.rawValue }, offsets: offsets, committedAt: now)
        try SealedText.sealed(Array(text(group).utf8)).withUnsafeBufferPointer { bytes throws(LogError) in
            try SystemFile.writeWhole(folder + "/#new", UnsafeRawBufferPointer(bytes))
        }
        guard rename(folder + "/#new", folder + "/" + name) == 0 else {
            throw LogError.last("rename", folder + "/#new")
        }
        try SystemFolder.sync(folder)
    }

    /// Forgets a group; false when there was none.
    @discardableResult
    public func remove(_ name: String) throws(LogError) -> Bool {
        try check(name)
        guard access(folder, F_OK) == 0 else { return false }
        let lock = try FileLock(folder + "/#lock")
        defer { withExtendedLifetime(lock) {} }
        if unlink(folder + "/" + name) != 0 {
            guard errno == ENOENT else { throw LogError.last("remove", folder + "/" + name) }
            return false
        }
        try SystemFolder.sync(folder)
        return true
    }

    // MARK: - Files

    private func check(_ name: String) throws(LogError) {
        guard ConsumerGroups.isName(name) else {
            throw .incompatible(
                path: "group '\(name)'",
                what: "a name is 1 to \(ConsumerGroups.nameBytes) letters, digits, dots, underscores and hyphens")
        }
    }

    /// The names of all groups.
    public func names() throws(LogError) -> [String] {
        guard access(folder, F_OK) == 0 else { return [] }
        return try SystemFolder.names(in: folder).filter { ConsumerGroups.isName($0) }
    }

    private func text(_ group: ConsumerGroup) -> String {
        "cartograph-group 1\nlog \(String(format.logID, radix: 16))\ncommitted \(group.committedAt)\n"
            + "topics \(group.topics.map(\.name).joined(separator: " "))\noffsets \(group.offsets)\n"
    }

    private func read(_ name: String) throws(LogError) -> ConsumerGroup {
        let path = folder + "/" + name
        let text = SealedText.opened(try SystemFile.readWhole(path, limit: ConsumerGroups.fileBytes))
        let lines = String(decoding: text ?? [], as: UTF8.self).split(separator: "\n").map(String.init)
        guard text != nil, lines.count == 5,
            lines[0] == "cartograph-group 1", lines[1].hasPrefix("log "), lines[2].hasPrefix("committed "),
            lines[3].hasPrefix("topics "), lines[4].hasPrefix("offsets "),
            let committedAt = Int64(lines[2].dropFirst(10)), let offsets = LogOffsets(String(lines[4].dropFirst(8)))
        else {
            throw .damaged(
                path: path, at: 0, what: "not the offsets of a group: remove it with `cartograph log groups remove`")
        }
        let topics = lines[3].dropFirst(7).split(separator: " ").compactMap { Topic(name: String($0)) }
        guard lines[1].dropFirst(4) == String(format.logID, radix: 16), offsets.partitions == format.partitions else {
            throw .incompatible(path: path, what: "the offsets of a group of another log")
        }
        return ConsumerGroup(name: name, topics: topics, offsets: offsets, committedAt: committedAt)
    }
}
