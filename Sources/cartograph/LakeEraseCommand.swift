import ArgumentParser
import Events
import Foundation

/// `cartograph lake erase`.
struct LakeEraseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase", abstract: "Erase a customer from the log, the tables and everything else, provably.",
        discussion: """
            Rewrites what holds the customer's events, makes silver and gold again for the days they touched, forgets all \
            old snapshots, and then looks at every byte of the data folder. Prints a certificate that does not name them \
            and keeps it in erasures/. Events of the customer up to now are not let in again, whoever sends them. One that \
            was interrupted is finished by running it again. With a server running on the data folder, the server does it, \
            and takes events meanwhile. Exits with 1 when something is left.
            """)
    @OptionGroup var common: CommonOptions
    @Option(name: .long, help: "The customer's user_id.") var user: String
    @Flag(name: .long, help: "Show what would be erased, and change nothing.") var dryRun = false

    func run() async throws {
        guard let person = PersonID(user) else { throw ValidationError("--user must be an id of 1 to 128 bytes") }
        let settings = try common.settings()
        let folder = try DataFolder.existing(settings.data)
        let bar = SharedProgress("erasing", quiet: common.json)
        let certificate: ErasureCertificate
        if let address = folder.runningServer() {
            certificate = try await ask(address, settings.token, bar)
        } else {
            let shop = try Shop.open(folder, settings, report: common.reporter())
            defer { shop.close() }
            certificate = try shop.batch.erase(person, dryRun: dryRun, try shop.batch.makeBench()) {
                bar.show($1, of: $2, $0)
            }
        }
        bar.finish()
        print(common.json ? try certificate.json : certificate.text)
        if !dryRun, !certificate.complete { throw ExitCode(1) }
    }

    private struct Request: Encodable {
        let user: String
        let dry_run: Bool
    }

    /// Has the running server do it.
    private func ask(_ address: String, _ token: String?, _ bar: SharedProgress) async throws -> ErasureCertificate {
        let body = Array(try JSONEncoder().encode(Request(user: user, dry_run: dryRun)))
        let (answer, last) = try await CollectorConnection.open(try CollectorAddress(address, token: token)) {
            connection -> (CollectorAnswer, ErasureLine?) in
            var last: ErasureLine?
            let answer: CollectorAnswer
            do {
                answer = try await connection.post("/api/v1/erasures", json: body) { line in
                    let line = try JSONDecoder().decode(ErasureLine.self, from: Data(line))
                    if case .progress(let note, let done, let total) = line { bar.show(done, of: total, note) }
                    last = line
                }
            } catch {
                throw CommandError(
                    "the server at \(address) went away before it had answered (\(error)): "
                        + (dryRun
                            ? "run this again" : "the erasure may be unfinished; run this again once it runs again"))
            }
            return (answer, last)
        }
        guard answer.status == 200 else {
            throw CommandError(
                "the server at \(address) answered \(answer.status): "
                    + String(decoding: answer.body.prefix(500), as: UTF8.self))
        }
        switch last {
        case .certificate(let certificate): return certificate
        case .error(let text): throw CommandError(text)
        case .progress, nil:
            throw CommandError(
                "the server at \(address) stopped before it had answered: the erasure may be unfinished; run this again once it runs "
                    + "again")
        }
    }
}
