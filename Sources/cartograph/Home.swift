import Foundation

/// Where the program's own files are: the dashboard, the models, the shipped mappings and rules.
struct Home {
    let path: String

    var web: String { path + "/web" }
    var models: String { path + "/models" }
    var mappings: String { path + "/mappings" }
    var fraudRules: String { path + "/config/fraud-rules.yaml" }

    /// Looks in `CARTOGRAPH_HOME`, beside and above the program, in `../share/cartograph`, and in and above the working
    /// directory.
    static func find() throws -> Home {
        var candidates: [String] = []
        if let given = ProcessInfo.processInfo.environment["CARTOGRAPH_HOME"], !given.isEmpty {
            candidates = [given]
        } else {
            let program = Bundle.main.executablePath ?? CommandLine.arguments.first ?? "."
            let folder = URL(fileURLWithPath: program).resolvingSymlinksInPath().deletingLastPathComponent()
            candidates.append(folder.deletingLastPathComponent().path + "/share/cartograph")
            candidates += ancestors(folder) + ancestors(URL(fileURLWithPath: FileManager.default.currentDirectoryPath))
        }
        for candidate in candidates {
            let parts = ["/web/index.html", "/models/dbt_project.yml", "/mappings", "/config/fraud-rules.yaml"]
            if parts.allSatisfy({ FileManager.default.fileExists(atPath: candidate + $0) }) {
                return Home(path: candidate)
            }
        }
        throw CommandError(
            "the program's own files (web/, models/, mappings/, config/) were not found: run it from the checkout, or set "
                + "CARTOGRAPH_HOME to the folder that holds them")
    }

    private static func ancestors(_ folder: URL) -> [String] {
        var found: [String] = []
        var at = folder.standardizedFileURL
        while at.path != "/", found.count < 64 {
            found.append(at.path)
            at.deleteLastPathComponent()
        }
        return found
    }
}
