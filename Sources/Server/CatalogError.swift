import Collector
import Iceberg
import Storage

/// A request to the catalog that is answered with an error, in the words of the REST API's specification.
struct CatalogError: Error {
    let status: Int
    /// What the specification calls it, by the names that the Java implementation gave these errors.
    let type: String
    /// One line that says what to do.
    let message: String
    var retryAfterSeconds: Int?
    /// The methods that an address has, where another was used.
    var allow: String?

    init(_ status: Int, _ type: String, _ message: String, retryAfterSeconds: Int? = nil) {
        self.status = status
        self.type = type
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
    }

    static func badRequest(_ message: String) -> CatalogError { CatalogError(400, "BadRequestException", message) }
    static func forbidden(_ message: String) -> CatalogError { CatalogError(403, "ForbiddenException", message) }
    static func conflict(_ message: String) -> CatalogError { CatalogError(409, "CommitFailedException", message) }
    static func unsupported(_ message: String) -> CatalogError {
        CatalogError(406, "UnsupportedOperationException", message)
    }
    static let busy = CatalogError(
        503, "ServiceUnavailableException", "the catalog has too much to do: try again", retryAfterSeconds: 1)

    static func methodNotAllowed(_ allow: String) -> CatalogError {
        var error = CatalogError(405, "MethodNotAllowedException", "this address has the methods \(allow)")
        error.allow = allow
        return error
    }

    /// Any failure of the work behind a request.
    init(_ error: any Error) {
        switch error {
        case let error as CatalogError: self = error
        case let error as IcebergError: self.init(error)
        case let error as DoorRefusal: self.init(error)
        case let error as StorageError:
            // Metadata that could not be written, or read: nothing was committed.
            self.init(503, "ServiceUnavailableException", error.description, retryAfterSeconds: 5)
        default: self.init(500, "InternalServerError", "\(error)")
        }
    }

    private init(_ error: IcebergError) {
        let (status, type): (Int, String) =
            switch error.kind {
            case .notFound: (404, "NoSuchTableException")
            case .badNamespace: (404, "NoSuchNamespaceException")
            case .namespaceNotEmpty: (409, "NamespaceNotEmptyException")
            case .alreadyExists: (409, "AlreadyExistsException")
            case .badRequest: (400, "BadRequestException")
            case .conflict: (409, "CommitFailedException")
            case .forbidden: (403, "ForbiddenException")
            case .unavailable: (503, "ServiceUnavailableException")
            case .uncertain: (500, "CommitStateUnknownException")
            case .unsupported: (406, "UnsupportedOperationException")
            default: (500, "InternalServerError")
            }
        self.init(status, type, error.message, retryAfterSeconds: status == 503 ? 5 : nil)
    }

    private init(_ refusal: DoorRefusal) {
        let type =
            switch refusal.status {
            case 413: "PayloadTooLargeException"
            case 415: "UnsupportedMediaTypeException"
            case 429: "TooManyRequestsException"
            default: "BadRequestException"
            }
        self.init(refusal.status, type, refusal.message, retryAfterSeconds: refusal.retryAfterSeconds)
    }
}
