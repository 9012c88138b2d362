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
            was interrupted is finished by running it again. Exits with 1 when something is left.
            """)
    @OptionGroup var common: CommonOptions
    @Option(name: .long, help: "The customer's user_id.") var user: String
    @Flag(name: .long, help: "Show what would be erased, and change nothing.") var dryRun = false

    func run() async throws {
        guard let person = PersonID(user) else { throw ValidationError("--user must be an id of 1 to 128 bytes") }
        let settings = try common.settings()
        let folder = try DataFolder.existing(settings.data)
        let shop = try Shop.open(folder, settings, report: common.reporter())
        defer { shop.close() }
        let bar = SharedProgress("erasing", quiet: common.json)
        let bench = try shop.batch.makeBench()
        let certificate = try shop.batch.erase(person, dryRun: dryRun, bench, shop.erased) {
            bar.show($1, of: $2, $0)
        }
        bar.finish()
        print(common.json ? try certificate.json : certificate.text)
        if !dryRun, !certificate.complete { throw ExitCode(1) }
    }
}
