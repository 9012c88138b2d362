import ArgumentParser
import Foundation
import Server

/// `cartograph catalog`: how other engines connect.
struct CatalogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catalog",
        abstract: "Say how Spark, Trino, DuckDB and PyIceberg connect to the lake.",
        discussion: """
            A running server is an Iceberg REST catalog. Engines read every table through it, and write tables of their \
            own beside ours. They read and write the tables' files themselves, so they need to reach the warehouse.
            """)

    @OptionGroup var options: ShopOptions

    private struct Connection: Encodable {
        let uri: String
        let warehouse: String
        let running: Bool
        let token_needed: Bool
    }

    func run() throws {
        let settings = try options.settings()
        let folder = try DataFolder.open(settings.data)
        let running = folder.runningServer()
        var server = ServerConfiguration(webFolder: "", version: Cartograph.version)
        server.host = settings.host
        server.port = settings.port
        if let elsewhere = settings.lake.catalog {
            throw CommandError(
                "the tables are in the catalog at \(elsewhere) (catalog: in the configuration): ask there")
        }
        let warehouse = settings.lake.location ?? folder.lake
        let uri = (running ?? "http://\(server.urlHost):\(server.port)") + "/iceberg"
        let hasToken = settings.token != nil
        if options.json {
            let connection = Connection(
                uri: uri, warehouse: warehouse, running: running != nil, token_needed: hasToken)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(connection), as: UTF8.self))
            return
        }
        if running == nil {
            print("No server runs on \(folder.path): start one with `cartograph up`. It would be at:\n")
        }
        print(Self.text(uri, warehouse, hasToken))
    }

    /// What to type. The token itself is not shown: it would end up in a terminal's history.
    private static func text(_ uri: String, _ warehouse: String, _ hasToken: Bool) -> String {
        let python = hasToken ? ", token=os.environ[\"CARTOGRAPH_TOKEN\"]" : ""
        let duckDB =
            hasToken
            ? """
            CREATE SECRET shop (TYPE iceberg, TOKEN 'TOKEN');
              ATTACH 'shop' AS shop (TYPE iceberg, ENDPOINT '\(uri)', SECRET shop);
            """
            : "ATTACH 'shop' AS shop (TYPE iceberg, ENDPOINT '\(uri)', AUTHORIZATION_TYPE 'none');"
        let spark = hasToken ? " \\\n    --conf spark.sql.catalog.shop.token=\"$CARTOGRAPH_TOKEN\"" : ""
        let trino =
            hasToken
            ? "\n  iceberg.rest-catalog.security=OAUTH2\n  iceberg.rest-catalog.oauth2.token=${ENV:CARTOGRAPH_TOKEN}"
            : ""
        return """
            Iceberg REST catalog  \(uri)
            Warehouse             \(warehouse)

            PyIceberg
              \(hasToken ? "import os\n  " : "")from pyiceberg.catalog import load_catalog
              shop = load_catalog("shop", type="rest", uri="\(uri)"\(python))
              shop.load_table("bronze.purchases").scan().to_arrow()

            DuckDB
              INSTALL iceberg; LOAD iceberg;
              \(duckDB)
              SELECT count(*) FROM shop.bronze.purchases;

            Spark
              spark-sql --packages org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:1.10.0 \\
                --conf spark.sql.extensions=org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions \\
                --conf spark.sql.catalog.shop=org.apache.iceberg.spark.SparkCatalog \\
                --conf spark.sql.catalog.shop.type=rest \\
                --conf spark.sql.catalog.shop.uri=\(uri)\(spark)
              SELECT count(*) FROM shop.bronze.purchases;

            Trino, in etc/catalog/shop.properties
              connector.name=iceberg
              iceberg.catalog.type=rest
              iceberg.rest-catalog.uri=\(uri)\(trino)

            Tables in bronze are fed from the event log by cartograph alone: others may read, tag and branch them, add
            optional columns and set properties. Tables of your own go into a namespace of your own.
            """
    }
}
