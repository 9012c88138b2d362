import Crypto
import Foundation

/// AWS's Signature Version 4, in the header form, for one service and region.
package struct S3Signer {
    let credentials: S3Credentials
    let region: String
    let service: String

    /// A signer with these keys.
    package init(credentials: S3Credentials, region: String, service: String = "s3") {
        self.credentials = credentials
        self.region = region
        self.service = service
    }

    /// Builds the URL and adds the fields that sign it: every header given is signed.
    package func signed(
        _ method: String, isTLS: Bool, authority: String, path: String, query: [(String, String)], headers: HTTPFields,
        body: [UInt8], at seconds: Int64
    ) -> HTTPRequest {
        let time = Self.time(seconds)
        let hash = Self.hex(SHA256.hash(data: body))
        var fields = headers
        fields["Host"] = authority
        fields["x-amz-date"] = time
        fields["x-amz-content-sha256"] = hash
        if let token = credentials.sessionToken { fields["x-amz-security-token"] = token }
        let canonicalQuery = Self.canonical(query)
        let named = fields.fields.map { ($0.name.lowercased(), Self.trimmed($0.value)) }.sorted { $0.0 < $1.0 }
        let names = named.map(\.0).joined(separator: ";")
        let canonical =
            [method, path, canonicalQuery] + named.map { "\($0.0):\($0.1)" } + ["", names, hash]
        let day = String(time.prefix(8))
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let toSign = [
            "AWS4-HMAC-SHA256", time, scope, Self.hex(SHA256.hash(data: Data(canonical.joined(separator: "\n").utf8))),
        ].joined(separator: "\n")
        var key = SymmetricKey(data: Data(("AWS4" + credentials.secretKey).utf8))
        for part in [day, region, service, "aws4_request"] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Data(part.utf8), using: key))
        }
        let signature = Self.hex(HMAC<SHA256>.authenticationCode(for: Data(toSign.utf8), using: key))
        fields["Authorization"] =
            "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope),SignedHeaders=\(names),Signature=\(signature)"
        let url = (isTLS ? "https://" : "http://") + authority + path + (query.isEmpty ? "" : "?" + canonicalQuery)
        return HTTPRequest(method, url, headers: fields, body: body)
    }

    /// The query as it is signed and sent: encoded, and sorted by name.
    static func canonical(_ query: [(String, String)]) -> String {
        query.map { (encoded($0.0), encoded($0.1)) }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
            .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    /// Percent-encoding of every byte but letters, digits and `-._~`.
    package static func encoded(_ text: String, keepingSlashes: Bool = false) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                out.append(byte)
            case UInt8(ascii: "/") where keepingSlashes: out.append(byte)
            default: out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// `20130524T000000Z` of seconds since 1970 UTC.
    static func time(_ seconds: Int64) -> String {
        var clock = time_t(seconds)
        var parts = tm()
        gmtime_r(&clock, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : String(number) }
        return "\(parts.tm_year + 1900)\(two(parts.tm_mon + 1))\(two(parts.tm_mday))"
            + "T\(two(parts.tm_hour))\(two(parts.tm_min))\(two(parts.tm_sec))Z"
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let small = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [small[Int($0 >> 4)], small[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static let digits = Array("0123456789ABCDEF".utf8)

    /// Without spaces around, and with runs of them made one.
    private static func trimmed(_ value: String) -> String {
        value.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    }
}
