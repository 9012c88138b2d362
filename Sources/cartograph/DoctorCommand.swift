import ArgumentParser
import Engine
import EventLog
import Foundation

/// `cartograph doctor`: what is installed, what is missing, what to do.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Say what is installed, what is missing, and what to do.")

    @OptionGroup var options: ShopOptions

    private struct Finding: Encodable {
        let name: String
        let ok: Bool
        let detail: String
    }

    func run() async throws {
        let settings = try options.settings()
        var findings: [Finding] = []
        func check(_ name: String, _ body: () throws -> String) {
            do {
                findings.append(Finding(name: name, ok: true, detail: try body()))
            } catch {
                findings.append(Finding(name: name, ok: false, detail: "\(error)"))
            }
        }
        check("own files") { try Home.find().path }
        check("DuckDB") {
            let path = try DuckDBLibrary.location()
            let version = try DuckDB().connect().query("SELECT version()").first?.text ?? ""
            return "\(version) in \(path)"
        }
        check("dashboard charts") {
            let path = try Home.find().web + "/vendor/echarts.min.js"
            guard FileManager.default.fileExists(atPath: path) else {
                throw CommandError("\(path) is missing: run scripts/bootstrap run")
            }
            return path
        }
        check("data folder") {
            let folder = try DataFolder.open(settings.data)
            if let address = folder.runningServer() { return "\(folder.path), served at \(address)" }
            _ = try folder.lock()
            return folder.path
        }
        check("tables") { try LakePlace(settings.lake, try DataFolder.open(settings.data)).probe() }
        check("free disk space") {
            let values = try FileManager.default.attributesOfFileSystem(
                forPath: try DataFolder.open(settings.data).path)
            let free = (values[.systemFreeSize] as? NSNumber)?.int64Value ?? 0
            guard free > 1 << 30 else { throw CommandError("only \(free >> 20) MiB are free: make room") }
            return "\(free >> 30) GiB"
        }
        try print(findings)
        if findings.contains(where: { !$0.ok }) { throw ExitCode(1) }
    }

    private func print(_ findings: [Finding]) throws {
        if options.json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.withoutEscapingSlashes]
            Swift.print(String(decoding: try encoder.encode(findings), as: UTF8.self))
            return
        }
        let width = findings.map(\.name.count).max() ?? 0
        for finding in findings {
            let name = finding.name.padding(toLength: width, withPad: " ", startingAt: 0)
            Swift.print("  \(finding.ok ? "ok     " : "missing")  \(name)  \(finding.detail)")
        }
    }
}
