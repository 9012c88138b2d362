import Collector
import Events
import NIOCore

/// Writes whole answers, head and body, as they go over the wire.
struct DoorAnswer {
    /// Fields that only some answers have.
    struct Fields {
        /// The origin that may read the answer, or `*`.
        var allowedOrigin: String?
        var retryAfterSeconds: Int?
        /// Whether the connection ends with this answer.
        var isLast = false
        /// Whether a client of HTTP/1.0 asked for the connection to stay.
        var saysKeepAlive = false
        /// Whether the client has to show a key or a token.
        var asksForKey = false
        /// Whether it answers a browser's question before a request of another origin.
        var isPreflight = false
    }

    /// For how long a browser may remember the answer to a preflight, in seconds: the longest that Chromium takes.
    static let preflightSeconds = 7_200

    /// What became of a request's events.
    static func write(_ result: CollectResult, _ fields: Fields, date: String, to buffer: inout ByteBuffer) {
        var json = ByteBuffer()
        writeBody(result, to: &json)
        head("202 Accepted", fields, date, bodyBytes: json.readableBytes, to: &buffer)
        buffer.writeBuffer(&json)
    }

    /// What became of a request's events, as JSON.
    static func writeBody(_ result: CollectResult, to json: inout ByteBuffer) {
        json.reserveCapacity(96 + 48 * result.rejected.count)
        json.writeStaticString("{\"accepted\":")
        json.writeString(String(result.accepted))
        json.writeStaticString(",\"rejected\":[")
        var isFirst = true
        for rejection in result.rejected {
            json.writeStaticString(isFirst ? "{\"index\":" : ",{\"index\":")
            isFirst = false
            json.writeString(String(rejection.index))
            json.writeStaticString(",\"reason\":\"")
            json.writeString(rejection.reason.description)
            json.writeStaticString("\"}")
        }
        json.writeStaticString("],\"rejected_count\":")
        json.writeString(String(result.rejectedCount))
        if result.erased > 0 {
            json.writeStaticString(",\"erased\":")
            json.writeString(String(result.erased))
        }
        json.writeStaticString(",\"commit\":")
        json.writeString(String(result.commit))
        if result.isRepeat { json.writeStaticString(",\"repeat\":true") }
        json.writeStaticString("}")
    }

    /// An error with its one line.
    static func write(_ refusal: DoorRefusal, _ fields: Fields, date: String, to buffer: inout ByteBuffer) {
        var fields = fields
        fields.retryAfterSeconds = refusal.retryAfterSeconds
        fields.asksForKey = refusal.status == 401
        let json = "{\"error\":\"\(JSONText.escaped(refusal.message))\"}"
        head("\(refusal.status) \(phrase(refusal.status))", fields, date, bodyBytes: json.utf8.count, to: &buffer)
        buffer.writeString(json)
    }

    /// The answer to `OPTIONS`.
    static func writeOptions(_ fields: Fields, date: String, to buffer: inout ByteBuffer) {
        var fields = fields
        fields.isPreflight = true
        head("204 No Content", fields, date, bodyBytes: nil, to: &buffer)
    }

    /// That the client may go on and send its body.
    static func writeContinue(to buffer: inout ByteBuffer) {
        buffer.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
    }

    private static func head(
        _ status: String, _ fields: Fields, _ date: String, bodyBytes: Int?, to buffer: inout ByteBuffer
    ) {
        buffer.reserveCapacity(minimumWritableBytes: 512 + (bodyBytes ?? 0))
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(status)
        if let bodyBytes {
            buffer.writeStaticString("\r\ncontent-type: application/json\r\ncontent-length: ")
            buffer.writeString(String(bodyBytes))
        }
        buffer.writeStaticString(
            "\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nserver: cartograph\r\ndate: ")
        buffer.writeString(date)
        if let origin = fields.allowedOrigin {
            buffer.writeStaticString("\r\naccess-control-allow-origin: ")
            buffer.writeString(origin)
            buffer.writeStaticString("\r\naccess-control-expose-headers: retry-after\r\nvary: origin")
            if fields.isPreflight {
                buffer.writeStaticString("\r\naccess-control-allow-methods: POST\r\naccess-control-allow-headers: ")
                buffer.writeStaticString("authorization, content-type, content-encoding, x-cartograph-key, ")
                buffer.writeStaticString("cartograph-producer, cartograph-sequence\r\naccess-control-max-age: ")
                buffer.writeString(String(preflightSeconds))
            }
        }
        if fields.isPreflight { buffer.writeStaticString("\r\nallow: POST, OPTIONS") }
        if let seconds = fields.retryAfterSeconds {
            buffer.writeStaticString("\r\nretry-after: ")
            buffer.writeString(String(seconds))
        }
        if fields.asksForKey { buffer.writeStaticString("\r\nwww-authenticate: Bearer") }
        if fields.isLast {
            buffer.writeStaticString("\r\nconnection: close")
        } else if fields.saysKeepAlive {
            buffer.writeStaticString("\r\nconnection: keep-alive")
        }
        buffer.writeStaticString("\r\n\r\n")
    }

    private static func phrase(_ status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 503: "Service Unavailable"
        default: "Error"
        }
    }
}

/// Text inside a JSON string.
enum JSONText {
    static func escaped(_ text: String) -> String {
        var out = ""
        for character in text.unicodeScalars {
            switch character {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\u{0}"..<" ":
                let code = String(character.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - code.count) + code
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }
}
