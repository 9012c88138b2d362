import Foundation
import Iceberg
import Server
import Storage
import Telemetry
import Testing

/// The catalog's HTTP side: what it answers to whom.
@Suite("The Iceberg REST catalog")
struct CatalogServerTests {
    private func create(_ server: TestServer, _ name: String = "t", extra: String = "") async throws -> Wire.Answer {
        _ = try await server.ask("POST", "/v1/namespaces", #"{"namespace":["shop"]}"#)
        return try await server.ask(
            "POST", "/v1/namespaces/shop/tables", #"{"name":"\#(name)","schema":\#(Sample.json)\#(extra)}"#)
    }

    private func metadata(_ answer: Wire.Answer) throws -> [String: Any] {
        try #require(answer.json["metadata"] as? [String: Any])
    }

    @Test("It says what it can do, and every endpoint that it lists is there")
    func endpoints() async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            let config = try await server.ask("GET", "/v1/config?warehouse=any")
            #expect(config.status == 200)
            let endpoints = try #require(config.json["endpoints"] as? [String])
            #expect(endpoints.count == 16)
            for endpoint in endpoints {
                let parts = endpoint.split(separator: " ").map(String.init)
                let path = parts[1].replacing("/{prefix}", with: "").replacing("{namespace}", with: "none")
                    .replacing("{table}", with: "none")
                let answer = try await server.ask(parts[0], path, parts[0] == "POST" ? "{}" : "")
                #expect(answer.errorType != "NotFoundException", "\(endpoint)")
                #expect(answer.status != 405 && answer.status != 406, "\(endpoint)")
            }
        }
    }

