import Iceberg

/// Which endpoint of the REST API a request is for.
enum CatalogRoute: Sendable {
    case config
    case listNamespaces
    case createNamespace
    case loadNamespace(String)
    case namespaceExists(String)
    case dropNamespace(String)
    case updateNamespace(String)
    case listTables(String)
    case createTable(String)
    case registerTable(String)
    case loadTable(TableIdentifier)
    case tableExists(TableIdentifier)
    case commitTable(TableIdentifier)
    case dropTable(TableIdentifier)
    case reportMetrics(TableIdentifier)
    case renameTable
    case commitTransaction
    case listViews(String)
    case missingView(String, String)
    /// Something of the specification that this catalog does not do.
    case unsupported(String)
    /// An address without this method; with those that it has.
    case wrongMethod(String)
    case unknown

    /// What `config` lists: clients call nothing else. With what each does, for the description of the interface.
    static let described: [(endpoint: String, summary: String)] = [
        ("GET /v1/{prefix}/namespaces", "Namespaces, of a parent, in pages"),
        ("POST /v1/{prefix}/namespaces", "Make a namespace"),
        ("GET /v1/{prefix}/namespaces/{namespace}", "A namespace's properties"),
        ("HEAD /v1/{prefix}/namespaces/{namespace}", "Whether a namespace is there"),
        ("DELETE /v1/{prefix}/namespaces/{namespace}", "Drop an empty namespace"),
        ("POST /v1/{prefix}/namespaces/{namespace}/properties", "Set and remove properties"),
        ("GET /v1/{prefix}/namespaces/{namespace}/tables", "Tables, in pages"),
        ("POST /v1/{prefix}/namespaces/{namespace}/tables", "Create a table, or describe one that a commit creates"),
        ("POST /v1/{prefix}/namespaces/{namespace}/register", "Take in a table by its metadata file"),
        ("GET /v1/{prefix}/namespaces/{namespace}/tables/{table}", "A table's metadata"),
        ("HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}", "Whether a table is there"),
        ("POST /v1/{prefix}/namespaces/{namespace}/tables/{table}", "Commit to a table"),
        ("DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}", "Drop a table, and purge its files if asked"),
        ("POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics", "Report what a scan or commit did"),
        ("POST /v1/{prefix}/tables/rename", "Rename a table"),
        ("POST /v1/{prefix}/transactions/commit", "Commit to several tables, all or none"),
    ]
    static let endpoints = described.map(\.endpoint)

    /// The members of `paths` that describe the catalog in the OpenAPI document.
    static var openAPIPaths: String {
        let fixed: [(endpoint: String, summary: String)] = [
            ("GET /v1/config", "What the catalog can do"),
            ("POST /v1/oauth/tokens", "Exchange the token as a client secret, for clients that only know this way"),
        ]
        var order: [String] = []
        var operations: [String: [String]] = [:]
        for (endpoint, summary) in fixed + described {
            let parts = endpoint.split(separator: " ")
            let path = "/iceberg" + parts[1].replacing("/{prefix}", with: "")
            if operations[path] == nil { order.append(path) }
            let errors = ["400", "401", "403", "404", "409", "413", "503"].map {
                ##""\##($0)":{"$ref":"#/components/responses/CatalogRefusal"}"##
            }
            operations[path, default: []].append(
                #""\#(parts[0].lowercased())":{"summary":"\#(summary)","security":[{},{"bearer":[]}],"#
                    + #""responses":{"2XX":{"description":"As the Iceberg REST specification says"},"#
                    + errors.joined(separator: ",") + "}}")
        }
        return order.map { path in
            let names = ["namespace", "table"].filter { path.contains("{\($0)}") }
            let parameters = names.map {
                #"{"name":"\#($0)","in":"path","required":true,"schema":{"type":"string"}}"#
            }
            let members = [#""parameters":[\#(parameters.joined(separator: ","))]"#] + (operations[path] ?? [])
            return "\"\(path)\":{\(members.joined(separator: ","))}"
        }.joined(separator: ",\n")
    }

    /// Reads method and path.
    /// - Throws: ``IcebergError`` `.badRequest` for names that cannot be.
    init(_ method: String, _ path: [String]) throws {
        guard path.first == "namespaces", path.count > 1 else {
            self = Self.fixed(method, path)
            return
        }
        let namespace = try CatalogRequest.namespace(path[1])
        switch (path.count, path.last) {
        case (2, _):
            self = Self.choose(
                method,
                [
                    "GET": .loadNamespace(namespace), "HEAD": .namespaceExists(namespace),
                    "DELETE": .dropNamespace(namespace),
                ])
        case (3, "properties"): self = Self.choose(method, ["POST": .updateNamespace(namespace)])
        case (3, "tables"):
            self = Self.choose(method, ["GET": .listTables(namespace), "POST": .createTable(namespace)])
        case (3, "register"): self = Self.choose(method, ["POST": .registerTable(namespace)])
        case (3, "views"):
            self = Self.choose(method, ["GET": .listViews(namespace), "POST": .unsupported("views are not supported")])
        case (3, "register-view"): self = Self.choose(method, ["POST": .unsupported("views are not supported")])
        case (4, _) where path[2] == "views":
            let missing = CatalogRoute.missingView(namespace, path[3])
            self = Self.choose(method, ["GET": missing, "HEAD": missing, "POST": missing, "DELETE": missing])
        case (4, _) where path[2] == "tables":
            let table = TableIdentifier(namespace, path[3])
            self = Self.choose(
                method,
                [
                    "GET": .loadTable(table), "HEAD": .tableExists(table), "POST": .commitTable(table),
                    "DELETE": .dropTable(table),
                ])
        case (5, "metrics") where path[2] == "tables":
            self = Self.choose(method, ["POST": .reportMetrics(TableIdentifier(namespace, path[3]))])
        case (5..., _) where path[2] == "tables" && ["plan", "tasks", "credentials"].contains(path[4]):
            self = .unsupported("\(path[4]) is not supported")
        default: self = .unknown
        }
    }

    private static func fixed(_ method: String, _ path: [String]) -> CatalogRoute {
        switch path {
        case ["config"]: choose(method, ["GET": .config])
        case ["namespaces"]: choose(method, ["GET": .listNamespaces, "POST": .createNamespace])
        case ["tables", "rename"]: choose(method, ["POST": .renameTable])
        case ["transactions", "commit"]: choose(method, ["POST": .commitTransaction])
        case ["views", "rename"]: choose(method, ["POST": .unsupported("views are not supported")])
        default: .unknown
        }
    }

    private static func choose(_ method: String, _ routes: [String: CatalogRoute]) -> CatalogRoute {
        routes[method] ?? .wrongMethod(routes.keys.sorted().joined(separator: ", "))
    }

    /// What the metrics call it: one of a fixed number of words.
    var label: String {
        switch self {
        case .config: "config"
        case .listNamespaces: "list_namespaces"
        case .createNamespace: "create_namespace"
        case .loadNamespace: "load_namespace"
        case .namespaceExists: "namespace_exists"
        case .dropNamespace: "drop_namespace"
        case .updateNamespace: "update_namespace"
        case .listTables: "list_tables"
        case .createTable: "create_table"
        case .registerTable: "register_table"
        case .loadTable: "load_table"
        case .tableExists: "table_exists"
        case .commitTable: "commit_table"
        case .dropTable: "drop_table"
        case .reportMetrics: "report_metrics"
        case .renameTable: "rename_table"
        case .commitTransaction: "commit_transaction"
        case .listViews, .missingView: "views"
        case .unsupported, .wrongMethod, .unknown: "other"
        }
    }
}
