import Glibc

/// What can go wrong with the log, each in one line that says what to do.
public enum LogError: Error, Sendable, CustomStringConvertible {
    /// The queue of appends is full.
    case busy(pendingBytes: Int)
    /// The log was closed.
    case closed
    /// A batch is larger than the log takes.
    case batchTooLarge(bytes: Int, limit: Int)
    /// A producer's batch came before the one that precedes it.
    case outOfOrder(producer: String, expected: Int64, got: Int64)
    /// A system call failed.
    case system(operation: String, path: String, code: Int32, reason: String)
    /// A write or a sync failed earlier; nothing more is accepted until a restart.
    case failed(String)
    /// Another process has the folder open.
    case inUse(path: String, owner: String)
    /// Stored bytes are not what was written.
    case damaged(path: String, at: Int64, what: String)
    /// A record whose checksum holds is no longer the event that it was when it was accepted.
    case undecodable(partition: String, offset: Int64, what: String)
    /// A file or a part of one is not there, though what it held was durable.
    case missing(path: String, what: String)
    /// A consumer asks for records that retention has removed.
    case expired(partition: String, asked: Int64, first: Int64)
    /// The folder was made by another version or with other settings.
    case incompatible(path: String, what: String)

    /// One line.
    public var description: String {
        switch self {
        case .busy(let bytes):
            return "the log's queue is full (\(bytes) bytes waiting): slow down and try again"
        case .closed:
            return "the log is closed"
        case .batchTooLarge(let bytes, let limit):
            return "a batch of \(bytes) bytes is over the log's limit of \(limit): send it in parts"
        case .outOfOrder(let producer, let expected, let got):
            return "\(producer) sent batch \(got) where \(expected) comes next: send them one after another, from 1"
        case .system(let operation, let path, _, let reason):
            return "\(operation) failed for \(path): \(reason)"
        case .failed(let what):
            return "the log stopped accepting events: \(what); free space or mend the disk, then restart"
        case .inUse(let path, let owner):
            return "\(path) is in use by another process (\(owner)): stop it, or choose another folder with --data"
        case .damaged(let path, let at, let what):
            return
                "\(path) is damaged at byte \(at): \(what); nothing was changed, restore the file from a copy, or see "
                + "`cartograph log check` and `cartograph log repair`"
        case .undecodable(let partition, let offset, let what):
            return
                "the record of \(partition) at offset \(offset) no longer decodes (\(what)): it was written by something "
                + "else, or by another version of Cartograph"
        case .missing(let path, let what):
            return "\(path) is missing or cut short: \(what); nothing was changed, restore the file from a copy"
        case .expired(let partition, let asked, let first):
            return
                "\(partition) no longer holds offset \(asked): retention has removed what lies before offset \(first)"
        case .incompatible(let path, let what):
            return "\(path): \(what)"
        }
    }

    /// The error of the system call that just failed.
    static func last(_ operation: String, _ path: String) -> LogError {
        let code = errno
        return .system(operation: operation, path: path, code: code, reason: String(cString: strerror(code)))
    }
}
