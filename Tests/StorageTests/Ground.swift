import Foundation
import Storage
import TestServers
import Testing

/// Where the conformance suite runs: each kind of storage, with a place of its own for each test.
enum Ground: String, CaseIterable, CustomTestStringConvertible {
    case local
    case s3

    var testDescription: String { rawValue }

    func make() throws -> Place {
        switch self {
        case .local:
            let folder = FileManager.default.temporaryDirectory.path + "/storage-tests-" + UUID().uuidString
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            return Place(storage: LocalStorage(), root: "file://" + folder, folder: folder)
        case .s3:
            let ceph = try CephServer.shared()
            return Place(
                storage: try S3Storage(ceph.settings),
                root: "s3://\(CephServer.bucket)/\(UUID().uuidString.lowercased())", folder: nil)
        }
    }
}

/// A place for objects that lives as long as the test that made it.
final class Place: Sendable {
    let storage: any ObjectStorage
    let root: String
    private let folder: String?

    init(storage: any ObjectStorage, root: String, folder: String?) {
        self.storage = storage
        self.root = root
        self.folder = folder
    }

    deinit { if let folder { try? FileManager.default.removeItem(atPath: folder) } }

    func callAsFunction(_ name: String) -> String { "\(root)/\(name)" }

    /// The names below a prefix, as listed.
    func names(_ prefix: String) throws -> [String] {
        try storage.list(prefix: self(prefix)).map { String($0.location.dropFirst(root.count + 1)) }
    }
}

/// The kind of the storage error that a call throws, or nil.
func kind(_ body: () throws -> Void) -> StorageError.Kind? {
    failure(body)?.kind
}

/// The storage error that a call throws, or nil.
func failure(_ body: () throws -> Void) -> StorageError? {
    do {
        try body()
        return nil
    } catch let error as StorageError {
        return error
    } catch {
        Issue.record("an error without a name: \(error)")
        return nil
    }
}
