import Access
import Collector
import EventLog

/// A request that is answered with an error.
struct DoorRefusal: Error {
    var status: Int
    /// What the metrics count it as.
    var reason: DoorMetrics.Refused
    /// One line that says what to do.
    var message: String
    var retryAfterSeconds: Int?
    /// The id of the key whose limits are used up.
    var limitedKeyID: String?

    init(_ status: Int, _ reason: DoorMetrics.Refused, _ message: String, retryAfterSeconds: Int? = nil) {
        self.status = status
        self.reason = reason
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
    }

    static let tooLarge = DoorRefusal(
        413, .tooLarge,
        "too_large: a body may have up to \(Collector.bodyBytes) bytes, decompressed; send it in parts")
    static let underPressure = DoorRefusal(
        429, .pressure, "too many bytes in flight: slow down and try again", retryAfterSeconds: 1)
    static let slowHead = DoorRefusal(408, .slowHead, "the request's head took too long")
    static let slowBody = DoorRefusal(408, .slowBody, "the request's body came too slowly: send it in smaller parts")
    static let stopping = DoorRefusal(
        503, .stopping, "the server is stopping, and nothing of this request was stored: send it again",
        retryAfterSeconds: 1)

    init(_ refusal: WriteRefusal) {
        let (status, reason): (Int, DoorMetrics.Refused) =
            switch refusal {
            case .missing, .unknown, .revoked: (401, .unauthorized)
            case .wrongOrigin: (403, .origin)
            case .overRate: (429, .rate)
            case .overQuota: (429, .quota)
            }
        self.init(status, reason, refusal.message, retryAfterSeconds: refusal.retryAfterSeconds)
        limitedKeyID = refusal.limitedKeyID
    }

    init(_ error: InflateError) {
        switch error {
        case .malformed: self.init(400, .malformed, error.description)
        case .tooLarge: self = .tooLarge
        case .refused: self = .underPressure
        }
    }

    init(_ error: CollectError) {
        switch error {
        case .tooManyEvents, .log(.batchTooLarge): self.init(413, .tooLarge, "too_large: \(error)")
        case .log(.busy): self.init(429, .pressure, error.description, retryAfterSeconds: 1)
        case .log(.outOfOrder): self.init(409, .outOfOrder, error.description)
        case .log: self.init(503, .log, error.description, retryAfterSeconds: 5)
        }
    }
}
