import Foundation

/// A dbt project in a temporary folder.
final class ProjectFolder: Sendable {
    let path: String

    /// - Parameter files: text by path; models and seeds are of schema gold where `dbt_project.yml` is not among them.
    init(_ files: [String: String]) throws {
        path = NSTemporaryDirectory() + "project-" + UUID().uuidString
        if files["dbt_project.yml"] == nil {
            try write(
                "dbt_project.yml",
                "name: shop\nmodels:\n  shop:\n    +schema: gold\nseeds:\n  shop:\n    +schema: gold\n")
        }
        for (name, text) in files { try write(name, text) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws {
        let file = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    }
}
