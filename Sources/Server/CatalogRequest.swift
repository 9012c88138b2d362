import Iceberg

/// A request to the catalog, taken apart.
struct CatalogRequest: Sendable {
    /// Such as `GET`.
    var method: String
    /// The parts of the path after `/iceberg/v1`, percent-decoded.
    var path: [String]
    /// The query, percent-decoded; the last of a name counts.
    var query: [String: String] = [:]
    /// The version of a table that the client has.
    var ifNoneMatch: String?
    /// The whole body.
    var body: [UInt8] = []

    /// The body as JSON.
    func json(_ limits: CatalogLimits) throws -> JSON {
        guard !body.isEmpty else { throw CatalogError.badRequest("the request has no body: send JSON") }
        // Values cost many times their bytes in memory, and a few bytes are enough for one.
        let marks = body.reduce(into: 0) { count, byte in
            count += byte == 0x2C || byte == 0x5B || byte == 0x7B ? 1 : 0
        }
        guard marks < limits.bodyValues else {
            throw CatalogError(
                413, "PayloadTooLargeException", "the body has more than \(limits.bodyValues) values: send less at once"
            )
        }
        let json: JSON
        do {
            json = try JSON(parsing: body)
        } catch let error as IcebergError {
            throw CatalogError.badRequest("the body is not readable: \(error.message)")
        }
        guard case .object = json else { throw CatalogError.badRequest("the body must be a JSON object") }
        return json
    }

    /// A namespace in a path: its levels with the unit separator between them.
    static func namespace(_ part: String) throws -> String {
        try TableIdentifier.namespace(
            levels: part.split(separator: "\u{1F}", omittingEmptySubsequences: false).map { String($0) })
    }

    /// A table's name in a path.
    static func table(_ namespace: String, _ name: String) throws -> TableIdentifier {
        TableIdentifier(try self.namespace(namespace), name)
    }
}

/// An answer of the catalog.
struct CatalogAnswer: Sendable {
    var status: Int
    /// JSON; empty for none.
    var body: [UInt8] = []
    /// Names the version of a table.
    var entityTag: String?
    var retryAfterSeconds: Int?
    var allow: String?

    /// 204: done, and nothing to say.
    static let done = CatalogAnswer(status: 204)

    /// 200 with an object.
    static func object(_ write: (inout JSONWriter) throws -> Void) rethrows -> CatalogAnswer {
        CatalogAnswer(status: 200, body: try JSONWriter.object(write))
    }

    /// The error object of the specification.
    init(_ error: CatalogError) {
        status = error.status
        body = JSONWriter.object { writer in
            writer.key("error")
            writer.object { writer in
                writer.member("message", error.message)
                writer.member("type", error.type)
                writer.member("code", error.status)
            }
        }
        retryAfterSeconds = error.retryAfterSeconds
        allow = error.allow
    }

    init(status: Int, body: [UInt8] = []) {
        self.status = status
        self.body = body
    }
}
