import Foundation

/// The file that says which backfill is not done. What it has done stands in the tables' own snapshots.
struct BackfillJournal {
    /// A backfill that was begun.
    struct Entry: Codable, Equatable {
        /// Names it in the snapshots.
        let id: String
        let from: String
        let to: String
        let models: [String]
    }

    let path: String

    /// The backfill that is not done; nil when there is none.
    func read() throws -> Entry? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        do {
            return try JSONDecoder().decode(Entry.self, from: data)
        } catch {
            throw ModelError(.run, "\(path) cannot be read: remove it to forget the backfill that was interrupted")
        }
    }

    func write(_ entry: Entry) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        do {
            try encoder.encode(entry).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw ModelError(.run, "\(path) cannot be written: \(error.localizedDescription)")
        }
    }

    func remove() throws {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw ModelError(.run, "\(path) cannot be removed: \(error.localizedDescription)")
        }
    }
}
