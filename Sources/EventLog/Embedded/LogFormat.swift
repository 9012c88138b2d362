/// What the file `format` says of a log: its version, its number of partitions and its id.
struct LogFormat: Sendable, Equatable {
    /// The version of the format that is written and read.
    static let version = 2
    /// The most partitions a topic may have.
    static let partitionLimit = 256

    /// The largest that the file can be.
    private static let fileBytes = 1_000

    let partitions: Int
    /// A random number that every frame carries.
    let logID: UInt64

    var text: String {
        "cartograph-log \(LogFormat.version) partitions \(partitions) id \(String(logID, radix: 16))\n"
    }

    /// Reads the file in a log's folder; nil when there is no log.
    static func read(_ folder: String) throws(LogError) -> LogFormat? {
        let path = folder + "/format"
        let names = try SystemFolder.names(in: folder)
        guard names.contains("format") else {
            let others = ["segments", "ledger"].filter { names.contains($0) }
            guard others.isEmpty else {
                throw .incompatible(
                    path: path, what: "missing, though there is a log beside it: restore it from a copy")
            }
            return nil
        }
        let text = String(decoding: try SystemFile.readWhole(path, limit: fileBytes), as: UTF8.self)
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        if words.count >= 2, words[0] == "cartograph-log", let other = Int(words[1]), other != version {
            throw .incompatible(
                path: path,
                what: "a log of format \(other), where this version reads format \(version): use the version of "
                    + "Cartograph that wrote it, or another data folder")
        }
        guard words.count == 6, words[0] == "cartograph-log", words[2] == "partitions", words[4] == "id",
            let partitions = Int(words[3]), (1...partitionLimit).contains(partitions),
            let id = UInt64(words[5], radix: 16)
        else { throw .incompatible(path: path, what: "not the format of a log that this version reads") }
        return LogFormat(partitions: partitions, logID: id)
    }

    /// Reads the file, or makes a new one, durably.
    static func readOrMake(_ folder: String, partitions: Int) throws(LogError) -> LogFormat {
        if let format = try read(folder) { return format }
        precondition((1...partitionLimit).contains(partitions), "1 to \(partitionLimit) partitions")
        let format = LogFormat(partitions: partitions, logID: UInt64.random(in: 1 ... .max))
        try SystemFile.replace(folder, "format", with: Array(format.text.utf8))
        return format
    }
}
