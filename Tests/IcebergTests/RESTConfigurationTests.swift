import Iceberg
import TestServers
import Testing

@Suite("What a REST catalog's configuration says")
struct RESTConfigurationTests {
    private func settings(_ uri: String) -> RESTCatalogSettings {
        var settings = RESTCatalogSettings(uri: uri)
        settings.token = "secret"
        settings.attempts = 1
        return settings
    }

    @Test("Overrides come before the settings, and these before defaults; requests go where the catalog says")
    func precedence() throws {
        let other = try LoopbackEndpoint { _ in .status(200, body: #"{"namespaces":[]}"#) }
        defer { other.stop() }
        let first = try LoopbackEndpoint { request in
            guard request.line.hasPrefix("GET /up/v1/config") else { return .status(500) }
            return .status(
                200,
                body: #"""
                    {"defaults":{"prefix":"plain","header.X-A":"default","header.X-B":"default","warehouse":"w0","k":"d",
                    "uri":"http://192.0.2.1/"},
                    "overrides":{"prefix":"a b/c","header.x-a":"override","uri":"\#(other.url)/moved/"}}
                    """#)
        }
        defer { first.stop() }
        var settings = settings(first.url + "/up")
        settings.warehouse = "w1"
        settings.headers = ["X-A": "mine", "x-b": "mine"]
        let catalog = try RESTCatalog(settings)
        #expect(catalog.properties["warehouse"] == "w1" && catalog.properties["k"] == "d")
        #expect(try catalog.listNamespaces() == [])
        #expect(first.requests.count == 1)
        let request = try #require(other.requests.first)
        #expect(request.line.hasPrefix("GET /moved/v1/a%20b/c/namespaces"), "\(request.line)")
        func header(_ name: String) -> [String] {
            request.headers.filter { $0.key.lowercased() == name }.map(\.value)
        }
        #expect(header("x-a") == ["override"] && header("x-b") == ["mine"])
        #expect(header("authorization") == ["Bearer secret"])
    }

    @Test("A catalog that sends its clients on to no address is an error that says so")
    func badAddress() throws {
        let endpoint = try LoopbackEndpoint { _ in .status(200, body: #"{"overrides":{"uri":"ftp://elsewhere"}}"#) }
        defer { endpoint.stop() }
        #expect(kind { _ = try RESTCatalog(settings(endpoint.url)) } == .badRequest)
    }

    @Test("A credential where no tokens are made is an error that says what to give instead")
    func noTokens() throws {
        let endpoint = try LoopbackEndpoint { request in
            request.line.contains("oauth") ? .status(404, body: "{}") : .status(200, body: "{}")
        }
        defer { endpoint.stop() }
        var settings = RESTCatalogSettings(uri: endpoint.url)
        settings.credential = "id:secret"
        do {
            _ = try RESTCatalog(settings)
            Issue.record("a catalog without tokens was opened")
        } catch let error as IcebergError {
            #expect(error.kind == .forbidden && error.message.contains("exchanges no credential"), "\(error)")
        }
    }
}
