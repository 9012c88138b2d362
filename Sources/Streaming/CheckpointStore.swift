package import EventLog
import Events
import Foundation
import Glibc

/// A folder of checkpoints: files that follow each other, each with a part of the key groups whole and of the others what
/// changed since the file before.
///
/// A state is put together from a file and those before it, back to where every group is whole. At least two such runs of
/// files are kept that have none in common, so that no one damaged file takes both.
package struct CheckpointStore {
    /// The largest file that is read.
    static let fileBytes = 1 << 30
    /// The most files that one state is put together from.
    static let runMost = 16

    /// Where something may go wrong while a checkpoint is kept: for tests, which end there.
    package enum Step: Equatable {
        case beforeWriting, written
        case removed(Int64)
    }

    package let folder: String
    /// The file of version 1, which held everything.
    let oldPath: String

    /// The folder beside a path.
    package init(path: String) {
        folder = path + "s"
        oldPath = path
    }

    /// A file that is there, as far as what is kept depends on it.
    package struct Link: Equatable {
        var sequence: Int64
        var previous: Int64?
        var whole: Range<Int>
        var position: Checkpoint.Position

        /// Whether it needs no file before it.
        var isWhole: Bool { whole == KeyGroup.all }
    }

    /// A checkpoint that can be read: the files it is made of, the oldest first.
    struct Run {
        var files: [CheckpointFile]
        /// The number of the file that has each group whole.
        var base: [Int64]

        var position: Checkpoint.Position { files[files.count - 1].position }
        var zone: String { files[files.count - 1].zone }
        var links: [Link] {
            files.map {
                Link(sequence: $0.sequence, previous: $0.previous, whole: $0.whole, position: $0.position)
            }
        }
    }

    static func name(_ sequence: Int64) -> String {
        let digits = String(sequence)
        return String(repeating: "0", count: max(0, 12 - digits.count)) + digits + ".checkpoint"
    }

    /// Where a file is.
    package func path(_ sequence: Int64) -> String { folder + "/" + CheckpointStore.name(sequence) }

    /// The numbers of the files that are there, the newest first.
    package func sequences() throws -> [Int64] {
        guard FileManager.default.fileExists(atPath: folder) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder).compactMap { name in
            guard name.hasSuffix(".checkpoint") else { return nil }
            return Int64(name.dropLast(".checkpoint".count))
        }.sorted(by: >)
    }

    /// The files that a checkpoint is made of.
    ///
    /// - Throws: `CheckpointError` where one of them is damaged or gone.
    func run(endingAt sequence: Int64, partitions: Int) throws -> Run {
        var files: [CheckpointFile] = []
        var base = [Int64](repeating: -1, count: KeyGroup.count)
        var next: Int64? = sequence
        while let number = next {
            guard files.count < CheckpointStore.runMost else {
                throw CheckpointError(description: "\(path(sequence)): it follows too many files")
            }
            let file = try CheckpointFile(read(path(number)), path(number), partitions: partitions)
            guard file.sequence == number, file.previous.map({ $0 < number }) ?? true else {
                throw CheckpointError(description: "\(path(number)): it is another file's content")
            }
            for group in file.whole where base[group] < 0 { base[group] = number }
            files.insert(file, at: 0)
            if base.allSatisfy({ $0 >= 0 }) { return Run(files: files, base: base) }
            next = file.previous
        }
        throw CheckpointError(description: "\(path(sequence)): a part of the state is in no file")
    }

    /// The state of the newest checkpoint that can be used; nil when there is none at all.
    ///
    /// - Parameters:
    ///   - cut: what the log holds: a checkpoint ahead of it is not believed.
    ///   - report: told of each checkpoint that cannot be used.
    /// - Throws: `CheckpointError` when there are checkpoints, and none can be used.
    package func restore(
        partitions: Int, cut: LogCut, _ fresh: () -> ShopStream, _ report: (String) -> Void
    ) throws -> StreamRunner.Restored? {
        let sequences = try sequences()
        var failure: (any Error)?
        for sequence in sequences {
            do {
                let run = try run(endingAt: sequence, partitions: partitions)
                let stream = fresh()
                try check(run.position, run.zone, cut, stream)
                let shards = try stream.restore(run)
                if let failure { report("an older checkpoint is used, and the log after it applied again: \(failure)") }
                // Those of several shards are not gone on with, but replaced.
                return StreamRunner.Restored(
                    stream: stream, position: run.position,
                    links: shards == 1 ? older(than: run, sequences, partitions) + run.links : [])
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        let stream = fresh()
        guard let position = try Checkpoint.loadVersion1(stream, from: oldPath, partitions: partitions) else {
            return nil
        }
        try check(position, stream.calendar.name, cut, stream)
        return StreamRunner.Restored(stream: stream, position: position)
    }

    private func check(
        _ position: Checkpoint.Position, _ zone: String, _ cut: LogCut, _ stream: ShopStream
    ) throws {
        guard zone == stream.calendar.name else {
            throw CheckpointError(description: "\(folder): it was made for the time zone \(zone)")
        }
        guard cut.offsets.covers(position.offsets), cut.commit >= position.commit else {
            throw CheckpointError(description: "\(folder): the newest checkpoint is ahead of the log")
        }
    }

    /// The checkpoint that has no file in common with a newer one, if it can be read.
    private func older(than run: Run, _ sequences: [Int64], _ partitions: Int) -> [Link] {
        guard let oldest = run.files.first?.sequence else { return [] }
        for sequence in sequences where sequence < oldest {
            // One that is damaged is as good as not there: it is replaced by the next.
            if let older = try? self.run(endingAt: sequence, partitions: partitions) { return older.links }
        }
        return []
    }

    private func read(_ path: String) throws -> [UInt8] {
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        guard size <= CheckpointStore.fileBytes else {
            throw CheckpointError(description: "\(path) is larger than \(CheckpointStore.fileBytes) bytes")
        }
        return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Puts a file in the folder, durably, and takes away those that are no longer needed.
    ///
    /// - Parameters:
    ///   - links: the files that are there, with this one.
    ///   - kept: of those, the ones to keep.
    ///   - at: called at each step.
    func keep(
        _ sequence: Int64, _ bytes: UnsafeRawBufferPointer, kept: Set<Int64>, at: (Step) throws -> Void = { _ in }
    ) throws {
        try at(.beforeWriting)
        try SystemFolder.create(folder)
        try SystemFile.replace(folder, CheckpointStore.name(sequence), with: bytes)
        try at(.written)
        for number in try sequences() where !kept.contains(number) {
            try remove(path(number))
            try at(.removed(number))
        }
        // What a version before this one wrote, and what a write that was cut short left.
        try remove(oldPath)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) where name.hasSuffix(".new") {
            try remove(folder + "/" + name)
        }
    }

    private func remove(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw CheckpointError(description: "\(path) cannot be removed: \(String(cString: strerror(errno)))")
        }
    }

    /// Which files are needed: the newest run, and the run that ends right before it.
    static func needed(_ links: [Link]) -> [Link] {
        var kept: [Link] = []
        var at = links[...]
        for _ in 0..<2 {
            guard let newest = at.last else { break }
            var missing = Set(KeyGroup.all)
            var next: Int64? = newest.sequence
            var run: [Link] = []
            while let number = next, let link = at.first(where: { $0.sequence == number }), !missing.isEmpty {
                missing.subtract(link.whole)
                run.insert(link, at: 0)
                next = link.previous
            }
            kept.insert(contentsOf: run, at: 0)
            guard let oldest = run.first, missing.isEmpty else { break }
            at = at.prefix { $0.sequence < oldest.sequence }
        }
        return kept
    }
}
