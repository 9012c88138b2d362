import Engine
import Foundation
import Iceberg
import Storage

/// What the configuration says of where the tables are.
struct LakeSettings: Sendable {
    /// A folder, or `s3://bucket/prefix`; nil for `lake` in the data folder.
    var location: String?
    /// The object store; nil where the configuration has no `s3:`.
    var s3: S3Settings?
    /// The address of an Iceberg REST catalog; nil for the embedded one in the data folder.
    var catalog: String?
    /// Whether the catalog that is served gives its clients the object store's keys.
    var vendsKeys = false

    /// Why these cannot be used, or nil.
    func fault() -> String? {
        if let location {
            if Location.isRemote(location) {
                do {
                    let parsed = try S3Location(location)
                    // The engine and other readers take some signs for patterns or queries.
                    guard location.utf8.allSatisfy({ Self.plain.contains($0) }), !parsed.key.contains("//") else {
                        return "lake: '\(location)' may hold letters, digits and -_./= after s3://, and no empty folder"
                    }
                } catch {
                    return "lake: \(error)"
                }
            } else if location.contains("://"), !location.hasPrefix("file://") {
                return "lake: '\(location)' is neither a folder nor s3://bucket/prefix"
            }
        }
        if let s3 {
            if (s3.accessKey == nil) != (s3.secretKey == nil) {
                return "s3: access_key and secret_key come together: set both, or neither and AWS_ACCESS_KEY_ID and "
                    + "AWS_SECRET_ACCESS_KEY in the environment"
            }
            if let endpoint = s3.endpoint, !endpoint.hasPrefix("http://"), !endpoint.hasPrefix("https://") {
                return "s3: endpoint '\(endpoint)' must begin with http:// or https://"
            }
        }
        if vendsKeys, catalog != nil || !(location.map(Location.isRemote) ?? false) {
            return "catalog_vends_keys is for tables in an object store that this server is the catalog of: set "
                + "lake: s3://bucket/prefix and no catalog:"
        }
        if let catalog, !catalog.hasPrefix("http://"), !catalog.hasPrefix("https://") {
            return "catalog: '\(catalog)' is no address of an Iceberg REST catalog: it begins with https://; leave it "
                + "out for the embedded one"
        }
        return nil
    }

    private static let plain = Set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:".utf8)
}

/// Where the tables are, and how they are reached.
struct LakePlace: Sendable {
    /// Under which new tables get their folders.
    let warehouse: String
    /// Local files, and the object store where there is one; with what a catalog elsewhere says of reaching tables.
    private let storage: any ObjectStorage
    /// The object store by itself; nil where there is none.
    let s3: S3Storage?
    /// How the engine reaches object stores; nil where there is none.
    let objectStore: (@Sendable () throws -> [ObjectStoreAccess])?
    private let folder: DataFolder
    private let address: String?

    init(_ settings: LakeSettings, _ folder: DataFolder) throws {
        self.folder = folder
        address = settings.catalog
        warehouse = try Location.url(forPath: settings.location ?? folder.lake)
        let isNeeded = Location.isRemote(warehouse) || settings.s3 != nil
        let s3 = isNeeded ? try S3Storage(settings.s3 ?? S3Settings()) : nil
        self.s3 = s3
        let own = StorageResolver(s3: s3)
        guard address != nil else {
            storage = own
            guard let s3 else {
                objectStore = nil
                return
            }
            objectStore = { [Self.engineAccess(try s3.access())] }
            return
        }
        let given = RESTStorage(over: own, settings: settings.s3 ?? S3Settings())
        storage = given
        objectStore = { try Self.engineAccesses(own: s3, given) }
    }

    /// How an engine reaches what storage does: as the settings say, and as a catalog elsewhere says of its tables.
    private static func engineAccesses(own: S3Storage?, _ given: RESTStorage) throws -> [ObjectStoreAccess] {
        var all: [ObjectStoreAccess] = []
        if let own { all.append(engineAccess(try own.access())) }
        // Of one and the same scope our own counts, as it does for the files that we read ourselves.
        for scope in try given.scopes() where own == nil || scope.prefix != "s3://" {
            let rest = String(scope.prefix.dropFirst("s3://".count))
            let scopes = ObjectStoreAccess.everything.map { (scheme: String) -> String in scheme + rest }
            all.append(engineAccess(scope.access, scopes))
        }
        return all
    }

    /// The engine's words for how a store is reached.
    private static func engineAccess(
        _ access: S3Storage.Access, _ scopes: [String] = ObjectStoreAccess.everything
    ) -> ObjectStoreAccess {
        ObjectStoreAccess(
            authority: access.authority, isTLS: access.isTLS, usesPathStyle: access.style == .path,
            region: access.region, accessKey: access.credentials.accessKey,
            secretKey: access.credentials.secretKey, sessionToken: access.credentials.sessionToken,
            certificateAuthorities: access.certificateAuthorities, scopes: scopes)
    }

    /// Whether there are tables, as far as this machine can tell without asking.
    var hasCatalog: Bool { address != nil || FileManager.default.fileExists(atPath: folder.catalog) }

    /// The catalog: the embedded one in the data folder, made if need be, or the one at the configured address. What
    /// that one wants to see comes from the environment, so that it is in no file.
    func openCatalog() throws -> any Catalog {
        if let address {
            let environment = ProcessInfo.processInfo.environment
            var rest = RESTCatalogSettings(uri: address)
            rest.token = environment["CARTOGRAPH_CATALOG_TOKEN"]
            rest.credential = environment["CARTOGRAPH_CATALOG_CREDENTIAL"]
            rest.warehouse = environment["CARTOGRAPH_CATALOG_WAREHOUSE"]
            do {
                return try RESTCatalog(rest, storage: storage)
            } catch let error as IcebergError {
                throw CommandError("catalog: \(error.message)")
            }
        }
        return try SQLiteCatalog(path: folder.catalog, warehouse: warehouse, storage: storage)
    }

    /// Sees whether the tables' place can be read and written.
    /// - Returns: what was found, in words.
    func probe() throws -> String {
        guard Location.isRemote(warehouse), let s3 else {
            let path = try Location.path(of: warehouse)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            guard access(path, W_OK | X_OK) == 0 else {
                throw CommandError(
                    "\(path) cannot be written (\(String(cString: strerror(errno)))): choose another `lake:`")
            }
            return path
        }
        try s3.probe(prefix: warehouse)
        let access = try s3.access()
        // What the engine needs to get there.
        _ = try ObjectStoreExtension.location()
        return "\(warehouse) at \(access.authority), with the access key \(access.credentials.accessKey) from "
            + access.credentials.origin
    }
}
