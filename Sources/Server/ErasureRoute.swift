import Events
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle

/// `POST /api/v1/erasures`: erases a customer or several, named in the body and in no address that somebody might keep. The answer is
/// NDJSON: lines that say how far it is, and at last one with the certificate or with what went wrong.
///
/// The erasure goes on when the caller goes away.
struct ErasureRoute: Sendable {
    /// The largest body: as many ids as one erasure takes, of usual lengths.
    static let bodyBytes = 8 << 20
    /// Lines that wait for a slow caller; the newest stay.
    static let lines = 16

    let operations: any ShopOperations

    func add(to router: Router<BasicRequestContext>) {
        router.post("/api/v1/erasures") { request, _ in try await self.erase(request) }
    }

    private struct Asked: Decodable {
        let user: String?
        let users: [String]?
        let dry_run: Bool?

        /// Whom it names; nil where one of them is no id, or it names nobody.
        var people: People? {
            let ids = ((user.map { [$0] } ?? []) + (users ?? [])).map { PersonID($0) }
            return ids.contains { $0 == nil } ? nil : People(ids.compactMap { $0 })
        }
    }

    private func erase(_ request: Request) async throws -> Response {
        // What a page of another origin may send without asking first is no JSON.
        let type = request.headers[.contentType]?.split(separator: ";").first.map { $0.lowercased() }
        guard type == "application/json" else {
            return JSONResponse.error(.unsupportedMediaType, "send application/json")
        }
        if let origin = request.headers[.origin], !DoorRequest.isOwn(origin, host: request.head.authority ?? "") {
            return JSONResponse.error(.forbidden, "pages of other origins may not erase anybody")
        }
        let body = try await request.body.collect(upTo: Self.bodyBytes)
        guard let asked = try? JSONDecoder().decode(Asked.self, from: Data(body.readableBytesView)),
            let people = asked.people
        else {
            return JSONResponse.error(
                .badRequest,
                "send {\"user\": an id of 1 to 128 bytes, or \"users\": up to \(People.limit) of them, \"dry_run\": true or false}"
            )
        }
        let (lines, told) = AsyncStream.makeStream(
            of: [UInt8].self, bufferingPolicy: .bufferingNewest(Self.lines))
        Task { [operations] in
            do {
                told.yield(try await operations.erase(people, dryRun: asked.dry_run ?? false) { told.yield($0) })
            } catch {
                told.yield(Array("{\"error\":\"\(JSONText.escaped("\(error)"))\"}".utf8))
            }
            told.finish()
        }
        var headers = HTTPFields()
        headers[.contentType] = "application/x-ndjson"
        headers[.cacheControl] = "no-store"
        let answer = ResponseBody { writer in
            var buffer = ByteBuffer()
            for await line in lines.cancelOnGracefulShutdown() {
                buffer.clear()
                buffer.writeBytes(line)
                buffer.writeStaticString("\n")
                try await writer.write(buffer)
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: answer)
    }
}
