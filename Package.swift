// swift-tools-version: 6.1
import PackageDescription

let rules: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A room: one folder of Sources/, one job, knowing only the rooms it names here.
func room(_ name: String, knows dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: rules)
}

/// The tests of one room.
func tests(_ name: String, of dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
    .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: rules)
}

let package = Package(
    name: "cartograph",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "cartograph", targets: ["cartograph"]),
        .executable(name: "cartograph-bench", targets: ["cartograph-bench"]),
        .executable(name: "cartograph-nexmark", targets: ["cartograph-nexmark"]),
        .executable(name: "anomaly-quality", targets: ["anomaly-quality"]),
        .executable(name: "cartograph-fuzz", targets: ["cartograph-fuzz"]),
        .library(name: "Iceberg", targets: ["Iceberg", "Storage"]),
    ],
    dependencies: [
        // The command line: parsing, help pages and usage errors of every subcommand.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // The HTTP server: routing, streaming bodies, graceful shutdown on SwiftNIO.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        // Event loops and the HTTP/1.1 codec that the door and the collector's client share.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        // TLS with certificate authorities of one's own.
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
        // The request and response parts that the door's handler shares with the server behind it.
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        // Starting and stopping the long-running parts in order, on signals.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Structured log lines.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // HTTP field names and statuses as the server's public types spell them.
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        // The HTTP client of S3 and of Iceberg REST catalogs: connection pools, TLS, timeouts, streamed bodies.
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.30.0"),
        // SQLite for the embedded Iceberg catalogue.
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // YAML: configuration, import mappings, fraud rules and the dbt project's files.
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        // SHA-256 for derived event ids, file identities and write keys.
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    ],
    targets: [
        // CRC-32C and byte scanning with the processor's own instructions.
        .target(name: "CBytes"),
        // The DuckDB C API as a table of functions, opened at run time.
        .target(name: "CDuckDB"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        // PostgreSQL's own client: binary COPY, which the clients in Swift lack, SCRAM, TLS, and its URLs and files.
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),

        room("Events", knows: ["CBytes"]),
        room("EventLog", knows: ["Events", "CBytes"]),
        room("Telemetry"),
        room("Simulator"),
        room(
            "FileImport",
            knows: [.product(name: "Yams", package: "Yams"), .product(name: "Crypto", package: "swift-crypto")]),
        room(
            "Collector",
            knows: ["Events", "EventLog", "Telemetry", "CZlib", "CZstd"]),
        room("Streaming", knows: ["Events", "EventLog", "CBytes", .product(name: "Yams", package: "Yams")]),
        room(
            "Storage",
            knows: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        room("Access", knows: [.product(name: "Crypto", package: "swift-crypto")]),
        room("Iceberg", knows: ["Storage", "CZlib", "CZstd", .product(name: "GRDB", package: "GRDB.swift")]),
        room("Engine", knows: ["CDuckDB"]),
        room("Lake", knows: ["CBytes", "Iceberg", "Storage", "Engine", "EventLog", "Events", "Telemetry", "CZstd"]),
        room("Models", knows: ["Lake", "Iceberg", "Engine", .product(name: "Yams", package: "Yams")]),
        room("Warehouse", knows: ["CPostgres", "Engine", "Iceberg", "Lake", "Telemetry"]),
        room("Rates", knows: ["Storage", "Lake", "Iceberg", "Engine", "CZlib"]),
        room("Products", knows: ["FileImport", "Lake", "Iceberg", "Engine"]),
        room("Books", knows: ["Events", "EventLog", "Streaming", "Lake", "Engine", "Iceberg", "Warehouse"]),
        room(
            "Server",
            knows: [
                "Access", "Collector", "Streaming", "EventLog", "Events", "Iceberg", "Storage", "Telemetry",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(
            name: "cartograph",
            dependencies: [
                "Access", "Books", "Collector", "Engine", "EventLog", "Events", "FileImport", "Iceberg", "Lake",
                "Models", "Products", "Rates",
                "Server", "Simulator", "Storage", "Streaming", "Telemetry", "Warehouse",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: rules),
        // Counts allocations and opens event queues for the benchmarks.
        .target(name: "CBench", path: "Benchmarks/CBench"),
        .executableTarget(
            name: "cartograph-bench",
            dependencies: [
                "CBench", "CBytes", "Collector", "Engine", "EventLog", "Events", "Iceberg", "Lake", "Models",
                "Simulator", "Storage",
                "Streaming", "Telemetry",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/cartograph-bench",
            swiftSettings: rules),

        // The field's benchmark of streams: its generator and its queries on our operators.
        .target(name: "Nexmark", dependencies: ["Streaming"], path: "Benchmarks/Nexmark", swiftSettings: rules),
        .executableTarget(
            name: "cartograph-nexmark",
            dependencies: [
                "Nexmark", "Streaming", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/cartograph-nexmark",
            swiftSettings: rules),

        // Debian's simdjson behind a C function: an independent judge of JSON for the decoder's tests.
        .target(name: "CSimdjson", path: "Tests/CSimdjson", linkerSettings: [.linkedLibrary("simdjson")]),
        .target(
            name: "DecoderFuzz", dependencies: ["CSimdjson", "Events", "Simulator"], path: "Tests/Fuzz/DecoderFuzz",
            swiftSettings: rules),
        .target(
            name: "IcebergFuzz", dependencies: ["Iceberg", "Storage", "CZlib", "CZstd"], path: "Tests/Fuzz/IcebergFuzz",
            swiftSettings: rules),
        .target(
            name: "ParquetFuzz", dependencies: ["IcebergFuzz", "Lake", "Engine", "Storage"],
            path: "Tests/Fuzz/ParquetFuzz", swiftSettings: rules),
        .executableTarget(
            name: "cartograph-fuzz",
            dependencies: [
                "DecoderFuzz", "IcebergFuzz", "ParquetFuzz",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Fuzz/cartograph-fuzz", swiftSettings: rules),

        // Real servers that tests start and end: an object store, an HTTP endpoint, a proxy that fails on purpose.
        .target(
            name: "TestServers", dependencies: ["Storage"], path: "Tests/Servers", exclude: ["ceph-rgw"],
            swiftSettings: rules),
        tests("AccessTests", of: ["Access"]),
        tests("EventsTests", of: ["DecoderFuzz", "Events", "Simulator"]),
        tests(
            "ServerTests",
            of: [
                "Access", "Collector", "CZlib", "CZstd", "EventLog", "Events", "Iceberg", "Server", "Storage",
                "Streaming", "Telemetry",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        tests("SimulatorTests", of: ["Simulator"]),
        tests("FileImportTests", of: ["FileImport"], resources: [.copy("Fixtures")]),
        tests("StorageTests", of: ["Storage", "TestServers"]),
        tests(
            "IcebergTests", of: ["Iceberg", "IcebergFuzz", "Storage", "TestServers"], resources: [.copy("Fixtures")]),
        tests("EngineTests", of: ["Engine", "Storage", "TestServers"]),
        tests(
            "LakeTests",
            of: ["Engine", "EventLog", "Events", "Iceberg", "Lake", "ParquetFuzz", "Simulator", "Storage"]),
        tests("RatesTests", of: ["Rates", "Storage", "Lake", "Iceberg", "Engine", "CZlib", "TestServers"]),
        tests("ProductsTests", of: ["Products", "FileImport", "Lake", "Iceberg", "Engine"]),
        tests("ModelsTests", of: ["Models", "Lake", "Iceberg", "Storage", "Engine"]),
        tests("WarehouseTests", of: ["Warehouse"], resources: [.copy("Golden")]),
        tests(
            "BooksTests",
            of: [
                "Access", "Books", "Collector", "Engine", "EventLog", "Events", "Iceberg", "Lake", "Models",
                "Simulator",
                "Storage",
                "Streaming", "Telemetry",
            ]),
        tests("EventLogTests", of: ["CBytes", "EventLog", "Events"]),
        tests("CollectorTests", of: ["Collector", "EventLog", "Events", "Simulator", "Telemetry", "CZlib", "CZstd"]),
        tests("TelemetryTests", of: ["Telemetry"]),
        tests("NexmarkTests", of: ["Nexmark", "Engine"]),
        // A shop as sums by minute in which it is known what went wrong: tests and benchmarks of the anomalies.
        .target(
            name: "SyntheticShop", dependencies: ["Streaming", "Events"], path: "Tests/SyntheticShop",
            swiftSettings: rules),
        .executableTarget(
            name: "anomaly-quality", dependencies: ["Events", "Streaming", "SyntheticShop"],
            path: "Benchmarks/anomaly-quality", swiftSettings: rules),
        tests(
            "StreamingTests", of: ["Engine", "Streaming", "EventLog", "Events", "Simulator", "SyntheticShop"],
            resources: [.copy("Golden")]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
