import ArgumentParser

/// The command line of Cartograph.
@main
struct Cartograph: AsyncParsableCommand {
    /// The version that `--version`, the server and the status tell.
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "cartograph",
        abstract: "A shop's events in, numbers you can trust out.",
        discussion: """
            Start with `cartograph up --simulate 200` and open the address that it prints, or bring your own history \
            with `cartograph import --mapping NAME FILE`.
            """,
        version: version,
        subcommands: [
            UpCommand.self, ImportCommand.self, SimulateCommand.self, BatchCommand.self, LakeCommand.self,
            CatalogCommand.self,
            LogCommand.self, QuarantineCommand.self, KeysCommand.self, AnomaliesCommand.self, FraudCommand.self,
            RatesCommand.self, ProductsCommand.self, VerifyCommand.self, WarehouseCommand.self,
            DoctorCommand.self,
        ])

    static func main() async {
        do {
            var command = try parseAsRoot(nil)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            CommandExit.end(error, in: self)
        }
    }
}