    @Test("Every endpoint that it lists is in the description of the server's interface")
    func described() async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            let answer = try await blocking {
                let wire = try Wire(server)
                try wire.send("GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n")
                return try wire.answer(isHead: false)
            }
            let paths = try #require(answer?.json["paths"] as? [String: [String: Any]])
            let config = try await server.ask("GET", "/v1/config")
            for endpoint in try #require(config.json["endpoints"] as? [String]) {
                let parts = endpoint.split(separator: " ").map(String.init)
                let path = "/iceberg" + parts[1].replacing("/{prefix}", with: "")
                #expect(paths[path]?[parts[0].lowercased()] != nil, "\(endpoint)")
            }
            #expect(paths["/iceberg/v1/config"] != nil && paths["/v1/events"] != nil)
        }
    }

    @Test("A partition spec goes only when no snapshot has files of it any more, whatever the client says")
    func removedSpecs() async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            let identifier = try await blocking {
                let catalog = try server.client()
                var table = try Sample.table(catalog)
                try table.append([try Sample.file("a", of: table)])
                try table.updateSpec { spec in try spec.addField("day", .identity) }
                return table.identifier
            }
            let path = "/v1/namespaces/\(identifier.namespace)/tables/\(identifier.name)"
            let removal = #"{"updates":[{"action":"remove-partition-specs","spec-ids":[0]}]}"#
            let refused = try await server.ask("POST", path, removal)
            #expect(refused.status == 400 && refused.errorMessage.contains("partition spec 0"), "\(refused.body)")
            try await blocking {
                var table = try server.client().loadTable(identifier)
                #expect(table.metadata.partitionSpecs.count == 2)
                try table.replaceAll(with: [])
                // The expiry may take the files; the manifest list of the last snapshot still names the spec's manifest.
                try table.append([])
                try table.expireSnapshots(keepLast: 1, olderThan: .distantFuture)
            }
            let accepted = try await server.ask("POST", path, removal)
            #expect(accepted.status == 200, "\(accepted.body)")
        }
    }

    @Test("Every error has the status and the type that the specification gives it")
    func errors() async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            #expect(try await create(server).status == 200)
            let commit = "/v1/namespaces/shop/tables/t"
            for (method, path, body, status, type) in [
                ("GET", "/v1/namespaces/none", "", 404, "NoSuchNamespaceException"),
                ("GET", "/v1/namespaces/none/tables", "", 404, "NoSuchNamespaceException"),
                ("GET", "/v1/namespaces/none/tables/t", "", 404, "NoSuchTableException"),
                ("GET", "/v1/namespaces/shop/tables/none", "", 404, "NoSuchTableException"),
                ("DELETE", "/v1/namespaces/shop/tables/none", "", 404, "NoSuchTableException"),
                ("GET", "/v1/namespaces/shop/views/v", "", 404, "NoSuchViewException"),
                ("POST", "/v1/namespaces/shop/views", "{}", 406, "UnsupportedOperationException"),
                ("POST", commit + "/plan", "{}", 406, "UnsupportedOperationException"),
                ("GET", "/v1/nonsense", "", 404, "NotFoundException"),
                ("GET", "/v2/config", "", 404, "NotFoundException"),
                ("PUT", "/v1/namespaces", "", 405, "MethodNotAllowedException"),
                ("DELETE", "/v1/namespaces/shop", "", 409, "NamespaceNotEmptyException"),
                ("POST", "/v1/namespaces", #"{"namespace":["shop"]}"#, 409, "AlreadyExistsException"),
                ("POST", "/v1/namespaces", #"{"namespace":[]}"#, 400, "BadRequestException"),
                ("POST", "/v1/namespaces", #"{"namespace":["a.b"]}"#, 400, "BadRequestException"),
                ("POST", "/v1/namespaces", #"{"namespace":["../x"]}"#, 400, "BadRequestException"),
                ("GET", "/v1/namespaces/%FF", "", 400, "BadRequestException"),
                ("GET", "/v1/namespaces?pageToken=&pageSize=0", "", 400, "BadRequestException"),
                (
                    "POST", "/v1/namespaces/shop/properties", #"{"removals":["a"],"updates":{"a":"b"}}"#, 422,
                    "UnprocessableEntityException"
                ),
                (
                    "POST", "/v1/namespaces/shop/tables", #"{"name":"t","schema":\#(Sample.json)}"#, 409,
                    "AlreadyExistsException"
                ),
                (
                    "POST", "/v1/namespaces/shop/tables",
                    #"{"name":"v3","schema":\#(Sample.json),"properties":{"format-version":"3"}}"#, 400,
                    "BadRequestException"
                ),
                ("POST", "/v1/namespaces/shop/tables", #"{"name":"a/b","schema":{}}"#, 400, "BadRequestException"),
                ("POST", commit, "", 400, "BadRequestException"),
                ("POST", commit, "{", 400, "BadRequestException"),
                ("POST", commit, "[]", 400, "BadRequestException"),
                ("POST", commit, #"{"updates":[{"action":"fly"}]}"#, 400, "BadRequestException"),
                (
                    "POST", commit, #"{"requirements":[{"type":"assert-create"}],"updates":[]}"#, 409,
                    "CommitFailedException"
                ),
                (
                    "POST", commit, #"{"requirements":[{"type":"assert-table-uuid","uuid":"x"}],"updates":[]}"#, 409,
                    "CommitFailedException"
                ),
                ("POST", "/v1/transactions/commit", #"{"table-changes":[]}"#, 400, "BadRequestException"),
                (
                    "POST", "/v1/namespaces/shop/register", #"{"name":"x","metadata-location":"file:///etc/passwd"}"#,
                    403, "ForbiddenException"
                ),
                ("POST", commit + "/metrics", #"{"report-type":"gossip"}"#, 400, "BadRequestException"),
            ] {
                let answer = try await server.ask(method, path, body)
                #expect(answer.status == status, "\(method) \(path) \(body): \(answer.body)")
                #expect(answer.errorType == type, "\(method) \(path) \(body)")
                #expect((answer.json["error"] as? [String: Any])?["code"] as? Int == status)
            }
            #expect(try await server.ask("HEAD", "/v1/namespaces/shop/tables/none").status == 404)
            #expect(try await server.ask("HEAD", commit).status == 204)
            #expect(try await server.ask("POST", commit + "/metrics", #"{"report-type":"scan-report"}"#).status == 204)
            #expect(server.metrics.text().contains(#"cartograph_catalog_reports_total{type="scan-report"} 1"#))
            #expect(
                server.metrics.text().contains(
                    #"cartograph_catalog_requests_total{route="table_exists",status="204"} 1"#))
        }
    }

    @Test("Lists are whole, or in pages that lose and double nothing")
    func pages() async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            let catalog = try #require(server.catalog)
            for name in ["a", "b.c", "b.d.e", "f"] { try catalog.createNamespace(name) }
            let whole = try await server.ask("GET", "/v1/namespaces")
            #expect(whole.json["namespaces"] as? [[String]] == [["a"], ["b"], ["f"]])
            #expect(whole.json["next-page-token"] is NSNull)
            let inner = try await server.ask("GET", "/v1/namespaces?parent=b")
            #expect(inner.json["namespaces"] as? [[String]] == [["b", "c"], ["b", "d"]])
            let deep = try await server.ask("GET", "/v1/namespaces?parent=b%1Fd")
            #expect(deep.json["namespaces"] as? [[String]] == [["b", "d", "e"]])
            #expect(try await server.ask("GET", "/v1/namespaces/b%1Fd%1Fe").status == 200)
            #expect(try await server.ask("GET", "/v1/namespaces?parent=x").status == 404)
            let first = try await server.ask("GET", "/v1/namespaces?pageToken=&pageSize=2")
            #expect(first.json["namespaces"] as? [[String]] == [["a"], ["b"]])
            let token = try #require(first.json["next-page-token"] as? String)
            let second = try await server.ask("GET", "/v1/namespaces?pageToken=\(token)&pageSize=2")
            #expect(second.json["namespaces"] as? [[String]] == [["f"]])
            #expect(second.json["next-page-token"] is NSNull)
        }
    }

    @Test("A table that the client knows is not sent again")
    func entityTags() async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            _ = try await create(server)
            let path = "/v1/namespaces/shop/tables/t"
            let loaded = try await server.ask("GET", path)
            let tag = try #require(loaded.headers["etag"])
            let again = try await server.ask("GET", path, headers: ["if-none-match: \(tag)"])
            #expect(again.status == 304 && again.body.isEmpty)
            _ = try await server.ask("POST", path, #"{"updates":[{"action":"set-properties","updates":{"a":"b"}}]}"#)
            let changed = try await server.ask("GET", path, headers: ["if-none-match: \(tag)"])
            #expect(changed.status == 200 && changed.headers["etag"] != tag)
        }
    }

    @Test("Columns get ids from 1, wherever the client began, and keep their nesting")
    func freshIDs() async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            _ = try await server.ask("POST", "/v1/namespaces", #"{"namespace":["shop"]}"#)
            let body = #"""
                {"name":"n","schema":{"type":"struct","identifier-field-ids":[0],"fields":[
                {"id":0,"name":"id","required":true,"type":"long"},
                {"id":1,"name":"items","required":false,"type":{"type":"list","element-id":7,"element-required":true,
                "element":{"type":"struct","fields":[{"id":8,"name":"p","required":true,"type":"string"}]}}},
                {"id":2,"name":"day","required":false,"type":"date"}]},
                "partition-spec":{"spec-id":0,"fields":[{"source-id":2,"field-id":1000,"name":"day_month","transform":"month"}]},
                "write-order":{"order-id":1,"fields":[{"source-id":0,"transform":"identity","direction":"asc","null-order":"nulls-first"}]}}
                """#
            #expect(try await server.ask("POST", "/v1/namespaces/shop/tables", body).status == 200)
            let metadata = try #require(server.catalog).load(TableIdentifier("shop", "n")).metadata
            #expect(metadata.currentSchema.fields.map(\.id) == [1, 2, 3])
            #expect(metadata.currentSchema.field(named: "items.element")?.id == 4)
            #expect(metadata.currentSchema.field(named: "items.element.p")?.id == 5)
            #expect(metadata.currentSchema.identifierFieldIDs == [1])
            #expect(metadata.defaultSpec.fields.map(\.sourceID) == [3])
            #expect(metadata.defaultSortOrderID == 1 && metadata.lastColumnID == 5)
        }
    }

    @Test("A table described first is created by the commit, in the folder it was promised, which is there")
    func stagedCreation() async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            let staged = try await create(server, extra: #","stage-create":true"#)
            #expect(staged.status == 200 && staged.json["metadata-location"] == nil)
            #expect(try await server.ask("HEAD", "/v1/namespaces/shop/tables/t").status == 404)
            let location = try #require(try metadata(staged)["location"] as? String)
            let uuid = try #require(try metadata(staged)["table-uuid"] as? String)
            let folder = try Location.path(of: location)
            for name in ["data", "metadata"] { #expect(FileManager.default.fileExists(atPath: folder + "/" + name)) }
            let commit = #"""
                {"identifier":{"namespace":["shop"],"name":"t"},"requirements":[{"type":"assert-create"}],"updates":[
                {"action":"assign-uuid","uuid":"\#(uuid)"},{"action":"upgrade-format-version","format-version":2},
                {"action":"add-schema","schema":{"type":"struct","schema-id":0,"fields":[{"id":1,"name":"id","required":true,"type":"string"}]}},
                {"action":"set-current-schema","schema-id":-1},{"action":"set-location","location":"\#(location)"}]}
                """#
            #expect(
                try await server.ask("POST", "/v1/transactions/commit", #"{"table-changes":[\#(commit)]}"#).status
                    == 204)
            let made = try await server.ask("GET", "/v1/namespaces/shop/tables/t")
            #expect(try metadata(made)["table-uuid"] as? String == uuid)
            // Sent again, because the answer was lost: nothing changes.
            let again = try await server.ask("POST", "/v1/namespaces/shop/tables/t", commit)
            #expect(again.status == 200)
            #expect(again.json["metadata-location"] as? String == made.json["metadata-location"] as? String)
        }
    }

    @Test("A commit sent again changes nothing and succeeds, also after a restart of the server")
    func repeatedCommit() async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            _ = try await create(server)
            let location = try #require(server.catalog).load(TableIdentifier("shop", "t")).metadata.location
            let commit = #"""
                {"requirements":[{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":null}],"updates":[
                {"action":"add-snapshot","snapshot":{"snapshot-id":7,"sequence-number":1,"timestamp-ms":1700000000000,
                "manifest-list":"\#(location)/metadata/l.avro","summary":{"operation":"append"},"schema-id":0}},
                {"action":"set-snapshot-ref","ref-name":"main","type":"branch","snapshot-id":7}]}
                """#
            let path = "/v1/namespaces/shop/tables/t"
            let first = try await server.ask("POST", path, commit)
            #expect(first.status == 200)
            let second = try await server.ask("POST", path, commit)
            #expect(second.status == 200 && second.body == first.body)
            #expect(server.metric("cartograph_catalog_repeated_commits_total") == 1)
            // The same id for something else is another commit.
            let other = try await server.ask("POST", path, commit.replacing("l.avro", with: "m.avro"))
            #expect(other.status == 409)
        }
    }

    // MARK: Borders

    @Test("Files stay inside the warehouse, and tables out of each other's folders")
    func warehouse() async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            _ = try await create(server)
            let table = try #require(server.catalog).load(TableIdentifier("shop", "t")).metadata.location
            let warehouse = try #require(server.catalog).warehouse
            for location in [
                "file:///tmp/elsewhere", "/etc", warehouse, warehouse + "/../out", "s3://bucket/t", table,
                table + "/inner", warehouse + "/shop", "relative/path",
            ] {
                let answer = try await server.ask(
                    "POST", "/v1/namespaces/shop/tables",
                    #"{"name":"u","location":"\#(location)","schema":\#(Sample.json)}"#)
                #expect(answer.status == 403, "\(location): \(answer.body)")
            }
            for update in [
                #"{"action":"set-location","location":"file:///tmp/x"}"#,
                #"{"action":"set-properties","updates":{"write.data.path":"/tmp/x"}}"#,
                #"{"action":"set-properties","updates":{"write.metadata.path":"file:///tmp/x"}}"#,
                #"""
                {"action":"add-snapshot","snapshot":{"snapshot-id":7,"sequence-number":1,"timestamp-ms":1,
                "manifest-list":"file:///etc/passwd","summary":{"operation":"append"}}}
                """#,
            ] {
                let answer = try await server.ask("POST", "/v1/namespaces/shop/tables/t", #"{"updates":[\#(update)]}"#)
                #expect(answer.status == 403 && answer.errorType == "ForbiddenException", "\(update): \(answer.body)")
            }
            // What upkeep deletes in must not be another table's, however it is spelled.
            let other = try await server.ask(
                "POST", "/v1/namespaces/shop/tables", #"{"name":"v","schema":\#(Sample.json)}"#)
            let folder = try #require(try metadata(other)["location"] as? String)
            for place in [folder, folder + "/data", folder.replacing("file://", with: "file:") + "//./data/"] {
                for name in ["write.data.path", "write.metadata.path", "write.object-storage.path"] {
                    let update = #"{"action":"set-properties","updates":{"\#(name)":"\#(place)"}}"#
                    let answer = try await server.ask(
                        "POST", "/v1/namespaces/shop/tables/t", #"{"updates":[\#(update)]}"#)
                    #expect(answer.status == 403, "\(name) \(place): \(answer.body)")
                }
            }
            let own = #"{"action":"set-properties","updates":{"write.data.path":"\#(table)/rows"}}"#
            #expect(
                try await server.ask("POST", "/v1/namespaces/shop/tables/t", #"{"updates":[\#(own)]}"#).status == 200)
            // A table whose name was taken over by another one's folder gets a folder of its own.
            let renaming =
                #"{"source":{"namespace":["shop"],"name":"t"},"destination":{"namespace":["shop"],"name":"old"}}"#
            #expect(try await server.ask("POST", "/v1/tables/rename", renaming).status == 204)
            let successor = try await create(server)
            #expect(successor.status == 200)
            #expect(try metadata(successor)["location"] as? String != table)
        }
    }

    @Test("Tables that are fed from the log take no data from others, and stay readable, taggable and extensible")
    func fedTables() async throws {
        try await TestServer.with(sharing: TestServer.feeding) { server in
            let catalog = try #require(server.catalog)
            try catalog.createNamespace("bronze")
            var table = try catalog.createTable(TableIdentifier("bronze", "clicks"), schema: Sample.schema)
            try table.append([try Sample.file("a", of: table)], summary: ["cartograph.offsets": "5"])
            let main = try #require(table.currentSnapshot)
            let path = "/v1/namespaces/bronze/tables/clicks"
            func snapshot(_ id: Int64, _ summary: String) -> String {
                #"""
                {"updates":[{"action":"add-snapshot","snapshot":{"snapshot-id":\#(id),"parent-snapshot-id":\#(main.id),
                "sequence-number":\#(main.sequenceNumber + 1),"timestamp-ms":\#(main.timestampMilliseconds + 1),
                "manifest-list":"\#(main.manifestList)","summary":{"operation":"replace"\#(summary)}}},
                {"action":"set-snapshot-ref","ref-name":"main","type":"branch","snapshot-id":\#(id)}]}
                """#
            }
            let column = #"{"id":9,"name":"note","required":REQUIRED,"type":"string"}"#
            let old =
                #"{"id":1,"name":"id","required":true,"type":"string"},{"id":2,"name":"day","required":false,"type":"date"}"#
            func schema(_ fields: String) -> String {
                #"""
                {"updates":[{"action":"add-schema","schema":{"type":"struct","fields":[\#(fields)]}},
                {"action":"set-current-schema","schema-id":-1}]}
                """#
            }
            for (what, body) in [
                ("data", snapshot(1, "")), ("offsets of another time", snapshot(1, #","cartograph.offsets":"9""#)),
                ("nothing", #"{"updates":[{"action":"remove-snapshot-ref","ref-name":"main"}]}"#),
                ("a required column", schema(old + "," + column.replacing("REQUIRED", with: "true"))),
                ("a dropped column", schema(#"{"id":1,"name":"id","required":true,"type":"string"}"#)),
                ("a renamed column", schema(old.replacing("day", with: "date"))),
                (
                    "partitions",
                    #"{"updates":[{"action":"add-spec","spec":{"fields":[{"source-id":2,"name":"m","transform":"month"}]}},{"action":"set-default-spec","spec-id":-1}]}"#
                ),
            ] {
                let answer = try await server.ask("POST", path, body)
                #expect(answer.status == 403 && answer.errorType == "ForbiddenException", "\(what): \(answer.body)")
            }
            for (method, other, body) in [
                ("DELETE", path, ""), ("DELETE", "/v1/namespaces/bronze", ""),
                (
                    "POST", "/v1/tables/rename",
                    #"{"source":{"namespace":["bronze"],"name":"clicks"},"destination":{"namespace":["x"],"name":"y"}}"#
                ), ("POST", "/v1/namespaces/bronze/tables", #"{"name":"carts","schema":\#(Sample.json)}"#),
            ] {
                #expect(try await server.ask(method, other, body).status == 403, "\(method) \(other)")
            }
            for (what, body) in [
                ("an optional column", schema(old + "," + column.replacing("REQUIRED", with: "false"))),
                ("a property", #"{"updates":[{"action":"set-properties","updates":{"owner":"me"}}]}"#),
                (
                    "a tag",
                    #"{"updates":[{"action":"set-snapshot-ref","ref-name":"keep","type":"tag","snapshot-id":\#(main.id)}]}"#
                ), ("a rewrite that keeps the offsets", snapshot(2, #","cartograph.offsets":"5""#)),
            ] {
                let answer = try await server.ask("POST", path, body)
                #expect(answer.status == 200, "\(what): \(answer.body)")
            }
            // And the feeding goes on.
            try table.append([try Sample.file("b", of: table)], summary: ["cartograph.offsets": "8"])
            #expect(try Sample.names(table) == ["a", "b"])
        }
    }

    @Test("With a token nobody gets in without it, by whatever way it is shown")
    func tokens() async throws {
        try await TestServer.with(token: "s3cret", sharing: TestServer.Sharing()) { server in
            for headers in [[], ["authorization: Bearer wrong"]] {
                let answer = try await server.ask("GET", "/v1/config", headers: headers)
                #expect(answer.status == 401 && answer.errorType == "NotAuthorizedException")
            }
            #expect(try await server.ask("GET", "/v1/config", headers: ["authorization: Bearer s3cret"]).status == 200)
            try await blocking {
                let both = [try server.client(token: "s3cret"), try server.client(credential: "anybody:s3cret")]
                let seen = try both.map { try $0.listNamespaces() }
                #expect(seen == [[], []])
                for (token, credential) in [("wrong", nil), (nil, "a:wrong"), (nil, nil)] as [(String?, String?)] {
                    #expect(
                        Sample.kind { _ = try server.client(token: token, credential: credential) } == .forbidden)
                }
            }
            let exchange = try await server.ask(
                "POST", "/v1/oauth/tokens",
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=s3cret")
            #expect(exchange.status == 200 && exchange.json["access_token"] as? String == "s3cret")
        }
    }

    @Test("Web pages of elsewhere may not use the catalog")
    func pagesOfElsewhere() async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            let page = try await server.ask("GET", "/v1/config", headers: ["origin: http://evil.example"])
            #expect(page.status == 403)
            let rebound = try await blocking {
                let wire = try Wire(server)
                try wire.send("GET /iceberg/v1/config HTTP/1.1\r\nhost: evil.example:80\r\n\r\n")
                return try wire.answer()
            }
            #expect(rebound?.status == 403)
        }
    }

    @Test("Bodies that are too large, too deep or of too many values are refused, and the server goes on")
    func enemyBodies() async throws {
        try await TestServer.with(sharing: TestServer.Sharing()) { server in
            _ = try await create(server)
            let path = "/v1/namespaces/shop/tables/t"
            let limits = CatalogLimits()
            let deep = String(repeating: "[", count: 100_000)
            for (body, status) in [
                (#"{"updates":["# + String(repeating: " ", count: limits.bodyBytes) + "]}", 413),
                (#"{"updates":["# + String(repeating: "0,", count: limits.bodyValues) + "0]}", 413),
                (#"{"updates":"# + deep, 400), ("\u{0}", 400), (#"{"updates":"\ud800"}"#, 400),
            ] {
                let answer = try await server.ask("POST", path, body)
                #expect(answer.status == status, "\(body.prefix(40)): \(answer.body.prefix(200))")
            }
            #expect(try await server.ask("HEAD", path).status == 204)
        }
    }

    @Test("What the catalog cannot take on is told so, and the rest of the server does not wait for it")
    func pressure() async throws {
        let storage = GatedStorage()
        var sharing = TestServer.Sharing(storage: storage)
        sharing.settings.limits.concurrentRequests = 1
        sharing.settings.limits.waitingRequests = 1
        sharing.settings.limits.waitSeconds = 0.3
        try await TestServer.with(sharing: sharing) { server in
            _ = try await create(server)
            let path = "/v1/namespaces/shop/tables/t"
            storage.close()
            async let slow = server.ask("GET", path)
            while storage.waiting == 0 { await Task.yield() }
            // One waits, and gives up in time; of two at once, one is not even taken in.
            async let one = server.ask("GET", path)
            async let two = server.ask("GET", path)
            let refused = [try await one, try await two]
            #expect(refused.map(\.status) == [503, 503])
            #expect(refused.allSatisfy { $0.headers["retry-after"] == "1" })
            let health = try await blocking {
                let wire = try Wire(server)
                try wire.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
                return try wire.answer()?.status
            }
            #expect(health == 200)
            storage.open()
            #expect(try await slow.status == 200)
            #expect(try await server.ask("GET", path).status == 200)
        }
    }
}
