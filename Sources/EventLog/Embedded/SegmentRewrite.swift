import Events
import Glibc

/// Writes a repaired segment beside the damaged one, sets aside what was cut out, and then puts it in its place.
final class SegmentRewrite {
    private static let copyBytes = 1 << 20

    private let segment: Segment
    private let log: LogSurvey
    private let step: (String) throws(LogError) -> Void
    private let temporaryPath: String
    private let target: SystemFile
    /// Nil for a segment that is missing.
    private let source: SystemFile?
    private var size: Int64 = 0
    private var setAside: [String] = []
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: SegmentRewrite.copyBytes, alignment: 64)

    init(
        _ entry: LogSurvey.Entry, _ log: LogSurvey, _ step: @escaping (String) throws(LogError) -> Void
    ) throws(LogError) {
        segment = entry.segment
        self.log = log
        self.step = step
        temporaryPath = entry.segment.path + ".repaired"
        try step("begin \(entry.segment.name)")
        target = try SystemFile(opening: temporaryPath, flags: O_RDWR | O_CREAT | O_TRUNC)
        source = entry.isMissing ? nil : try SystemFile(opening: entry.segment.path, flags: O_RDONLY)
    }

    deinit { buffer.deallocate() }

    /// Takes in the next piece.
    func add(_ piece: SegmentSurvey.Piece) throws(LogError) {
        try step("add")
        switch piece {
        case .kept(let range):
            size = try copy(range, to: target, at: size)
        case .written(let record, let kind):
            let bytes = record.frame(kind, log.format)
            let position = size
            try PaddedBytes(copying: bytes).withBytes { bytes throws(LogError) in
                try target.write(bytes, at: position)
            }
            size += Int64(bytes.count)
        case .cut(let range):
            setAside.append(try keepAside(range))
        }
    }

    /// Copies bytes of the damaged segment; returns where they end in the other file.
    private func copy(
        _ range: Range<Int64>, to file: borrowing SystemFile, at start: Int64
    ) throws(LogError) -> Int64 {
        var position = start
        var at = range.lowerBound
        while at < range.upperBound {
            let count = try read(at, min(Int64(buffer.count), range.upperBound - at))
            try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: position)
            at += Int64(count)
            position += Int64(count)
        }
        return position
    }

    private func read(_ at: Int64, _ wanted: Int64) throws(LogError) -> Int {
        guard let base = buffer.baseAddress, let count = try source?.read(Int(wanted), at: at, into: base), count > 0
        else { throw .damaged(path: segment.path, at: at, what: "the file became shorter while it was read") }
        return count
    }

    /// Keeps bytes that were cut out, durably, under a name that tells where they stood.
    private func keepAside(_ range: Range<Int64>) throws(LogError) -> String {
        let folder = log.folder + "/damaged"
        try SystemFolder.create(folder)
        let stem = "\(segment.name.dropLast(4))-\(range.lowerBound)-\(range.upperBound)"
        // One that an interrupted repair has kept holds the same; another may be of an earlier damage.
        var name = stem + ".bytes"
        var number = 1
        while access(folder + "/" + name, F_OK) == 0 {
            if try isSame(range, as: folder + "/" + name) { return "damaged/" + name }
            number += 1
            name = "\(stem)-\(number).bytes"
        }
        let path = folder + "/" + name
        let file = try SystemFile(opening: path + ".new", flags: O_RDWR | O_CREAT | O_TRUNC)
        _ = try copy(range, to: file, at: 0)
        try file.sync()
        try step("set aside")
        guard rename(path + ".new", path) == 0 else { throw LogError.last("rename", path + ".new") }
        try SystemFolder.sync(folder)
        return "damaged/" + name
    }

    private func isSame(_ range: Range<Int64>, as path: String) throws(LogError) -> Bool {
        let kept = try SystemFile(opening: path, flags: O_RDONLY)
        guard try kept.size() == range.upperBound - range.lowerBound else { return false }
        let other = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count, alignment: 64)
        defer { other.deallocate() }
        var at = range.lowerBound
        while at < range.upperBound {
            let count = try read(at, min(Int64(buffer.count), range.upperBound - at))
            guard let mine = buffer.baseAddress, let theirs = other.baseAddress,
                try kept.read(count, at: at - range.lowerBound, into: theirs) == count, memcmp(mine, theirs, count) == 0
            else { return false }
            at += Int64(count)
        }
        return true
    }

    /// Puts the repaired segment in the damaged one's place; returns what was set aside.
    func finish(_ state: CommitRecord) throws(LogError) -> [String] {
        try target.truncate(to: size)
        try target.sync()
        let written = Segment(firstCommit: segment.firstCommit, path: temporaryPath)
        let scan = try SegmentScan(written, log.format, from: nil)
        // Nothing is replaced by what cannot be read itself.
        guard scan.fault == nil, scan.goodBytes == size, let end = scan.record, end.isSameState(as: state) else {
            throw .damaged(
                path: segment.path, at: scan.fault?.position ?? scan.goodBytes,
                what: "the repaired segment \(temporaryPath) would not be readable "
                    + "(\(scan.fault?.what ?? "it ends in another state")), so the old one stays")
        }
        try step("remove index")
        // First, since it would point into the wrong places of the new file.
        guard unlink(segment.indexPath) == 0 || errno == ENOENT else {
            throw LogError.last("remove", segment.indexPath)
        }
        try SystemFolder.sync(log.segmentsFolder)
        try step("replace")
        guard rename(temporaryPath, segment.path) == 0 else { throw LogError.last("rename", temporaryPath) }
        try step("sync folder")
        try SystemFolder.sync(log.segmentsFolder)
        return setAside
    }
}
