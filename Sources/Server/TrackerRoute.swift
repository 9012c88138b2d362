import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// `/tracker.js`: the script that a shop's pages load from here, whatever site they are of.
struct TrackerRoute: Sendable {
    static let path = "/tracker.js"
    /// The most bytes that the script may have as it is served.
    static let bytesMax = 2_048
    /// For how long browsers keep it, in seconds.
    static let cacheSeconds = 3_600

    private let script: [UInt8]

    /// - Throws: `ServerError` when the program's folder has no such script, or too large a one.
    init(webFolder: String) throws(ServerError) {
        let path = webFolder + "/tracker/tracker.js"
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw ServerError("the tracker script \(path) cannot be read: is the program's web/ folder whole?")
        }
        guard bytes.count <= TrackerRoute.bytesMax else {
            throw ServerError("the tracker script \(path) has \(bytes.count) bytes, over \(TrackerRoute.bytesMax)")
        }
        script = Array(bytes)
    }

    func add(to router: Router<BasicRequestContext>) {
        router.get("/tracker.js") { _, _ in
            var headers = HTTPFields()
            headers[.contentType] = "text/javascript; charset=utf-8"
            headers[.cacheControl] = "public, max-age=\(TrackerRoute.cacheSeconds)"
            // For pages that ask for the script with CORS, or that let in nothing of others without being told so.
            headers[.accessControlAllowOrigin] = "*"
            headers[.crossOriginResourcePolicy] = "cross-origin"
            return Response(
                status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: script)))
        }
    }
}

extension HTTPField.Name {
    /// Whether pages of other sites may load what is answered (Fetch, section 3.7).
    static let crossOriginResourcePolicy = HTTPField.Name("Cross-Origin-Resource-Policy").unsafelyUnwrapped
}
