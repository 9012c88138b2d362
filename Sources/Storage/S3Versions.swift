import Foundation

/// What a bucket keeps of objects besides what they are now: a version from before, or the mark that one was deleted.
public struct OldVersion: Sendable, Hashable {
    /// The object.
    public let location: String
    /// Which of its versions.
    public let id: String
    /// Whether it is a mark, without any bytes.
    public let isMark: Bool
}

/// An upload in parts that was neither completed nor given up: its parts are kept, and no listing of objects shows them.
public struct UnfinishedUpload: Sendable, Hashable {
    /// The object that it would have made.
    public let location: String
    /// Which upload.
    public let id: String
    /// When it was begun, in microseconds since the epoch, UTC.
    public let begunMicroseconds: Int64
}

extension S3Storage {
    /// The old versions and the marks below a prefix; none in a bucket that keeps no versions.
    public func oldVersions(prefix: String) throws -> [OldVersion] {
        var found: [OldVersion] = []
        try pages(
            "versions", prefix, root: "ListVersionsResult", markers: ["key-marker", "version-id-marker"],
            next: ["NextKeyMarker", "NextVersionIdMarker"], entries: ["Version", "DeleteMarker"]
        ) { entry, location in
            let isMark = entry.name == "DeleteMarker"
            guard let id = entry.text("VersionId") else { return false }
            if isMark || entry.text("IsLatest") != "true" {
                found.append(OldVersion(location: location, id: id, isMark: isMark))
            }
            return true
        }
        return found
    }

    /// Removes versions for good, and marks after all of them: without its mark, what was deleted would be there again.
    /// - Throws: the first ``StorageError`` after all were tried.
    public func delete(_ versions: [OldVersion]) throws {
        var failure: (any Error)?
        for marks in [false, true] {
            for version in versions where version.isMark == marks && (failure == nil || !marks) {
                do {
                    var call = S3Call("DELETE", try object(version.location))
                    call.query = [("versionId", version.id)]
                    call.expected = [404]
                    _ = try client.send(call)
                } catch {
                    failure = failure ?? error
                }
            }
        }
        if let failure { throw failure }
    }

    /// Uploads in parts below a prefix that were begun and not ended.
    public func unfinishedUploads(prefix: String) throws -> [UnfinishedUpload] {
        var found: [UnfinishedUpload] = []
        try pages(
            "uploads", prefix, root: "ListMultipartUploadsResult", markers: ["key-marker", "upload-id-marker"],
            next: ["NextKeyMarker", "NextUploadIdMarker"], entries: ["Upload"]
        ) { entry, location in
            guard let id = entry.text("UploadId"),
                let begun = entry.text("Initiated").flatMap({ HTTPDate.microseconds(iso: $0) })
            else {
                return false
            }
            found.append(UnfinishedUpload(location: location, id: id, begunMicroseconds: begun))
            return true
        }
        return found
    }

    /// Gives uploads up, with the parts that came so far.
    /// - Throws: the first ``StorageError`` after all were tried.
    public func abort(_ uploads: [UnfinishedUpload]) throws {
        var failure: (any Error)?
        for upload in uploads {
            do {
                var call = S3Call("DELETE", try object(upload.location))
                call.query = [("uploadId", upload.id)]
                call.expected = [404]
                _ = try client.send(call)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    /// The largest answer of a listing that is read.
    private static let answerBytesMax = 16 << 20

    /// Goes through a listing of the bucket page by page; `body` says whether it understood an entry.
    private func pages(
        _ kind: String, _ prefix: String, root: String, markers: [String], next: [String], entries: Set<String>,
        _ body: (XMLElement, String) throws -> Bool
    ) throws {
        let place = try S3Location(prefix)
        func failed(_ reason: String) -> StorageError {
            StorageError(.failed, at: prefix, "the listing of \(kind) of \(client.endpoint.shown) \(reason)")
        }
        var continued: [(String, String)] = []
        var count = 0
        while true {
            var call = S3Call("GET", place)
            call.key = ""
            call.query = [(kind, ""), ("prefix", place.key)] + continued
            // Ceph encodes the keys of uploads when asked to, and does not say so: they would name other objects.
            if kind != "uploads" { call.query.append(("encoding-type", "url")) }
            call.query.append((kind == "uploads" ? "max-uploads" : "max-keys", String(S3Listing.pageKeys)))
            call.bytesMax = Self.answerBytesMax
            let answer = try client.send(call).response.body
            let page: XMLElement
            do { page = try XMLElement(parsing: answer) } catch {
                throw failed("answers in words that are not understood (\(error))")
            }
            guard page.name == root else { throw failed("answers with <\(page.name)>") }
            let isEncoded = page.text("EncodingType") == "url"
            func text(_ name: String, of element: XMLElement) -> String? {
                element.text(name).flatMap { isEncoded ? S3Listing.decoded($0) : $0 }
            }
            for entry in page.children where entries.contains(entry.name) {
                guard let key = text("Key", of: entry), key.utf8.starts(with: place.key.utf8),
                    try body(entry, place.with(key: key))
                else { throw failed("names something without key or number, or outside of the prefix") }
                count += 1
            }
            guard count <= StorageLimits.listedObjects else {
                throw StorageError(.tooLarge, at: prefix, "has more than \(StorageLimits.listedObjects) \(kind)")
            }
            guard page.text("IsTruncated") == "true" else { return }
            let places = [text(next[0], of: page) ?? "", page.text(next[1]) ?? ""]
            let following = zip(markers, places).filter { !$0.1.isEmpty }.map { ($0.0, $0.1) }
            guard !following.isEmpty, !following.elementsEqual(continued, by: ==) else {
                throw failed("says that there is more and not where")
            }
            continued = following
        }
    }
}
