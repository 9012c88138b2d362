import Foundation

/// The file with what each key has used of its day: `{"day": "2026-01-31", "events": {"<id>": 12}}`.
struct UsageFile {
    private static let bytesMax = 1 << 20
    let path: String

    private struct Content: Codable {
        var day: Int64
        var events: [String: Int64]

        enum CodingKeys: String, CodingKey {
            case day = "days_since_1970"
            case events
        }
    }

    /// What the keys had used of that day; nothing when the file is of another.
    ///
    /// - Throws: `AccessError` when there is a file that cannot be read.
    func read(day: Int64) throws(AccessError) -> [String: Int64] {
        guard let bytes = try AccessFile.read(path, limit: UsageFile.bytesMax) else { return [:] }
        guard let content = try? JSONDecoder().decode(Content.self, from: bytes),
            content.events.values.allSatisfy({ $0 >= 0 })
        else {
            throw AccessError(
                "\(path) is damaged: what the keys have used today is not known; remove it to count from 0 again")
        }
        return content.day == day ? content.events : [:]
    }

    func write(day: Int64, _ events: [String: Int64]) throws(AccessError) {
        let bytes: Data
        do {
            bytes = try JSONEncoder().encode(Content(day: day, events: events))
        } catch {
            throw AccessError("what the keys have used cannot be written to \(path): \(error)")
        }
        try AccessFile.replace(path, with: Array(bytes))
    }
}
