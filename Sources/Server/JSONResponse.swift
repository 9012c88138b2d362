import HTTPTypes
import Hummingbird
import NIOCore

/// Answers in JSON.
enum JSONResponse {
    static func make(_ status: HTTPResponse.Status, _ json: [UInt8]) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "application/json"
        headers[.cacheControl] = "no-store"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: json)))
    }

    static func error(_ status: HTTPResponse.Status, _ message: String, retryAfter: Int? = nil) -> Response {
        var response = make(status, Array("{\"error\":\"\(JSONText.escaped(message))\"}".utf8))
        if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
        return response
    }

    static func error(_ refusal: DoorRefusal) -> Response {
        error(HTTPResponse.Status(code: refusal.status), refusal.message, retryAfter: refusal.retryAfterSeconds)
    }
}
