import Collector
import EventLog
import NIOHTTP1

/// What the head of a request to `/v1/events` says.
struct DoorRequest {
    /// The path that the door answers itself.
    static let path = "/v1/events"

    var contentType: String?
    var contentEncoding: String?
    var contentLength: Int?
    /// The web page's origin, unless it is this server's own.
    var origin: String?
    var expectation: String?
    /// The key or token that it shows.
    var credential: String?
    private var producer: String?
    private var sequence: String?

    /// Whether a head is for the door.
    static func isFor(_ head: HTTPRequestHead) -> Bool {
        guard head.method == .POST || head.method == .OPTIONS, head.uri.hasPrefix(path) else { return false }
        let rest = head.uri.utf8.dropFirst(path.utf8.count)
        return rest.isEmpty || rest.first == UInt8(ascii: "?")
    }

    init(_ head: HTTPRequestHead) {
        var bearer: String?
        var key: String?
        var host: String?
        // One walk over the fields: each look-up by name would be one of its own.
        for (name, value) in head.headers {
            switch name.utf8.count {
            case 4 where DoorRequest.isSame(name, "host"): host = host ?? value
            case 6 where DoorRequest.isSame(name, "origin"): origin = origin ?? value
            case 6 where DoorRequest.isSame(name, "expect"): expectation = expectation ?? value
            case 12 where DoorRequest.isSame(name, "content-type"): contentType = contentType ?? value
            case 13 where DoorRequest.isSame(name, "authorization"): bearer = bearer ?? DoorRequest.bearer(value)
            case 14 where DoorRequest.isSame(name, "content-length"): contentLength = Int(value)
            case 16 where DoorRequest.isSame(name, "content-encoding"): contentEncoding = contentEncoding ?? value
            case 16 where DoorRequest.isSame(name, "x-cartograph-key"): key = key ?? value
            case 19 where DoorRequest.isSame(name, "cartograph-producer"): producer = producer ?? value
            case 19 where DoorRequest.isSame(name, "cartograph-sequence"): sequence = sequence ?? value
            default: break
            }
        }
        if let origin, let host, DoorRequest.isOwn(origin, host: host) { self.origin = nil }
        credential = key ?? bearer ?? DoorRequest.queryKey(head.uri)
    }

    private static func isSame(_ name: String, _ lowercase: StaticString) -> Bool {
        var place = 0
        for byte in name.utf8 {
            let letter = byte &- 0x41 < 26 ? byte | 0x20 : byte
            if letter != lowercase.utf8Start[place] { return false }
            place += 1
        }
        return true
    }

    /// Whether a page came from this server itself.
    static func isOwn(_ origin: String, host: String) -> Bool {
        origin == "http://" + host || origin == "https://" + host
    }

    /// What stands behind `Bearer`, whose case does not matter (RFC 9110, section 11.1).
    static func bearer(_ value: String) -> String? {
        guard value.utf8.count > 7, value.prefix(7).lowercased() == "bearer " else { return nil }
        return String(value.dropFirst(7))
    }

    /// The write key in an address, for senders that cannot set headers. A token is not taken from there.
    static func queryKey(_ uri: String) -> String? {
        guard let mark = uri.utf8.firstIndex(of: UInt8(ascii: "?")) else { return nil }
        return uri[uri.index(after: mark)...].split(separator: "&").lazy
            .first { $0.hasPrefix("key=ck_") }.map { String($0.dropFirst(4)) }
    }

    /// How the body holds its events, by its content type.
    func format() throws(DoorRefusal) -> BodyFormat {
        guard let contentType else { return .either }
        switch contentType {
        case "application/json": return .json
        case "application/x-ndjson": return .ndjson
        default: break
        }
        let type = contentType.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
        switch type {
        case "application/json": return .json
        case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
            return .ndjson
        // What browsers send from sendBeacon, and what curl and senders without a type of their own send.
        case "", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream": return .either
        default:
            throw DoorRefusal(
                415, .unsupported,
                "content-type \(type.prefix(80)) is not supported: send application/json or application/x-ndjson")
        }
    }

    /// How the body is compressed; nil when it is not.
    func encoding() throws(DoorRefusal) -> BodyEncoding? { try DoorRequest.encoding(contentEncoding) }

    static func encoding(_ contentEncoding: String?) throws(DoorRefusal) -> BodyEncoding? {
        guard let contentEncoding, !contentEncoding.isEmpty, contentEncoding.lowercased() != "identity" else {
            return nil
        }
        guard let encoding = BodyEncoding(contentCoding: contentEncoding) else {
            throw DoorRefusal(
                415, .unsupported,
                "content-encoding \(contentEncoding.prefix(40)) is not supported: send gzip, zstd or none")
        }
        return encoding
    }

    /// The stamp of a sender that numbers its batches, which are stored once however often it sends.
    func stamp() throws(DoorRefusal) -> ProducerStamp? {
        try DoorRequest.stamp(producer: producer, sequence: sequence)
    }

    static func stamp(producer: String?, sequence: String?) throws(DoorRefusal) -> ProducerStamp? {
        guard let producer else { return nil }
        guard !producer.isEmpty, producer.utf8.count <= AppendBatch.producerBytes,
            let sequence = sequence.flatMap({ Int64($0) }), sequence > 0
        else {
            throw DoorRefusal(
                400, .malformed,
                "cartograph-producer needs a name of at most \(AppendBatch.producerBytes) bytes and a "
                    + "cartograph-sequence of 1 or more")
        }
        return ProducerStamp(producer: producer, sequence: sequence)
    }
}
