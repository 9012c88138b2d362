import Collector
import Engine
import EventLog
import Foundation
import Iceberg
import Lake
import Models
import Storage
import Streaming
import Telemetry

/// A data folder opened by this process: its log, its lake, and what is needed to bring one up to the other.
struct Shop {
    let folder: DataFolder
    let settings: Settings
    let home: Home
    let log: EmbeddedLog
    let catalog: any Catalog
    let lake: LakeService
    /// The object store that the tables are in; nil where there is none.
    let objectStore: S3Storage?
    /// How engines reach it; nil where there is none.
    let engineObjectStore: (@Sendable () throws -> [ObjectStoreAccess])?
    /// The people whose earlier events are not let in again.
    let erased: ErasedPeople
    /// What other currencies are worth.
    let rates: RatesBook
    let batch: BatchService
    let metrics: Metrics
    let lock: FolderLock
    let stream: StreamRunner.Settings

    /// Opens a data folder, making it if need be, and takes it for this process.
    ///
    /// - Parameters:
    ///   - engineBytes: the memory of the engine that runs the models.
    ///   - variables: values of the models' variables; those of the configuration where nil.
    static func open(
        _ folder: DataFolder, _ settings: Settings, engineBytes: Int = BatchService.commandEngineBytes,
        variables: ModelVariables? = nil, report: @escaping @Sendable (String) -> Void,
        alarm: (@Sendable (String) -> Void)? = nil
    ) throws -> Shop {
        let home = try Home.find()
        // Found out now, not when the first batch is due.
        _ = try DuckDBLibrary.location()
        let lock = try folder.lock()
        for path in [folder.lake, folder.temporary + "/bronze", folder.temporary + "/models"] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        let place = try LakePlace(settings.lake, folder)
        let catalog = try place.openCatalog()
        let partitions = try EmbeddedLog.partitions(of: folder.log) ?? settings.partitions
        let covered = try BronzeWriter.coveredOffsets(catalog, partitions: partitions)
        let log = try EmbeddedLog(folder: folder.log, partitions: partitions, taken: covered)
        do {
            for note in log.recoveryNotes { report("recovered: \(note)") }
            for plan in try ErasurePlan.pending(folder) { report(plan.notice) }
            return try open(
                folder, settings, engineBytes, variables, home, log, place, catalog, covered, lock, report,
                alarm ?? report)
        } catch {
            log.close()
            throw error
        }
    }

    private static func open(
        _ folder: DataFolder, _ settings: Settings, _ engineBytes: Int, _ variables: ModelVariables?, _ home: Home,
        _ log: EmbeddedLog,
        _ place: LakePlace, _ catalog: any Catalog, _ covered: LogOffsets, _ lock: FolderLock,
        _ report: @escaping @Sendable (String) -> Void, _ alarm: @escaping @Sendable (String) -> Void
    ) throws -> Shop {
        let metrics = Metrics()
        let stream = try settings.stream(folder, home)
        let lake = try LakeService(
            log: log, catalog: catalog, covered: covered, objectStore: place.objectStore, temporary: folder.temporary,
            seconds: settings.lakeSeconds, metrics: metrics, report: report)
        let erased = try ErasedPeople(folder: folder.erasures)
        let rates = RatesBook(folder: folder, home: home, catalog: catalog)
        let batch = BatchService(
            log: log, catalog: catalog, lake: lake, folder: folder, objectStore: place.objectStore,
            project: try ModelProject(folder: home.models, variables: variables ?? settings.modelVariables),
            settings: settings, stream: stream,
            engineBytes: engineBytes, erased: erased, place: place,
            warehouse: try WarehouseService(settings, catalog: catalog, metrics: metrics, report: report),
            rates: rates, metrics: metrics, report: report, alarm: alarm)
        return Shop(
            folder: folder, settings: settings, home: home, log: log, catalog: catalog, lake: lake,
            objectStore: place.s3, engineObjectStore: place.objectStore, erased: erased, rates: rates, batch: batch,
            metrics: metrics, lock: lock, stream: stream)
    }

    /// Closes what was opened, the log last.
    func close() {
        log.close()
        withExtendedLifetime(lock) {}
    }
}
