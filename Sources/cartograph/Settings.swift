import Access
import EventLog
import Foundation
import Models
import Rates
import Storage
import Streaming
import Yams

/// The configuration of the platform: `cartograph.yaml`, and the environment over it.
struct Settings {
    /// The data folder.
    var data = "./data"
    /// The address to listen on.
    var host = "127.0.0.1"
    /// The port to listen on.
    var port = 8080
    /// What callers must show; needed to listen beyond this machine.
    var token: String?
    /// The origins of the web pages that may send events without a write key of their own.
    var corsOrigins: [String] = []
    /// The time zone of the business day.
    var timezone = "UTC"
    /// The reporting currency.
    var currency = "USD"
    /// Where exchange rates are fetched from; nil for nowhere.
    var ratesURL: String?
    /// Seconds between two fetches of exchange rates. The ECB publishes once each working day, around 16:00 CET.
    var ratesSeconds = 21_600.0
    /// How many partitions a topic gets in a new data folder.
    var partitions = 2
    /// Where the tables are.
    var lake = LakeSettings()
    /// The warehouse's address; nil where there is none.
    var warehouse: String?
    /// The fewest seconds between two loads of the warehouse by a server.
    var warehouseSeconds = 60.0
    /// Seconds between two looks of a server at all lines of the books.
    var booksSeconds = 3_600.0
    /// Seconds between two commits of the bronze tables, where there is something to commit.
    var lakeSeconds = 1.0
    /// Seconds between two runs of the models.
    var batchSeconds = 60.0
    /// How many models may run at the same time.
    var modelThreads = ModelRunner.threadsDefault
    /// Seconds between two checkpoints of the live state, where there is something new.
    var checkpointSeconds = 15.0

    /// The file of the rules for fraud scores, where it is not the data folder's or the shipped one.
    var fraudRules: String?

    /// What of the log is kept; everything, unless a bound is set.
    var retention = LogRetention()

    /// The zone, once `load` has checked it.
    var zone: TimeZone { TimeZone(identifier: timezone == "UTC" ? "GMT" : timezone) ?? .gmt }

    /// The reporting currency's code, once `load` has checked it.
    var currencyCode: CurrencyCode? { CurrencyCode(currency) }

    /// Reads the file (or `cartograph.yaml`, where there is one) and the environment.
    static func load(file: String?) throws -> Settings {
        var settings = Settings()
        let path = file ?? "cartograph.yaml"
        if FileManager.default.fileExists(atPath: path) {
            try settings.read(path)
        } else if file != nil {
            throw CommandError("there is no configuration file \(path): check --config")
        }
        let environment = ProcessInfo.processInfo.environment
        if let token = environment["CARTOGRAPH_TOKEN"], !token.isEmpty { settings.token = token }
        if let data = environment["CARTOGRAPH_DATA"], !data.isEmpty { settings.data = data }
        if let lake = environment["CARTOGRAPH_LAKE"], !lake.isEmpty { settings.lake.location = lake }
        if let warehouse = environment["CARTOGRAPH_WAREHOUSE"], !warehouse.isEmpty { settings.warehouse = warehouse }
        try settings.check(path)
        return settings
    }

    private static let keys = [
        "data", "host", "port", "token", "cors_origins", "timezone", "currency", "rates_url", "rates_seconds",
        "partitions", "lake", "s3", "catalog",
        "catalog_vends_keys", "lake_seconds", "batch_seconds", "checkpoint_seconds", "fraud_rules",
        "log_retention_gigabytes", "log_retention_days", "warehouse", "warehouse_seconds",
        "books_seconds", "model_threads",
    ]

