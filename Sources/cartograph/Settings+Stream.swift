import EventLog
import Streaming

extension Settings {
    /// How the live state of a shop is made and kept.
    func stream(_ folder: DataFolder, _ home: Home) throws -> StreamRunner.Settings {
        guard let currencyCode else {
            throw CommandError("currency '\(currency)' is no ISO 4217 code such as USD")
        }
        var settings = StreamRunner.Settings(
            checkpointPath: folder.checkpoint, timeZone: zone, currency: currencyCode,
            fraud: try fraudSettings(folder, home))
        settings.checkpointEvery = Int64(checkpointSeconds * 1e6)
        return settings
    }
}

extension ShopOptions {
    /// The live state at the log's present end, read beside a server or without one.
    func liveState() throws -> ShopStream {
        let settings = try settings()
        let folder = try DataFolder.existing(settings.data)
        return try StreamRunner.current(
            EmbeddedLog(reading: folder.log), settings.stream(folder, try Home.find()), reporter())
    }
}
