import Foundation

/// The mappings that are shipped in a folder, and any other by its path.
public struct MappingLibrary: Sendable {
    private let folder: String

    /// A library over a folder of `NAME.yaml` files.
    public init(folder: String) { self.folder = folder }

    /// The names that `mapping(_:)` knows, sorted.
    public func names() throws(MappingError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder)
                .filter { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }.map { String($0.dropLast(5)) }.sorted()
        } catch {
            throw MappingError(
                source: folder, path: "",
                problem:
                    "the folder of mappings cannot be read (\(error.localizedDescription)); give a mapping by its path")
        }
    }

    /// A mapping by its name, or by a path when the argument has a slash or ends in `.yaml` or `.yml`.
    public func mapping(_ nameOrFile: String) throws(MappingError) -> Mapping {
        if nameOrFile.contains("/") || nameOrFile.hasSuffix(".yaml") || nameOrFile.hasSuffix(".yml") {
            return try Mapping(file: nameOrFile)
        }
        let known = try names()
        guard known.contains(nameOrFile) else {
            throw MappingError(
                source: nameOrFile, path: "",
                problem:
                    "there is no mapping of this name; use one of \(known.joined(separator: ", ")), or the path of a YAML file"
            )
        }
        return try Mapping(file: URL(fileURLWithPath: folder).appendingPathComponent("\(nameOrFile).yaml").path)
    }
}
