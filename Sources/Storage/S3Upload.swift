import Foundation

extension S3Storage {
    /// Creates the objects, several at a time. When one fails, some of the others may exist.
    public func create(_ objects: [NewObject]) throws {
        let uploads = try objects.map { S3Upload(client: client, location: try object($0.location), bytes: $0.bytes) }
        _ = try uploads.mapAtOnce(upTo: Self.createsInFlight) { try $0.create() }
    }
}

/// One object on its way to the store.
struct S3Upload: Sendable {
    let client: S3Client
    let location: S3Location
    let bytes: [UInt8]
    /// Tells this create from every other of the same key.
    private let mark = UUID().uuidString.lowercased()

    init(client: S3Client, location: S3Location, bytes: [UInt8]) {
        self.client = client
        self.location = location
        self.bytes = bytes
    }

    func create() throws {
        if bytes.count <= S3Storage.partBytes { try put() } else { try putInParts() }
    }

    private func put() throws {
        var call = S3Call("PUT", location)
        call.headers = ["If-None-Match": "*", S3Storage.markField: mark, "Content-Type": "application/octet-stream"]
        call.body = bytes
        call.expected = [412]
        let answer = try client.send(call)
        guard answer.response.status == 412 else { return }
        // Taken. By ourselves, if an earlier try was done and its answer lost.
        guard answer.mayBeRepeated, try isOurs() else { throw taken() }
    }

    private func taken() -> StorageError {
        StorageError(.alreadyExists, at: location.description, "already exists, and is left as it was")
    }

    /// Whether the object that is there now was made by this create.
    private func isOurs() throws -> Bool {
        var call = S3Call("HEAD", location)
        call.expected = [404]
        let response = try client.send(call).response
        return response.status == 200 && response.headers[S3Storage.markField] == mark
    }

    /// Uploads the parts and completes them under the condition that the key is free.
    ///
    /// Stores from before conditional completion ignore the condition. So the key is claimed first, by a small object
    /// beside it that only one writer can create; who has the claim looks whether the key is free, and nobody else writes
    /// there until the claim is gone. An upload that fails is aborted; what a killed process leaves of it is invisible, and
    /// goes by the bucket's rule for incomplete uploads. Its claim goes with the orphans.
    private func putInParts() throws {
        let claim = S3Upload(
            client: client, location: try S3Location(location.with(key: location.key + S3Storage.claimSuffix)),
            bytes: Array(mark.utf8))
        do {
            try claim.put()
        } catch let error as StorageError where error.kind == .alreadyExists {
            throw StorageError(
                .alreadyExists, at: location.description,
                "is being created by another writer, or was when that was killed; remove \(claim.location) if so")
        }
        var isCompleting = false
        do {
            try putInParts(&isCompleting)
        } catch {
            // While a completion may still come to pass, nobody else may write there.
            if !isCompleting || (error as? StorageError)?.kind == .alreadyExists { claim.remove() }
            throw error
        }
        claim.remove()
    }

    /// Takes a claim away. One that stays costs a few bytes: the object that it was for is there, or nobody has its name.
    private func remove() {
        var call = S3Call("DELETE", location)
        call.expected = [404]
        _ = try? client.send(call)
    }

    private func putInParts(_ isCompleting: inout Bool) throws {
        try checkFree()
        var begin = S3Call("POST", location)
        begin.query = [("uploads", "")]
        begin.headers = [S3Storage.markField: mark, "Content-Type": "application/octet-stream"]
        guard let id = try? XMLElement(parsing: try client.send(begin).response.body).text("UploadId"), !id.isEmpty
        else {
            throw StorageError(.failed, at: location.description, "the store began an upload and did not name it")
        }
        do {
            let tags = try uploadParts(id)
            // A writer of one part claims nothing, and may have come meanwhile.
            try checkFree()
            isCompleting = true
            try complete(id, tags)
        } catch {
            abort(id)
            throw error
        }
    }

    private func checkFree() throws {
        var look = S3Call("HEAD", location)
        look.expected = [404]
        guard try client.send(look).response.status == 404 else { throw taken() }
    }

    private func uploadParts(_ id: String) throws -> [String] {
        let size = max(S3Storage.partBytes, (bytes.count + S3Storage.partsMax - 1) / S3Storage.partsMax)
        let count = (bytes.count + size - 1) / size
        return try (0..<count).mapAtOnce(upTo: S3Storage.partsInFlight) { part in
            var call = S3Call("PUT", location)
            call.query = [("partNumber", String(part + 1)), ("uploadId", id)]
            call.body = Array(bytes[(part * size)..<min(bytes.count, (part + 1) * size)])
            guard let tag = try client.send(call).response.headers["ETag"] else {
                throw StorageError(.failed, at: location.description, "the store took part \(part + 1) without a tag")
            }
            return tag
        }
    }

    private func complete(_ id: String, _ tags: [String]) throws {
        var call = S3Call("POST", location)
        call.query = [("uploadId", id)]
        call.headers = ["If-None-Match": "*", "Content-Type": "application/xml"]
        let parts = tags.enumerated().map {
            "<Part><PartNumber>\($0 + 1)</PartNumber><ETag>\(XMLElement.escaped($1))</ETag></Part>"
        }
        call.body = Array("<CompleteMultipartUpload>\(parts.joined())</CompleteMultipartUpload>".utf8)
        call.expected = [412]
        call.expectedCodes = ["NoSuchUpload"]
        let answer = try client.send(call)
        if (200..<300).contains(answer.response.status) { return }
        // The upload is gone or the key is taken: by our own completion, if its answer was lost.
        if answer.mayBeRepeated, try isOurs() { return }
        if answer.response.status == 412 { throw taken() }
        throw StorageError(
            .failed, at: location.description, "somebody ended the upload of its parts: see who cleans the bucket")
    }

    private func abort(_ id: String) {
        var call = S3Call("DELETE", location)
        call.query = [("uploadId", id)]
        call.expected = [404]
        // What cannot be aborted now only takes space, which the bucket's rule for incomplete uploads ends.
        _ = try? client.send(call)
    }
}
