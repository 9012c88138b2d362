import EventLog
import Events
import Foundation

/// What an erasure is about to take away, kept until it has: one that was interrupted is finished by asking again. It names
/// places, and nobody.
struct ErasurePlan: Codable {
    /// Names the erasure and its certificate.
    let id: String
    /// The keyed hashes of the people's ids, sorted.
    let subjects: [String]
    let startedAt: Int64
    /// Events up to then stay out, microseconds since 1970 UTC.
    var until: Int64
    /// The places of the records, as `LogPlaces` writes them.
    var places: [String: String] = [:]
    /// The business days to make again; nil for all.
    var days: Set<String>? = []

    private static let suffix = ".pending"

    static func id(now: Int64) -> String {
        let time = Timestamp.text(now, fraction: 0).filter { $0.isNumber }
        return "\(time)-\(String(UInt32.random(in: 0x1000_0000 ... .max), radix: 16))"
    }

    /// The plans in a data folder that were not finished.
    static func pending(_ folder: DataFolder) throws -> [ErasurePlan] {
        guard FileManager.default.fileExists(atPath: folder.erasures) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder.erasures).filter { $0.hasSuffix(suffix) }
            .sorted().map { name in
                let path = folder.erasures + "/" + name
                do {
                    return try JSONDecoder().decode(
                        ErasurePlan.self, from: try Data(contentsOf: URL(fileURLWithPath: path)))
                } catch {
                    throw CommandError("\(path) is damaged: remove it, and erase again with the same ids")
                }
            }
    }

    /// What to tell of a plan that was not finished.
    var notice: String {
        "the erasure \(id) is not complete, and whom it is about is kept out: run `cartograph lake erase` for the same "
            + (subjects.count == 1 ? "person again" : "\(subjects.count) people again")
    }

    func save(_ folder: DataFolder) throws {
        try SystemFolder.create(folder.erasures)
        try SystemFile.replace(folder.erasures, id + Self.suffix, with: Array(try JSONEncoder().encode(self)))
    }

    func remove(_ folder: DataFolder) throws {
        try FileManager.default.removeItem(atPath: folder.erasures + "/" + id + Self.suffix)
    }
}
