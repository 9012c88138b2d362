import ArgumentParser
import Foundation
import IcebergFuzz

/// Writers of one table that are killed again and again.
struct LifeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "life",
        abstract: "Kill processes that write to one Iceberg table, at random moments.",
        discussion: """
            Two writers at a time append, replace, delete, rewrite manifests and expire snapshots, and their catalog loses \
            requests and answers. After each kill the table must say what the writers said that they did, and at the end \
            every file that it needs must be there, and no other.
            """)

    @Option(name: .long, help: "Processes to kill.") var kills = 200
    @Option(name: .long, help: "The seed that choices follow from; the moments of the kills are the machine's.")
    var seed: UInt64 = 1
    @Option(name: .long, help: .hidden) var writer: String?
    @Option(name: .long, help: .hidden) var folder: String?
    @Option(name: .long, help: .hidden) var count = 0

    func validate() throws {
        guard kills > 0 else { throw ValidationError("--kills must be at least 1.") }
    }

    func run() throws {
        if let writer, let folder {
            var life = try LifeWriter(folder: folder, name: writer, seed: seed, count: count)
            try life.run { line in FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
            return
        }
        let folder = FileManager.default.temporaryDirectory.path + "/life-" + UUID().uuidString
        var judge = LifeJudge(folder: folder)
        var counts = ["a": 0, "b": 0]
        var (killed, changes, seed) = (0, 0, seed)
        while killed < kills {
            let writers = try counts.keys.sorted().map { name in
                seed &+= 1
                return try Writer(name, folder: folder, seed: seed, count: counts[name] ?? 0)
            }
            for writer in writers {
                switch Int.random(in: 0..<10) {
                // While it opens the table.
                case 0: break
                // Longer lives now and then, so that expiry and rewriting come to something.
                case 1: writer.wait(forLines: Int.random(in: 50..<200))
                default: writer.wait(forLines: Int.random(in: 1..<20))
                }
                // Anywhere in the change that it is at.
                Thread.sleep(forTimeInterval: Double.random(in: 0..<0.03))
                try writer.kill()
            }
            for writer in writers {
                let lines = writer.lines()
                changes += lines.count { $0.hasPrefix("end") || $0.hasPrefix("kept") }
                killed += 1
                counts[writer.name] = try judge.judge(writer.name, said: lines, count: counts[writer.name] ?? 0)
            }
            if killed % 20 == 0 { try judge.check() }
        }
        let orphans = try judge.tidy()
        try FileManager.default.removeItem(atPath: folder)
        print("\(killed) kills, \(changes) changes, \(orphans) files of killed writers removed: the table agrees")
    }

    /// A writing process.
    private final class Writer {
        let name: String
        private let process = Process()
        private let output = Pipe()
        private var said = Data()

        init(_ name: String, folder: String, seed: UInt64, count: Int) throws {
            self.name = name
            process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            process.arguments = [
                "life", "--writer", name, "--folder", folder, "--seed", String(seed), "--count", String(count),
            ]
            process.standardOutput = output
            try process.run()
        }

        /// Waits until it said so many lines, or has ended.
        func wait(forLines count: Int) {
            while said.count(where: { $0 == UInt8(ascii: "\n") }) < count {
                let more = output.fileHandleForReading.availableData
                if more.isEmpty { return }
                said += more
            }
        }

        func kill() throws {
            guard process.isRunning else {
                throw LifeJudge.Finding("writer \(name) ended by itself with \(process.terminationStatus)")
            }
            Foundation.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }

        /// What it said; the last line may be cut off, and then was not said.
        func lines() -> [String] {
            said += output.fileHandleForReading.readDataToEndOfFile()
            let text = String(decoding: said, as: UTF8.self)
            return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
        }
    }
}
