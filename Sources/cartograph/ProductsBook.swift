import Engine
import EventLog
import Events
import Foundation
import Iceberg
import Products
import Simulator

/// The products of a shop: those of its own lists, and those of the simulator.
struct ProductsBook {
    /// The engine's memory: a list of a million products fits, and what does not is spilled.
    private static let engineBytes = 256 << 20

    let catalog: any Catalog
    let connection: Connection
    let zone: TimeZone

    /// Opens an engine for a moment's work with the products; a server may run on the same folder.
    init(
        catalog: any Catalog, folder: DataFolder, zone: TimeZone,
        objectStore: (@Sendable () throws -> [ObjectStoreAccess])?
    ) throws {
        self.catalog = catalog
        self.zone = zone
        var settings = DuckDB.Settings()
        settings.threads = 1
        settings.memoryLimitBytes = Self.engineBytes
        settings.temporaryFolder = folder.temporary + "/products"
        settings.objectStore = objectStore
        connection = try DuckDB(settings).connect()
    }

    /// Those of a shop that this process has opened.
    init(_ shop: Shop) throws {
        try self.init(
            catalog: shop.catalog, folder: shop.folder, zone: shop.settings.zone, objectStore: shop.engineObjectStore)
    }

    var table: ProductsTable { ProductsTable(catalog, connection) }

    /// The business day of now, as `2026-03-01`.
    func today(now: Int64 = EmbeddedLog.wallClock()) -> String {
        var calendar = BusinessCalendar(zone: zone)
        return Value.date(days: calendar.day(of: now)).text
    }

    /// Keeps what a list says that is new.
    func add(_ list: ProductList, from day: String? = nil, source: String) throws -> ProductsTable.Report {
        let now = EmbeddedLog.wallClock()
        return try table.add(list, from: day ?? today(now: now), source: source, now: now)
    }

    /// Keeps what a simulated shop sells.
    func add(_ products: [SimulatedProduct], seed: UInt64) throws -> ProductsTable.Report {
        let list = ProductList(
            products.map { Product(id: $0.id, name: $0.name, category: $0.category, brand: $0.brand) })
        return try add(list, source: "simulator, seed \(seed)")
    }
}