    private mutating func read(_ path: String) throws {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw CommandError("\(path) cannot be read: \(error.localizedDescription)")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw CommandError("\(path) is not YAML: \("\(error)".split(separator: "\n").first ?? "")")
        }
        guard let root else { return }
        guard let mapping = root.mapping else { throw CommandError("\(path): expected keys and values") }
        for (key, value) in mapping {
            let name = key.string ?? ""
            func bad(_ what: String) -> CommandError { CommandError("\(path): \(name) \(what)") }
            func text() throws -> String {
                guard let text = value.scalar?.string else { throw bad("must be a text") }
                return text
            }
            switch name {
            case "data": data = try text()
            case "host": host = try text()
            case "token": token = try text()
            case "cors_origins":
                guard let origins = value.sequence?.map({ $0.scalar?.string }), !origins.contains(nil) else {
                    throw bad("must be a list of texts such as [https://shop.example]")
                }
                corsOrigins = origins.compactMap { $0 }
            case "lake": lake.location = try text()
            case "catalog": lake.catalog = try text()
            case "catalog_vends_keys":
                guard let flag = value.bool else { throw bad("must be true or false") }
                lake.vendsKeys = flag
            case "s3":
                guard let entries = value.mapping else { throw bad("must have keys such as endpoint below it") }
                lake.s3 = try Settings.s3(entries, path)
            case "warehouse": warehouse = try text()
            case "warehouse_seconds":
                guard let number = value.float, (1...86_400).contains(number) else {
                    throw bad("must be a number of seconds from 1 to 86400")
                }
                warehouseSeconds = number
            case "books_seconds":
                guard let number = value.float, (1...86_400).contains(number) else {
                    throw bad("must be a number of seconds from 1 to 86400")
                }
                booksSeconds = number
            case "timezone": timezone = try text()
            case "fraud_rules": fraudRules = try text()
            case "currency": currency = try text()
            case "rates_url":
                let url = try text()
                if let fault = RatesSource.fault(url) { throw bad(fault) }
                ratesURL = url
            case "rates_seconds":
                guard let number = value.float, (1...604_800).contains(number) else {
                    throw bad("must be a number of seconds from 1 to 604800")
                }
                ratesSeconds = number
            case "port":
                guard let number = value.int else { throw bad("must be a number") }
                port = number
            case "partitions":
                guard let number = value.int else { throw bad("must be a number") }
                partitions = number
            case "lake_seconds":
                guard let number = value.float else { throw bad("must be a number of seconds") }
                lakeSeconds = number
            case "batch_seconds":
                guard let number = value.float else { throw bad("must be a number of seconds") }
                batchSeconds = number
            case "model_threads":
                guard let number = value.int, (1...ModelRunner.threadsMax).contains(number) else {
                    throw bad("must be a number from 1 to \(ModelRunner.threadsMax)")
                }
                modelThreads = number
            case "checkpoint_seconds":
                guard let number = value.float, (0.1...3_600).contains(number) else {
                    throw bad("must be a number of seconds from 0.1 to 3600")
                }
                checkpointSeconds = number
            case "log_retention_gigabytes":
                guard let number = value.float, (0.001...1e6).contains(number) else {
                    throw bad("must be a number of gigabytes from 0.001 to 1000000")
                }
                retention.maxBytes = Int64(number * 1e9)
            case "log_retention_days":
                guard let number = value.float, (0.01...36_500).contains(number) else {
                    throw bad("must be a number of days from 0.01 to 36500")
                }
                retention.maxAgeSeconds = number * 86_400
            default:
                throw bad("is not a setting; the settings are \(Settings.keys.joined(separator: ", "))")
            }
        }
    }

    private static let s3Keys = [
        "endpoint", "region", "style", "access_key", "secret_key", "session_token", "ca_file",
    ]

    private static func s3(_ entries: Node.Mapping, _ path: String) throws -> S3Settings {
        var settings = S3Settings()
        for (key, value) in entries {
            let name = key.string ?? ""
            guard let text = value.scalar?.string, !text.isEmpty else {
                throw CommandError("\(path): s3.\(name) must be a text")
            }
            switch name {
            case "endpoint": settings.endpoint = text
            case "region": settings.region = text
            case "access_key": settings.accessKey = text
            case "secret_key": settings.secretKey = text
            case "session_token": settings.sessionToken = text
            case "ca_file": settings.certificateAuthorities = text
            case "style":
                guard let style = S3Settings.Style(rawValue: text) else {
                    throw CommandError("\(path): s3.style must be path or virtual, not '\(text)'")
                }
                settings.style = style
            default:
                throw CommandError(
                    "\(path): s3.\(name) is not a setting; the settings are \(s3Keys.joined(separator: ", "))")
            }
        }
        return settings
    }

    private func check(_ path: String) throws {
        if let fault = lake.fault() { throw CommandError("\(path): \(fault)") }
        guard !lake.vendsKeys || token != nil else {
            throw CommandError(
                "\(path): catalog_vends_keys gives the object store's keys to whoever asks the catalog: set a token, too"
            )
        }
        guard timezone == "UTC" || TimeZone(identifier: timezone) != nil else {
            throw CommandError("\(path): timezone '\(timezone)' is no IANA zone such as Asia/Ho_Chi_Minh")
        }
        guard currencyCode != nil else {
            throw CommandError("\(path): currency '\(currency)' is no ISO 4217 code such as USD")
        }
        for origin in corsOrigins {
            if let fault = Origin.fault(origin) { throw CommandError("\(path): cors_origins: \(fault)") }
        }
        // It travels in headers and in a cookie.
        guard token?.utf8.allSatisfy({ (0x21...0x7e).contains($0) && !";,\"\\".utf8.contains($0) }) ?? true else {
            throw CommandError(
                "the token may hold letters, digits and signs, but no space, comma, semicolon, quote or backslash")
        }
        guard (0...65_535).contains(port) else {
            throw CommandError("\(path): port \(port) is not between 0 and 65535")
        }
        guard (1...64).contains(partitions) else {
            throw CommandError("\(path): partitions must be between 1 and 64, not \(partitions)")
        }
        guard lakeSeconds >= 0.2, lakeSeconds <= 3_600, batchSeconds >= 1, batchSeconds <= 86_400 else {
            throw CommandError("\(path): lake_seconds must be 0.2 to 3600 and batch_seconds 1 to 86400")
        }
    }
}
