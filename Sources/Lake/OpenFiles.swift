import Foundation

/// Which files the processes of this machine have open, as far as the system tells this user.
public enum OpenFiles {
    /// The paths, links undone.
    public static func now() -> Set<String> {
        var open: Set<String> = []
        let files = FileManager.default
        // Processes end while they are looked at, and those of others are not shown.
        for process in (try? files.contentsOfDirectory(atPath: "/proc")) ?? [] where Int(process) != nil {
            let folder = "/proc/\(process)/fd"
            for number in (try? files.contentsOfDirectory(atPath: folder)) ?? [] {
                if let path = try? files.destinationOfSymbolicLink(atPath: folder + "/" + number) { open.insert(path) }
            }
        }
        return open
    }

    /// Whether a process has a file open: somebody may be writing it.
    static func isOpen(_ path: String) -> Bool {
        guard let real = realpath(path, nil) else { return false }
        defer { free(real) }
        return now().contains(String(cString: real))
    }
}
