import Crypto
import Foundation

/// The objects below a prefix, page by page.
struct S3Listing {
    /// Keys in one answer.
    static let pageKeys = 1000
    private static let answerBytesMax = 16 << 20

    private let client: S3Client
    private let prefix: S3Location

    init(_ client: S3Client, _ prefix: S3Location) {
        self.client = client
        self.prefix = prefix
    }

    /// One answer.
    struct Page {
        var objects: [ObjectInfo] = []
        var next: String?
    }

    /// All of them, in the order of the bytes of their keys.
    func all() throws -> [ObjectInfo] {
        var found: [ObjectInfo] = []
        var token: String?
        repeat {
            let page = try page(after: token, keysMax: Self.pageKeys)
            // An answer that leads nowhere would go on for ever.
            guard page.next == nil || page.next != token, page.next == nil || !page.objects.isEmpty else {
                throw failed("gives pages without end")
            }
            found += page.objects
            guard found.count <= StorageLimits.listedObjects else {
                throw StorageError(
                    .tooLarge, at: prefix.description, "has more than \(StorageLimits.listedObjects) objects")
            }
            token = page.next
        } while token != nil
        return found.sorted { $0.location.utf8.lexicographicallyPrecedes($1.location.utf8) }
    }

    /// The page that follows a token, or the first.
    func page(after token: String?, keysMax: Int) throws -> Page {
        var call = S3Call("GET", prefix)
        call.key = ""
        call.query = [
            ("list-type", "2"), ("prefix", prefix.key), ("max-keys", String(keysMax)), ("encoding-type", "url"),
        ]
        if let token { call.query.append(("continuation-token", token)) }
        call.bytesMax = Self.answerBytesMax
        let body = try client.send(call).response.body
        let root: XMLElement
        do {
            root = try XMLElement(parsing: body)
        } catch {
            throw failed("answers in words that are not understood (\(error))")
        }
        guard root.name == "ListBucketResult" else { throw failed("answers with <\(root.name)>") }
        let isEncoded = root.text("EncodingType") == "url"
        var page = Page()
        for entry in root.children where entry.name == "Contents" {
            guard let text = entry.text("Key"), let key = isEncoded ? Self.decoded(text) : text,
                let size = entry.text("Size").flatMap({ Int64($0) }), size >= 0,
                let modified = entry.text("LastModified").flatMap({ HTTPDate.microseconds(iso: $0) })
            else { throw failed("names an object without key, size or time") }
            guard key.utf8.starts(with: prefix.key.utf8) else { throw failed("names an object outside of the prefix") }
            page.objects.append(
                ObjectInfo(location: prefix.with(key: key), size: size, modifiedMicroseconds: modified))
        }
        if root.text("IsTruncated") == "true" {
            guard let next = root.text("NextContinuationToken"), !next.isEmpty else {
                throw failed("says that there is more and not where")
            }
            page.next = next
        }
        return page
    }

    private func failed(_ reason: String) -> StorageError {
        StorageError(.failed, at: prefix.description, "the listing of \(client.endpoint.shown) \(reason)")
    }

    /// The bytes that `%20` and `+` stand for.
    static func decoded(_ text: String) -> String? {
        var out: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): out.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let value = UInt8(String(Substring(rest.prefix(2))), radix: 16), rest.count >= 2 else {
                    return nil
                }
                out.append(value)
                rest = rest.dropFirst(2)
            default: out.append(byte)
            }
        }
        return String(validating: out, as: UTF8.self)
    }
}

/// Many objects of one bucket removed by one request.
struct S3Removal {
    private static let answerBytesMax = 4 << 20
    private let client: S3Client

    init(_ client: S3Client) { self.client = client }

    /// Removes the objects, all of one bucket.
    func remove(_ objects: [S3Location]) throws {
        guard let first = objects.first else { return }
        let named = objects.map { "<Object><Key>\(XMLElement.escaped($0.key))</Key></Object>" }
        var call = S3Call("POST", first)
        call.key = ""
        call.query = [("delete", "")]
        call.body = Array("<Delete><Quiet>true</Quiet>\(named.joined())</Delete>".utf8)
        call.headers = [
            "Content-Type": "application/xml",
            "Content-MD5": Data(Insecure.MD5.hash(data: call.body)).base64EncodedString(),
        ]
        call.bytesMax = Self.answerBytesMax
        let body = try client.send(call).response.body
        let answer: XMLElement
        do {
            answer = try XMLElement(parsing: body)
        } catch {
            throw StorageError(
                .failed, at: first.description,
                "\(client.endpoint.shown) answered a removal in unknown words (\(error))")
        }
        if let refused = answer["Error"] {
            throw StorageError(
                .failed, at: first.with(key: refused.text("Key") ?? ""),
                "cannot be removed: \(refused.text("Code") ?? ""), \(refused.text("Message") ?? "")")
        }
    }
}
