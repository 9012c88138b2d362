/// Why a stream stopped. What its operators hold is then not to be used: the job starts again from its last snapshot.
public enum StreamError: Error, Equatable, CustomStringConvertible {
    /// An operator would need more memory than it was given. Nothing was dropped: the event was not taken in.
    case stateFull(operatorName: String, limitBytes: Int)
    /// A snapshot that cannot be read: which section, and what is wrong with it.
    case damagedSnapshot(section: String, reason: String)
    /// What an operator was asked to do cannot be done.
    case refused(operatorName: String, reason: String)

    /// One line that says what to do.
    public var description: String {
        switch self {
        case .stateFull(let name, let limit):
            "the state of \(name) would pass its bound of \(limit) bytes; give it more, fewer keys or a shorter "
                + "memory, and start again from the last snapshot"
        case .damagedSnapshot(let section, let reason):
            "the snapshot's section \(section) cannot be read (\(reason)); use the snapshot before it"
        case .refused(let name, let reason): "\(name): \(reason)"
        }
    }
}
