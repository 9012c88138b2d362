import ArgumentParser
import Events
import Foundation

/// `cartograph lake erase`.
struct LakeEraseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase", abstract: "Erase customers from the log, the tables and everything else, provably.",
        discussion: """
            Rewrites what holds the customers' events, makes silver and gold again for the days they touched, forgets all \
            old snapshots, and then looks at every byte of the data folder. Prints a certificate that does not name them \
            and keeps it in erasures/. Events of the customers up to now are not let in again, whoever sends them. One that \
            was interrupted is finished by running it again, for the same customers. Many take hardly longer than one. With a server running on the data folder, the server does it, \
            and takes events meanwhile. Exits with 1 when something is left.
            """)
    @OptionGroup var options: ShopOptions
    @Option(name: .long, help: "A customer's user_id; may be given several times.") var user: [String] = []
    @Option(name: .long, help: "A file with a user_id on each line; - for the standard input.") var usersFile: String?
    @Flag(name: .long, help: "Show what would be erased, and change nothing.") var dryRun = false

    func run() async throws {
        let people = try people()
        let settings = try options.settings()
        let folder = try DataFolder.existing(settings.data)
        let bar = SharedProgress("erasing", quiet: options.json)
        let certificate: ErasureCertificate
        if let address = folder.runningServer() {
            certificate = try await ask(people, address, settings.token, bar)
        } else {
            let shop = try Shop.open(folder, settings, report: options.reporter())
            defer { shop.close() }
            certificate = try shop.batch.erase(people, dryRun: dryRun, try shop.batch.makeBench()) {
                bar.show($1, of: $2, $0)
            }
        }
        bar.finish()
        print(options.json ? try certificate.json : certificate.text)
        if !dryRun, !certificate.complete { throw ExitCode(1) }
    }

    func validate() throws {
        guard !user.isEmpty || usersFile != nil else {
            throw ValidationError("say whom: --user ID, several times if need be, or --users-file FILE")
        }
        for user in user where PersonID(user) == nil {
            throw ValidationError("--user must be an id of 1 to 128 bytes")
        }
    }

    /// Largest file of ids, in bytes.
    private static let fileBytes = 16 << 20

    /// Whom the options name.
    private func people() throws -> People {
        var ids = user.compactMap { PersonID($0) }
        if let usersFile {
            let handle: FileHandle
            if usersFile == "-" {
                handle = .standardInput
            } else if let opened = FileHandle(forReadingAtPath: usersFile) {
                handle = opened
            } else {
                throw CommandError("\(usersFile) cannot be read: check --users-file")
            }
            let data = try handle.read(upToCount: Self.fileBytes + 1) ?? Data()
            guard data.count <= Self.fileBytes else {
                throw CommandError("\(usersFile) is larger than \(Self.fileBytes >> 20) MiB: erase in several runs")
            }
            // By bytes: to Swift a carriage return and a line feed are one letter, which is no line feed.
            for (index, line) in data.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
                let bytes = line.last == 0x0d ? line.dropLast() : line
                if bytes.isEmpty { continue }
                guard let id = String(bytes: bytes, encoding: .utf8) else {
                    throw CommandError("\(usersFile), line \(index + 1): not UTF-8; write a user_id on each line")
                }
                guard let person = PersonID(id) else {
                    throw CommandError("\(usersFile), line \(index + 1): not an id of 1 to 128 bytes")
                }
                ids.append(person)
            }
        }
        guard let people = People(ids) else {
            throw CommandError(
                ids.isEmpty
                    ? "\(usersFile ?? "") names nobody"
                    : "one erasure takes up to \(People.limit) customers, and \(ids.count) are named: erase in several runs"
            )
        }
        return people
    }

    private struct Request: Encodable {
        let users: [String]
        let dry_run: Bool
    }

    /// Has the running server do it.
    private func ask(
        _ people: People, _ address: String, _ token: String?, _ bar: SharedProgress
    ) async throws -> ErasureCertificate {
        let users = people.ids.map { String(decoding: $0.bytes, as: UTF8.self) }
        let body = Array(try JSONEncoder().encode(Request(users: users, dry_run: dryRun)))
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
