import Foundation

/// What the process takes of the machine's memory.
public enum ProcessMemory {
    /// Resident bytes now (Linux's /proc/self/statm); nil where that file does not exist.
    public static var residentBytes: Int64? { pages(field: 1) }

    private static func pages(field: Int) -> Int64? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        let words = text.split(separator: " ")
        guard words.count > field, let pages = Int64(words[field]) else { return nil }
        return pages * Int64(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// The most resident bytes the process ever had (`VmHWM`); nil where the kernel does not say.
    public static var peakResidentBytes: Int64? {
        guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix("VmHWM:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int64($0) }.map { $0 * 1_024 }
        }
        return nil
    }
}
