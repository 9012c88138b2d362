import Events
import Glibc

/// Brings segments that stand under each other's names back to their own.
///
/// Each file is first linked to a name on its way, then all of these are put in place: at every moment all that the
/// files hold is there under some name, and every segment's name exists.
enum SegmentMoves {
    private static let suffix = ".moved"

    static func run(
        _ log: LogSurvey, _ report: inout LogRepairReport, _ step: (String) throws(LogError) -> Void
    ) throws(LogError) {
        let folder = log.segmentsFolder
        for file in log.misplaced where file.isCopy {
            try setAside(file, log, &report, step)
        }
        let moves = log.misplaced.filter { !$0.isCopy }
        for move in moves {
            let target = Segment(firstCommit: move.firstCommit, folder: folder)
            try step("link")
            guard link(move.file.path, target.path + suffix) == 0 else {
                throw LogError.last("link", target.path + suffix)
            }
            for index in [move.file.indexPath, target.indexPath] {
                guard unlink(index) == 0 || errno == ENOENT else { throw LogError.last("remove", index) }
            }
        }
        try SystemFolder.sync(folder)
        for move in moves {
            let target = Segment(firstCommit: move.firstCommit, folder: folder)
            try step("move")
            guard rename(target.path + suffix, target.path) == 0 else {
                throw LogError.last("rename", target.path + suffix)
            }
            report.notes.append("\(move.file.name) held segment \(target.name): put under its own name")
        }
        try SystemFolder.sync(folder)
        let filled = Set(moves.map(\.firstCommit))
        for move in moves where !filled.contains(move.file.firstCommit) {
            try step("remove the old name")
            guard unlink(move.file.path) == 0 else { throw LogError.last("remove", move.file.path) }
        }
        try SystemFolder.sync(folder)
    }

    /// Takes a copy of another segment out of the way, and keeps it.
    private static func setAside(
        _ file: LogSurvey.Misplaced, _ log: LogSurvey, _ report: inout LogRepairReport,
        _ step: (String) throws(LogError) -> Void
    ) throws(LogError) {
        let folder = log.folder + "/damaged"
        try SystemFolder.create(folder)
        let size = try SystemFile(opening: file.file.path, flags: O_RDONLY).size()
        let stem = "\(file.file.name.dropLast(4))-0-\(size)"
        var name = stem + ".bytes"
        var number = 1
        while access(folder + "/" + name, F_OK) == 0 {
            number += 1
            name = "\(stem)-\(number).bytes"
        }
        try step("set aside a copy")
        guard unlink(file.file.indexPath) == 0 || errno == ENOENT else {
            throw LogError.last("remove", file.file.indexPath)
        }
        guard rename(file.file.path, folder + "/" + name) == 0 else { throw LogError.last("rename", file.file.path) }
        try SystemFolder.sync(folder)
        try SystemFolder.sync(log.segmentsFolder)
        report.setAside.append("damaged/" + name)
    }

    /// Finishes or undoes moves that were interrupted, and removes a repaired segment that was not put in place.
    static func finish(_ folder: String, _ step: (String) throws(LogError) -> Void) throws(LogError) {
        for name in try SystemFolder.names(in: folder) {
            let path = folder + "/" + name
            if name.hasSuffix(".log.repaired") {
                try step("remove what was not finished")
                guard unlink(path) == 0 else { throw LogError.last("remove", path) }
            } else if name.hasSuffix(".log" + suffix) {
                try step("finish a move")
                var info = stat()
                guard stat(path, &info) == 0 else { throw LogError.last("stat", path) }
                if info.st_nlink > 1 {
                    // Its bytes stand under another name as well.
                    guard unlink(path) == 0 else { throw LogError.last("remove", path) }
                } else {
                    let target = String(path.dropLast(suffix.count))
                    guard rename(path, target) == 0 else { throw LogError.last("rename", path) }
                }
            }
        }
        try SystemFolder.sync(folder)
    }
}
